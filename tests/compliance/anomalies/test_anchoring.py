"""People are told when checkpoints no longer reach a place where they are kept."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from access.actors import Actor
from access.errors import NotPermitted
from audit import services
from audit.queries import AnchorHealth
from compliance.anomalies.anchoring import explain, kept_at, watch_anchors
from compliance.models import Alert
from tests.ledgers import append

NOON = datetime(2026, 5, 12, 11, 3, tzinfo=UTC)


@pytest.fixture
def system(organisation, settings, tmp_path):
    settings.AUDIT_ANCHOR_DIR = tmp_path / "anchor"
    return Actor.system(organisation.pk, "anchors")


@pytest.fixture
def broken(system, settings, tmp_path, settle):
    """A ledger whose second folder takes nothing."""
    (tmp_path / "other").write_text("no folder")
    settings.AUDIT_ANCHORS = [(tmp_path / "other").as_uri()]
    append(system.organisation_id, 3)
    settle()
    services.keep_checkpoint(system.organisation_id, actor="system:test")
    return system


def test_watch_anchors_waits_a_quarter_of_an_hour_and_then_raises_one_alert(broken, settle):
    now = timezone.now()

    assert watch_anchors(actor=broken, now=now) is None
    alert = watch_anchors(actor=broken, now=now + timedelta(minutes=16))
    assert alert.explanation.startswith("Ledger anchor failing: ")
    assert "(" in alert.explanation
    assert watch_anchors(actor=broken, now=now + timedelta(minutes=17)) is None
    settle()
    assert Alert.objects.count() == 1


def test_watch_anchors_raises_nothing_while_all_is_well(system, settle):
    append(system.organisation_id, 3)
    settle()
    services.keep_checkpoint(system.organisation_id, actor="system:test")

    assert watch_anchors(actor=system) is None


def test_watch_anchors_does_not_wait_for_the_file(system, settings, tmp_path, settle):
    append(system.organisation_id, 3)
    settle()
    settings.AUDIT_ANCHOR_DIR = tmp_path / "file"
    settings.AUDIT_ANCHOR_DIR.write_text("no folder")
    with pytest.raises(services.AnchorFailed):
        services.keep_checkpoint(system.organisation_id, actor="system:test")

    assert watch_anchors(actor=system).explanation.startswith("Ledger anchor failing: file has taken no checkpoint")
    settle()


def test_watch_anchors_is_the_systems_work(carer, actor_for):
    with pytest.raises(NotPermitted):
        watch_anchors(actor=actor_for(carer))


def test_the_alert_and_the_overview_say_it_to_the_manager(broken, manager, client_for, settle):
    alert = watch_anchors(actor=broken, now=timezone.now() + timedelta(minutes=16))
    settle()
    client = client_for(manager)

    page = client.get(reverse("compliance:alert", args=[alert.pk])).content.decode()
    assert "Ledger anchor failing" in page
    assert "Unusual access by" not in page
    assert "Ledger anchor failing" in client.get(reverse("compliance:alerts")).content.decode()
    overview = client.get(reverse("compliance:dashboard")).content.decode()
    assert "Kept at: file, " in overview
    assert "failing since" in overview


def health(destination, **values):
    defaults = {"taken_at": None, "failing_since": None, "error": "", "silent": False}
    return AnchorHealth(destination, **defaults | values)


def test_kept_at_says_each_place_in_a_few_words():
    said = kept_at(
        [
            health("file", taken_at=NOON - timedelta(seconds=20)),
            health("mailto:l@example.org", failing_since=NOON),
            health("s3://b/p", silent=True),
            health("s3://b/q"),
        ],
        NOON,
    )

    assert said == (
        "file, 20 seconds ago; mailbox l@example.org failing since 12:03, 12 May 2026; bucket b/p silent; "
        "bucket b/q, nothing yet"
    )


def test_explain_fits_its_column_whatever_the_destination_is_called():
    assert len(explain(health("s3://" + "b" * 290, failing_since=NOON, error="E" * 80))) <= 300
