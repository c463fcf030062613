"""An entry's details in clear, for those who may see them, and the before and after of a field change.

Details are encrypted; a change's values are shown only to whoever may read that very record in that home.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.actors import Actor
from access.policies import ANYWHERE, AccessPermission, Permission
from access.policies import policy as access_policy
from audit.entries import open_details
from audit.errors import Unopenable
from audit.models import Event
from compliance.ledger.sentences import plain
from records.policies import RecordPermission
from records.policies import policy as records_policy

ERASED, UNOPENABLE = "erased", "unopenable"
_IDENTIFIERS = {"born_on", "gender", "nhs_number", "about_me", "title"}
_INNER = {"changes", "digest", "fields"}  # shown in places of their own

# What must be held, in the entry's home, to see what a change of such a record said.
_READS: dict[str, Permission] = {
    "resident": RecordPermission.READ_RESIDENT,
    "daily_note": RecordPermission.READ_DAILY_NOTE,
    "staff": AccessPermission.READ_STAFF,
    "role_holding": AccessPermission.READ_STAFF,
    "grant": AccessPermission.READ_STAFF,
    "device": AccessPermission.READ_DEVICE,
    "care_home": AccessPermission.READ_STAFF,
}

_LABELS = {
    "page": gettext_lazy("Page"),
    "last_at": gettext_lazy("Last opened"),
    "reason": gettext_lazy("Reason"),
    "method": gettext_lazy("How"),
    "permission": gettext_lazy("What was asked for"),
    "superseded": gettext_lazy("Replaces"),
    "role": gettext_lazy("Role"),
    "code": gettext_lazy("Code"),
    "entries": gettext_lazy("Entries"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One field, before and after; text of longer fields keeps its lines."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Details:
    """state: "" when they opened, else ERASED or UNOPENABLE. changes: None where this reader may not see them."""

    state: str
    facts: tuple[tuple[str, str], ...] = ()
    fields: tuple[str, ...] = ()
    changed: bool = False
    changes: tuple[Change, ...] | None = None


def page_of(event: Event) -> str:
    """The page that showed a record, as a view's details tell it; nothing where they do not open."""
    if event.kind != "view" or event.detail is None:
        return ""
    try:
        return str(open_details(event).get("page", ""))
    except (Unopenable, ValueError):
        return ""


def details(actor: Actor, event: Event) -> Details:
    """What the entry's details say, as far as this reader may see it."""
    if event.detail is None:
        return Details(ERASED)
    try:
        opened = open_details(event)
    except (Unopenable, ValueError):
        return Details(UNOPENABLE)
    changes = opened.get("changes")
    changed = changes if isinstance(changes, dict) and changes else None
    return Details(
        state="",
        facts=tuple((str(_LABELS.get(key, plain(_words(key)))), _shown(opened[key])) for key in sorted(opened)
                    if key not in _INNER),
        fields=tuple(plain(_words(str(name))) for name in _listed(opened.get("fields"))),
        changed=changed is not None,
        changes=tuple(_changes(actor, event, changed)) if changed and _may_see(actor, event) else None,
    )  # fmt: skip


def _may_see(actor: Actor, event: Event) -> bool:
    permission = _READS.get(event.subject.partition(":")[0])
    if permission is None:
        return False
    if isinstance(permission, RecordPermission):
        return event.care_home_id is not None and records_policy.allows(actor, permission, at=event.care_home_id)
    return access_policy.allows(actor, permission, at=event.care_home_id or ANYWHERE)


def _changes(actor: Actor, event: Event, changes: dict[str, Any]) -> Iterator[Change]:
    identifies = event.care_home_id is not None and records_policy.allows(
        actor, RecordPermission.READ_IDENTIFIERS, at=event.care_home_id
    )
    hidden = _("You may not see this field")
    for name in sorted(changes):
        pair = changes[name]
        before, after = pair if isinstance(pair, list | tuple) and len(pair) == 2 else (None, pair)
        if event.subject.startswith("resident:") and name in _IDENTIFIERS and not identifies:
            before = after = hidden
        yield Change(plain(_words(name)), _shown(before), _shown(after))


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _shown(value: object) -> str:
    if value is None or value == "" or value == "None":
        return _("Not recorded")
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value)
    if isinstance(value, dict):
        return "; ".join(f"{plain(str(key))}: {_shown(item)}" for key, item in sorted(value.items()))
    return plain(str(value), lines=True)
