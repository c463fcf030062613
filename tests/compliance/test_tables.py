"""What the database itself holds to, whatever the application does."""

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

import audit.services
from access.tenancy import acting_for
from compliance.models import Alert, Confirmation, Pack, ScanMark


def confirmation(organisation, **values):
    row = unsealed(organisation, **values)
    seal(row)
    return row


def seal(row):
    audit.services.append(
        organisation_id=row.organisation_id, actor="system:test", action="compliance.test.made", subject=row.ref
    )


@transaction.atomic
def committed(settle, make):
    """What a transaction of its own would come to."""
    make()
    settle()


def unsealed(organisation, **values):
    return Confirmation.objects.create(
        **{
            "organisation_id": organisation.pk,
            "edition": "2025-26",
            "item_ref": "1.1.1",
            "kind": "confirmed",
            "statement": "Z1234567",
            "confirmed_by": "staff:x",
            "confirmed_at": timezone.now(),
            "valid_until": timezone.localdate(),
        }
        | values
    )


def test_confirmation_cannot_be_committed_without_a_ledger_entry(organisation, world, settle):
    with pytest.raises(DatabaseError):
        committed(settle, lambda: unsealed(organisation))


@pytest.mark.parametrize(
    "statement", ["UPDATE compliance_confirmation SET valid_until = NULL", "DELETE FROM compliance_confirmation"]
)
def test_confirmation_can_neither_be_changed_nor_deleted(organisation, world, statement):
    confirmation(organisation)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Confirmation.objects.filter(organisation_id=organisation.pk).count() == 1


def test_confirmation_keeps_its_words_from_the_database(organisation, world):
    row = confirmation(organisation, statement="Kept in the blue folder")

    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM compliance_confirmation WHERE id = %s", [row.pk])
        stored = bytes(cursor.fetchone()[0])
    assert b"blue folder" not in stored
    assert Confirmation.objects.get(pk=row.pk).statement == "Kept in the blue folder"


def test_confirmation_of_another_organisation_is_not_there(organisation, other_organisation, world):
    confirmation(organisation)

    with acting_for(other_organisation.pk):
        assert not Confirmation.objects.exists()


def test_pack_cannot_be_ready_without_its_checksum(organisation, world):
    with pytest.raises(IntegrityError), transaction.atomic():
        Pack.objects.create(
            organisation_id=organisation.pk,
            edition="2025-26",
            requested_by="staff:x",
            reason="Visit",
            steps_total=5,
            state="ready",
        )


def test_pack_cannot_be_asked_for_without_a_ledger_entry(organisation, world, settle):
    asked = {"edition": "2025-26", "requested_by": "staff:x", "reason": "Visit", "steps_total": 5}

    with pytest.raises(DatabaseError):
        committed(settle, lambda: Pack.objects.create(organisation_id=organisation.pk, **asked))


def test_alert_is_raised_once_for_one_beginning(organisation, world):
    now = timezone.now()
    alert = {
        "organisation_id": organisation.pk,
        "rule": Alert.Rule.BULK_VIEWING,
        "staff_ref": "staff:x",
        "first_at": now,
        "last_at": now,
        "residents": 15,
        "explanation": "Opened.",
    }
    seal(Alert.objects.create(**alert))

    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.create(**alert)


def test_scan_mark_is_one_for_each_rule(organisation, world):
    ScanMark.objects.create(organisation_id=organisation.pk, rule="bulk_viewing", scanned_until=timezone.now())

    with pytest.raises(IntegrityError), transaction.atomic():
        ScanMark.objects.create(organisation_id=organisation.pk, rule="bulk_viewing", scanned_until=timezone.now())
