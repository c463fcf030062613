"""Saving a daily note through its service, against a plain Django insert of the same row, layer by layer.

The service asks the policy, writes the note encrypted behind the tenancy wall, appends one ledger entry (the act and
the field change it makes) and has the database seal it at commit.
"""

from contextlib import ExitStack
from datetime import date
from uuid import UUID, uuid4

from bench import harness

BODY = "Assisted with breakfast, ate well, mood bright. Walked to the lounge with the frame and one carer. " * 3
_TABLES = """
CREATE TABLE bench_plain (id uuid PRIMARY KEY, organisation_id uuid NOT NULL, care_home_id uuid NOT NULL,
    resident_id uuid NOT NULL, kind varchar(16) NOT NULL, body {body} NOT NULL, for_handover boolean NOT NULL,
    occurred_at timestamptz NOT NULL, recorded_at timestamptz NOT NULL, written_by varchar(100) NOT NULL);
CREATE INDEX ON bench_plain (organisation_id, resident_id, occurred_at DESC);
GRANT SELECT, INSERT ON bench_plain TO carehome_app;
"""
_WALL = """
ALTER TABLE bench_plain ENABLE ROW LEVEL SECURITY; ALTER TABLE bench_plain FORCE ROW LEVEL SECURITY;
CREATE POLICY wall ON bench_plain USING (organisation_id = NULLIF(current_setting('app.organisation', true), '')::uuid)
    WITH CHECK (organisation_id = NULLIF(current_setting('app.organisation', true), '')::uuid);
"""


def _make_tables() -> None:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        for name, body, wall in (
            ("bench_plain", "text", ""),
            ("bench_walled", "text", _WALL),
            ("bench_sealed", "bytea", _WALL),
        ):
            cursor.execute((_TABLES.format(body=body) + wall).replace("bench_plain", name))


def _models() -> tuple[type, type, type]:
    """Plain models over the bench tables; made only now, for Django must be set up first."""
    from django.db import models
    from django.utils import timezone

    from access.encryption import EncryptedTextField

    class Note(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid4)
        organisation_id = models.UUIDField()
        care_home_id = models.UUIDField()
        resident_id = models.UUIDField()
        kind = models.CharField(max_length=16)
        for_handover = models.BooleanField(default=False)
        occurred_at = models.DateTimeField(default=timezone.now)
        recorded_at = models.DateTimeField(default=timezone.now)
        written_by = models.CharField(max_length=100)

        class Meta:
            abstract = True

        @property
        def encryption_subject(self) -> UUID:
            return self.resident_id

    class Plain(Note):
        body = models.TextField()

        class Meta:
            app_label, db_table, managed = "records", "bench_plain", False

    class Walled(Note):
        body = models.TextField()

        class Meta:
            app_label, db_table, managed = "records", "bench_walled", False

    class Encrypted(Note):
        body = EncryptedTextField()

        class Meta:
            app_label, db_table, managed = "records", "bench_sealed", False

    return Plain, Walled, Encrypted


def main() -> None:
    options = harness.options(__doc__)
    with harness.installation(), ExitStack() as stack:
        _make_tables()
        results = harness.measure(_cases(stack), acts=options.acts, rounds=options.rounds)
        harness.report("saving a daily note, one writer", results, as_json=options.json)


def _cases(stack: ExitStack) -> list[harness.Case]:
    from django.db import transaction
    from django.utils import timezone

    from access.actors import Actor
    from access.roles import Role
    from access.services import add_care_home, add_staff, create_organisation, give_role
    from access.tenancy import _tenant, acting_for
    from audit.context import Origin, acting
    from audit.reading import collecting
    from records.services import admit_resident, write_daily_note

    plain, walled, encrypted = _models()
    organisation = create_organisation(actor_ref="system:bench", name="Bench", code="bench")
    stack.enter_context(acting_for(organisation.pk))
    stack.enter_context(acting(Origin(organisation.pk, "system:bench")))
    stack.enter_context(collecting("benchmark"))
    system = Actor.system(organisation.pk, "bench")
    home = add_care_home(actor=system, name="Bench", code="bench")
    staff = add_staff(actor=system, email="b@b.example", first_name="B", last_name="B", password="benchmark password")
    give_role(actor=system, staff=staff, care_home=home, role=Role.REGISTERED_MANAGER)
    actor = Actor.of(staff)
    resident = admit_resident(
        actor=actor, care_home=home, first_name="A", last_name="B", born_on=date(1938, 3, 14), gender="female"
    )

    def insert(model: type) -> None:
        with transaction.atomic():
            model.objects.create(  # type: ignore[attr-defined]
                organisation_id=organisation.pk,
                care_home_id=home.pk,
                resident_id=resident.pk,
                kind="general",
                body=BODY,
                written_by=staff.ref,
            )

    def in_the_open() -> None:
        token = _tenant.set(None)
        try:
            insert(plain)
        finally:
            _tenant.reset(token)

    def service() -> None:
        write_daily_note(actor=actor, resident=resident, body=BODY, occurred_at=timezone.now())

    return [
        harness.Case("plain insert", in_the_open),
        harness.Case("behind the tenancy wall", lambda: insert(walled)),
        harness.Case("and encrypted", lambda: insert(encrypted)),
        harness.Case("the whole service: wall, encryption, one sealed entry", service),
    ]


if __name__ == "__main__":
    main()
