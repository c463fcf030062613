"""Background work's door, and the ledger's tasks."""

from unittest.mock import patch

import pytest

from access import tasks
from audit import queries

pytestmark = pytest.mark.django_db(transaction=True)


def test_task_of_a_tenant_refuses_to_run_without_one():
    with pytest.raises(ValueError, match="names no organisation"):
        tasks.sign_checkpoint("")


def test_verify_ledger_records_a_good_run(world, organisation):
    tasks.verify_ledger(str(organisation.pk), "full")

    assert queries.latest_verification(organisation.pk).ok


def test_verify_new_ledgers_asks_for_those_never_verified_alone(world, organisation):
    tasks.verify_ledger(str(organisation.pk), "full")

    with patch.object(tasks.verify_ledger, "delay") as asked:
        tasks.verify_new_ledgers()

    asked.assert_called_once_with(str(world.other.pk), "full")


def test_sign_checkpoint_signs_the_news(world, organisation):
    tasks.sign_checkpoint(str(organisation.pk))

    assert queries.latest_checkpoint(organisation.pk).size == queries.chain_head(organisation.pk).seq
