"""Every action that any app can seal has its words in the audit log's explorer."""

import importlib
import inspect
from enum import StrEnum

import pytest
from auditlog.registry import auditlog
from django.conf import settings

from audit.services import LedgerEvent
from compliance.ledger.sentences import ACTIONS, CHANGED_THINGS, GROUPS, actions_of

APPS = ("access", "records", "backups", "compliance", "audit")
_HOW = "Give it its words in compliance/ledger/sentences.py: ACTIONS for an act, CHANGED_THINGS for a watched model."


def declared() -> set[str]:
    """The values of every enum in every app's events module, and the ledger's own."""
    found = {value for name, value in vars(LedgerEvent).items() if name.isupper() and isinstance(value, str)}
    for app in APPS:
        try:
            module = importlib.import_module(f"{app}.events")
        except ModuleNotFoundError:
            continue
        for _name, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, StrEnum) and kind.__module__ == module.__name__:
                found |= {str(member) for member in kind}
    return found


def test_every_declared_event_has_a_sentence():
    missing = declared() - set(ACTIONS)

    assert declared()
    assert not missing, f"{sorted(missing)}: {_HOW}"


@pytest.mark.parametrize("model", auditlog.get_models(), ids=lambda model: model._meta.label)
def test_every_watched_model_has_a_sentence_for_each_change(model):
    thing = f"{model._meta.app_label}.{model.ref_kind}"

    assert thing in CHANGED_THINGS, f"{thing}: {_HOW}"
    assert {f"{thing}.{change}" for change in ("created", "changed", "deleted")} <= set(ACTIONS)


def test_every_group_holds_something_and_every_sentence_has_a_group():
    assert {words.group for words in ACTIONS.values()} == set(GROUPS)
    assert sorted(action for group in GROUPS for action in actions_of(group)) == sorted(ACTIONS)


def test_actions_that_hasten_a_checkpoint_are_actions():
    """A misspelt one would wait for half a minute, and nobody would notice."""
    assert set(settings.AUDIT_URGENT_ACTIONS) <= ACTIONS.keys()
