"""Proofs, extracts, segments and archives out of a real ledger, checked by the standalone verifier."""

import io
import json
import logging
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from access import tasks
from access.tenancy import acting_for
from audit import archives, extracts, proofs, queries, sealed, segments, services, signing, tiles
from audit.canonical import GENESIS, leaf, link
from audit.chain import BreakKind
from audit.entries import body_of, build_event
from audit.errors import ArchiveRefused, NotAsSealed, NotSignedYet
from audit.extracts import Selection, write_extract
from audit.models import Archive
from audit.verification import verify_organisation
from audit.verify import blocks, command, files, frames
from audit.verify import proofs as verifier
from tests.database import as_admin

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "Slept badly, pain in the left hip"


def act(organisation, count=1, *, subject="test:a", residents=(), detail=None, actor="system:test"):
    for _ in range(count):
        services.append(
            organisation_id=organisation.pk,
            actor=actor,
            action="test.act.done",
            subject=subject,
            residents=residents,
            detail=detail or {"words": SECRET},
        )


def entry_count(organisation):
    return queries.chain_head(organisation.pk).seq


def bulk(organisation, count):
    """Many entries at once, sealed by the database itself: for trees of more than one tile."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, residents, commitment)"
            " SELECT gen_random_uuid(), %s, now(), 'act', 'system:test', 'test.act.done', 'test:a', '{}', sha256('x')"
            " FROM generate_series(1, %s)",
            [organisation.pk, count],
        )


def checked(proof):
    return verifier.check(verifier.read(proof), pins=[bytes.fromhex(signing.signer().fingerprint)])


def check(data, **options):
    return files.check(io.BytesIO(data), pins=sealed.public_keys(), **options)


@pytest.fixture
def ledger(world, organisation):
    act(organisation, 20)
    services.sign_checkpoint(organisation.pk)
    return organisation


def test_inclusion_proof_of_every_entry_is_checked_by_the_verifier(ledger):
    for seq in range(1, entry_count(ledger) + 1):
        proof = proofs.inclusion(ledger.pk, seq)

        for form in (proof.as_text(), json.dumps(proof.as_json())):
            found = checked(form)
            assert found.problem is None
            assert found.entry["seq"] == seq


def test_proofs_out_of_many_tiles_hold_and_read_a_handful_of_rows(ledger, django_assert_max_num_queries):
    bulk(ledger, 1500)
    services.sign_checkpoint(ledger.pk)
    bulk(ledger, 70)
    services.sign_checkpoint(ledger.pk)

    size = entry_count(ledger)
    for seq in (1, 255, 256, 257, 1024, 1025, size - 70, size - 1, size):
        with django_assert_max_num_queries(8):
            proof = proofs.inclusion(ledger.pk, seq)
        assert proof.from_tiles
        assert checked(proof.as_text()).problem is None
    with connection.cursor() as cursor:
        cursor.execute("SELECT level, count(*) FROM audit_tile GROUP BY level")
        assert dict(cursor.fetchall()) == {0: size // 256}


def test_tiles_are_the_same_however_often_a_checkpoint_was_signed(ledger):
    bulk(ledger, 600)
    services.sign_checkpoint(ledger.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT number, hashes FROM audit_tile ORDER BY number")
        once = [(number, bytes(hashes)) for number, hashes in cursor.fetchall()]

    assert tiles.write(ledger.pk, entry_count(ledger)) == 0
    leaves = list(queries.leaves(ledger.pk, after=0, until=512))
    assert once == [(0, b"".join(leaves[:256])), (1, b"".join(leaves[256:]))]


def test_inclusion_falls_back_to_the_leaves_when_tiles_were_tampered_with(ledger, caplog):
    bulk(ledger, 600)
    services.sign_checkpoint(ledger.pk)
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE audit_tile SET root = sha256(root), hashes = hashes || ''::bytea WHERE number = 1")

    with caplog.at_level(logging.ERROR):
        proof = proofs.inclusion(ledger.pk, 3)

    assert not proof.from_tiles
    assert checked(proof.as_text()).problem is None
    assert "ledger_tiles_wrong" in caplog.text


def test_inclusion_gives_no_proof_of_an_entry_that_was_altered(ledger):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "UPDATE audit_event SET actor = 'staff:somebody' WHERE id ="
            " (SELECT event_id FROM audit_seal WHERE organisation_id = %s AND seq = 5)",
            (ledger.pk,),
        )

    with pytest.raises(NotAsSealed, match="Entry 5 is not as it was sealed"):
        proofs.inclusion(ledger.pk, 5)
    with pytest.raises(NotAsSealed):
        write_extract(ledger.pk, Selection(seqs=[5]), to=io.BytesIO())


def test_inclusion_gives_no_proof_where_the_leaves_were_altered_too(ledger):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE audit_seal SET leaf = sha256(leaf) WHERE organisation_id = %s AND seq = 6", (ledger.pk,))

    with pytest.raises(NotAsSealed, match="No proof of entry 5 leads to the signed root"):
        proofs.inclusion(ledger.pk, 5)
    with pytest.raises(NotAsSealed, match="does not lead to its signed root"):
        write_extract(ledger.pk, Selection(seqs=[5]), to=io.BytesIO())


def test_inclusion_of_what_no_checkpoint_covers_says_so(ledger):
    act(ledger)

    with pytest.raises(NotSignedYet):
        proofs.inclusion(ledger.pk, entry_count(ledger))


def test_consistency_proof_holds_between_any_checkpoints(ledger):
    sizes = [entry_count(ledger)]
    for count in (1, 7, 300):
        bulk(ledger, count)
        sizes.append(services.sign_checkpoint(ledger.pk).size)

    for size in sizes:
        found = checked(json.dumps(proofs.consistency(ledger.pk, size).as_json()))
        assert found.problem is None
        assert found.sizes == [size, sizes[-1]]
    with pytest.raises(NotAsSealed, match="no checkpoint of exactly"):
        proofs.consistency(ledger.pk, sizes[0] + 3)


def test_a_proof_is_of_the_open_organisation_alone(ledger, other_organisation):
    with acting_for(other_organisation.pk), pytest.raises(NotSignedYet):
        proofs.inclusion(ledger.pk, 1)


def extract(organisation, selection, **options):
    packed = io.BytesIO()
    written = write_extract(organisation.pk, selection, to=packed, **options)
    with zipfile.ZipFile(packed) as archive:
        return written, archive.read("extract.ledger"), packed.getvalue()


def test_extract_of_a_resident_proves_each_entry_and_shows_nothing_of_others(ledger, resident, world):
    other = world.admit(first_name="Bert", last_name="Green", preferred_name="Bertie")
    act(ledger, 3, residents=[resident.pk], subject=resident.ref, detail={"words": "Ada ate well"})
    act(ledger, 3, residents=[other.pk], subject=other.ref, detail={"words": "Bert ate nothing"})
    act(ledger, 2, residents=[resident.pk], subject=resident.ref)
    services.sign_checkpoint(ledger.pk)

    written, data, _ = extract(ledger, Selection(resident=resident.pk), opened=True)
    report = check(data)

    assert report.problem is None
    assert report.entries == written.entries >= 6
    assert b"Ada ate well" in data
    for hidden in (b"Bert", str(other.pk).encode(), other.pk.bytes, b"ate nothing"):
        assert hidden not in data
    for size in (report.first, report.entries):
        assert size > 0


def test_extract_shows_details_only_as_asked(ledger):
    sealed_only = extract(ledger, Selection(seqs=[3, 9, 10]), with_details=True)[1]
    opened = extract(ledger, Selection(seqs=[18, 19, 20]), opened=True)[1]
    bare = extract(ledger, Selection(seqs=[3]))[1]

    assert SECRET.encode() in opened
    assert SECRET.encode() not in sealed_only + bare
    assert len(sealed_only) > len(bare) + 600
    for data in (sealed_only, opened, bare):
        assert check(data).problem is None


@pytest.mark.parametrize(
    "chosen", [[], [1], [2, 3], [1, 2, 3, 4], [5, 9, 17], list(range(1, 21)), list(range(2, 21, 2))]
)
def test_extract_of_any_entries_verifies(ledger, chosen):
    written, data, _ = extract(ledger, Selection(seqs=chosen))

    report = check(data)

    assert report.problem is None
    assert (report.entries, written.entries) == (len(chosen), len(chosen))


def test_extract_by_person_device_and_period(ledger, carer):
    services.append(organisation_id=ledger.pk, actor=carer.ref, action="test.act.done", subject="test:b")
    services.sign_checkpoint(ledger.pk)
    now = timezone.now()
    whole = entry_count(ledger)

    def count(**conditions):
        return extract(ledger, Selection(**conditions))[0].entries

    assert count(actor=carer.ref) == count(subject="test:b") == 1
    assert count(device="device:none") == 0
    assert count(since=now - timedelta(hours=1), until=now + timedelta(hours=1)) == whole
    assert count(since=now + timedelta(hours=1)) == count(until=now - timedelta(hours=1)) == 0


def test_extract_refuses_numbers_beyond_the_checkpoint(ledger):
    with pytest.raises(NotAsSealed, match="not in the ledger"):
        extract(ledger, Selection(seqs=[1, 10_000]))


def test_extract_falls_back_to_the_leaves_when_tiles_were_tampered_with(ledger):
    bulk(ledger, 600)
    services.sign_checkpoint(ledger.pk)
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE audit_tile SET root = sha256(root) WHERE number = 1")

    assert check(extract(ledger, Selection(seqs=[2]))[1]).problem is None


def test_extract_carries_a_verifier_that_runs_without_the_application(ledger, tmp_path):
    _, _, packed = extract(ledger, Selection(seqs=[4, 5]), with_details=True)
    (tmp_path / "extract.zip").write_bytes(packed)
    with zipfile.ZipFile(tmp_path / "extract.zip") as archive:
        archive.extract("verify.pyz", tmp_path)
        read_me = archive.read("READ ME.txt").decode()
    guard = (
        "import sys, runpy\n"
        "class Guard:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'django', 'access', 'records', 'compliance', 'carehome', 'psycopg'}:\n"
        "            raise ImportError('the verifier imports ' + name)\n"
        "sys.meta_path.insert(0, Guard())\n"
        "runpy.run_path('verify.pyz', run_name='__main__')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", guard, "extract.zip", "--key", signing.signer().fingerprint],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "2 entries, 4 to 5" in done.stdout
    assert signing.signer().fingerprint in read_me


def sealed_over_days(organisation, days):
    """Entries as if each day's had been sealed on that day."""
    for day in days:
        moment = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=9)
        for number in range(5):
            seal_at(organisation, at=moment + timedelta(minutes=number))


def seal_at(organisation, *, at, sealed_at=None, kind="act"):
    """One entry with its seal, written as the trigger writes it, under another clock."""
    event = build_event(
        organisation_id=organisation.pk, event_id=uuid4(), at=at, kind=kind, actor="system:test",
        action="test.act.done", subject="test:a", device=None, care_home_id=None, residents=[], detail={},
    )  # fmt: skip
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "INSERT INTO audit_event (id, organisation_id, at, kind, actor, action, subject, residents, commitment,"
            " salt, detail) VALUES (%s, %s, %s, %s, %s, %s, %s, '{}', %s, %s, %s)",
            (event.id, organisation.pk, at, kind, event.actor, event.action, event.subject, event.commitment,
             event.salt, event.detail),
        )  # fmt: skip
        seq, before = admin.execute(
            "SELECT seq, digest FROM audit_head WHERE organisation_id = %s", (organisation.pk,)
        ).fetchone()
        body = replace(body_of(event), seq=seq + 1, sealed_at=sealed_at or at)
        digest = link(bytes(before), leaf(body))
        admin.execute(
            "INSERT INTO audit_seal (organisation_id, seq, event_id, at, leaf, digest, version, sealed_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, 2, %s)",
            (organisation.pk, body.seq, event.id, at, leaf(body), digest, body.sealed_at),
        )
        admin.execute(
            "UPDATE audit_head SET seq = %s, digest = %s WHERE organisation_id = %s",
            (body.seq, digest, organisation.pk),
        )


@pytest.fixture
def old_ledger(world, other_organisation):
    """An organisation whose ledger begins in January 2026: its first entries are taken away and sealed anew, dated."""
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        for table in ("audit_event", "audit_seal", "audit_mention", "audit_checkpoint", "audit_verification"):
            admin.execute(f"DELETE FROM {table} WHERE organisation_id = %s", (other_organisation.pk,))
        admin.execute(
            "UPDATE audit_head SET seq = 0, digest = %s WHERE organisation_id = %s", (GENESIS, other_organisation.pk)
        )
    january, february = datetime(2026, 1, 30, tzinfo=UTC).date(), datetime(2026, 2, 2, tzinfo=UTC).date()
    with acting_for(other_organisation.pk):
        sealed_over_days(other_organisation, [january, january + timedelta(days=1), february])
        services.sign_checkpoint(other_organisation.pk)
        yield other_organisation


def test_segments_are_written_once_for_each_closed_day_and_follow_one_another(old_ledger, tmp_path, capsys):
    today = datetime(2026, 2, 2, tzinfo=UTC).date()
    first = segments.write_segments(old_ledger.pk, tmp_path, today=today)
    again = segments.write_segments(old_ledger.pk, tmp_path, today=today)
    later = segments.write_segments(old_ledger.pk, tmp_path, today=today + timedelta(days=1))

    assert [(whole.first, whole.last) for whole in first] == [(1, 5), (6, 10)]
    assert again == []
    assert [(whole.first, whole.last) for whole in later] == [(11, 15)]
    paths = [str(whole.path) for whole in [*first, *later]]
    assert command.main([*paths, "--key", signing.signer().fingerprint]) == 0
    assert command.main([paths[0], paths[2], "--key", signing.signer().fingerprint]) == 1
    assert "missing at entry 6" in capsys.readouterr().out


def test_segments_are_written_nightly_where_a_folder_is_set(old_ledger, tmp_path, settings):
    settings.AUDIT_SEGMENT_DIR = None
    tasks.write_all_segments()
    settings.AUDIT_SEGMENT_DIR = tmp_path
    with patch.object(tasks.write_segments, "delay") as enqueued:
        tasks.write_all_segments()
    tasks.write_segments(str(old_ledger.pk))

    assert str(old_ledger.pk) in {call.args[0] for call in enqueued.call_args_list}
    assert len(list(tmp_path.rglob("*.ledger"))) == 3


def test_segments_leave_nothing_behind_when_the_ledger_does_not_hold(old_ledger, tmp_path):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "UPDATE audit_seal SET leaf = sha256(leaf) WHERE organisation_id = %s AND seq = 12", (old_ledger.pk,)
        )

    with pytest.raises(NotAsSealed):
        segments.write_segments(old_ledger.pk, tmp_path, today=datetime(2026, 2, 2, tzinfo=UTC).date())

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_segments_refuse_to_follow_a_file_that_is_none_of_ours(old_ledger, tmp_path):
    folder = tmp_path / str(old_ledger.pk)
    folder.mkdir()
    (folder / "2026-01-30_x.ledger").write_bytes(b"carehome-ledger/1\nnonsense")

    with pytest.raises(NotAsSealed, match="not a file that we wrote"):
        segments.write_segments(old_ledger.pk, tmp_path, today=datetime(2026, 2, 2, tzinfo=UTC).date())


FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)


def restore_partitions():
    """Put the detached partitions back, for the tests that follow: a test's tables outlive it."""
    with as_admin() as admin:
        names = [
            row[0]
            for row in admin.execute(
                "SELECT relname FROM pg_class WHERE relname ~ '^archived_.*[0-9]$' AND relkind = 'r'"
            )
        ]
        for name in names:
            plain = name.removeprefix("archived_")
            parent, year, month = plain[:-8], int(plain[-7:-3]), int(plain[-2:])
            admin.execute(f"ALTER TABLE {name} RENAME TO {plain}")
            admin.execute("SET session_replication_role = replica")
            admin.execute(f"TRUNCATE {plain}")
            admin.execute(
                f"ALTER TABLE {parent} ATTACH PARTITION {plain} FOR VALUES FROM ('{year}-{month:02d}-01 00:00+00')"
                f" TO ('{year + month // 12}-{month % 12 + 1:02d}-01 00:00+00')"
            )


@pytest.fixture
def detached():
    """Takes months out as the tables' owner, and puts the partitions back afterwards."""

    def detach(*, before):
        with as_admin() as admin:
            admin.execute("SET ROLE carehome_owner")
            return archives.detach(before=before, over=admin)

    yield detach
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("DELETE FROM audit_event_other")
        admin.execute("DELETE FROM audit_seal_other")
        admin.execute("DELETE FROM audit_mention_other")
    restore_partitions()


def test_archive_leaves_a_ledger_that_verifies_from_where_it_ended(old_ledger, tmp_path, detached):
    row = archives.write_archive(old_ledger.pk, tmp_path, before=FEBRUARY)
    made = detached(before=FEBRUARY)

    result = verify_organisation(old_ledger.pk)
    horizon = archives.horizon(old_ledger.pk)

    assert (row.first_seq, row.last_seq, made) == (1, 10, 3)
    assert sealed.first_live(old_ledger.pk) == 11
    assert (horizon.head.seq, horizon.file_name) == (10, row.file_name)
    assert result.ok
    assert result.entries == 5
    path = next(tmp_path.rglob("*.ledger"))
    assert extracts.sha256_of([path.read_bytes()]) == bytes(row.file_sha256)
    assert command.main([str(path), "--key", signing.signer().fingerprint]) == 0
    assert proofs.inclusion(old_ledger.pk, 12).entry.seq == 12


def test_archive_keeps_what_was_sealed_behind_a_later_entry(old_ledger, tmp_path, detached):
    late = datetime(2026, 1, 31, 23, 59, 30, tzinfo=UTC)
    seal_at(old_ledger, at=late, sealed_at=datetime(2026, 2, 2, 10, tzinfo=UTC), kind="view")
    services.sign_checkpoint(old_ledger.pk)

    archives.write_archive(old_ledger.pk, tmp_path, before=FEBRUARY)
    detached(before=FEBRUARY)

    assert verify_organisation(old_ledger.pk).entries == 6
    assert verify_organisation(old_ledger.pk).ok
    assert sealed.entry(old_ledger.pk, 16).seq == 16

    following = archives.write_archive(old_ledger.pk, tmp_path, before=datetime(2026, 3, 1, tzinfo=UTC))
    detached(before=datetime(2026, 3, 1, tzinfo=UTC))

    assert (following.first_seq, following.last_seq) == (11, 16)
    assert sealed.first_live(old_ledger.pk) is None
    assert verify_organisation(old_ledger.pk).ok
    paths = sorted(str(path) for path in tmp_path.rglob("*.ledger"))
    assert command.main([*paths, "--key", signing.signer().fingerprint]) == 0


def test_the_application_itself_cannot_take_months_out(old_ledger, tmp_path):
    archives.write_archive(old_ledger.pk, tmp_path, before=FEBRUARY)

    with pytest.raises(ArchiveRefused, match="permission denied"):
        archives.detach(before=FEBRUARY, over=connection)


def test_detach_refuses_while_an_organisation_has_no_archive(old_ledger, detached):
    with pytest.raises(ArchiveRefused, match="no archive covers"):
        detached(before=FEBRUARY)

    assert sealed.first_live(old_ledger.pk) == 1
    assert verify_organisation(old_ledger.pk).ok


@pytest.mark.parametrize("forged", ["digest", "note"])
def test_a_forged_archive_record_hides_nothing(old_ledger, tmp_path, detached, forged):
    row = archives.write_archive(old_ledger.pk, tmp_path, before=FEBRUARY)
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("DELETE FROM audit_archive")
        digest, note = bytes(row.digest), row.note
        if forged == "note":
            note = services.sign_checkpoint(old_ledger.pk).note
        admin.execute("DELETE FROM audit_seal WHERE organisation_id = %s AND seq <= 10", (old_ledger.pk,))
        admin.execute("DELETE FROM audit_event WHERE organisation_id = %s AND at < %s", (old_ledger.pk, FEBRUARY))
    Archive.objects.create(
        organisation_id=old_ledger.pk, before=FEBRUARY, first_seq=1, last_seq=10,
        digest=bytes(32) if forged == "digest" else digest, frontier=row.frontier, tail=b"",
        file_name="x", file_sha256=bytes(32),
        note=note,
    )  # fmt: skip

    result = verify_organisation(old_ledger.pk)

    assert (result.ok, result.first_bad_seq, result.kind) == (False, 1, BreakKind.MISSING)


def test_a_true_archive_record_hides_nothing_that_is_still_there(old_ledger, tmp_path):
    archives.write_archive(old_ledger.pk, tmp_path, before=FEBRUARY)
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "UPDATE audit_event SET actor = 'staff:somebody' WHERE id ="
            " (SELECT event_id FROM audit_seal WHERE organisation_id = %s AND seq = 3)",
            (old_ledger.pk,),
        )

    result = verify_organisation(old_ledger.pk)

    assert (result.first_bad_seq, result.kind) == (3, BreakKind.ALTERED)


def test_an_archive_refuses_to_leave_most_of_a_month_behind(old_ledger, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_STAYING", 3)

    with pytest.raises(ArchiveRefused, match="its clock was wrong"):
        archives._refuse_many_staying(old_ledger.pk, 2, FEBRUARY)


def test_read_back_refuses_a_file_that_the_disk_changed(old_ledger, tmp_path):
    row = archives.write_archive(old_ledger.pk, tmp_path, before=FEBRUARY)
    path = next(tmp_path.rglob("*.ledger"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    with pytest.raises(ArchiveRefused, match="does not read back"):
        archives.read_back(path, bytes(row.file_sha256))


@pytest.mark.parametrize("table", ["audit_tile", "audit_archive"])
@pytest.mark.parametrize("sql", ["UPDATE {} SET organisation_id = organisation_id", "DELETE FROM {}", "TRUNCATE {}"])
def test_tiles_and_archive_records_are_append_only(ledger, tmp_path, table, sql):
    from django.db import DatabaseError

    bulk(ledger, 300)
    services.sign_checkpoint(ledger.pk)

    with pytest.raises(DatabaseError), connection.cursor() as cursor:
        cursor.execute(sql.format(table))


def test_commands_make_what_the_verifier_takes(ledger, resident, tmp_path, capsys):
    code, pin = ledger.code, ["--key", signing.signer().fingerprint]
    call_command("ledger_proof", organisation=code, entry=3)
    (tmp_path / "proof.txt").write_text(capsys.readouterr().out)
    call_command("ledger_proof", organisation=code, entry=3, json=True)
    (tmp_path / "proof.json").write_text(capsys.readouterr().out)
    call_command("ledger_proof", organisation=code, consistency=services.sign_checkpoint(ledger.pk).size)
    (tmp_path / "growth.json").write_text(capsys.readouterr().out)
    before = entry_count(ledger)
    call_command("ledger_export", organisation=code, to=str(tmp_path / "extract.zip"), resident=resident.pk)
    call_command("ledger_segments", organisation=code, to=str(tmp_path))

    assert entry_count(ledger) == before + 1
    files_made = [str(tmp_path / name) for name in ("proof.txt", "proof.json", "growth.json", "extract.zip")]
    assert command.main([*files_made, *pin]) == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ledger_proof", {"organisation": "nobody", "entry": 1}),
        ("ledger_proof", {"organisation": "rosebank", "entry": -1}),
        ("ledger_proof", {"organisation": "rosebank", "entry": 10_000}),
        ("ledger_export", {"organisation": "nobody", "to": "x"}),
        ("ledger_export", {"organisation": "rosebank", "to": "/nowhere/x"}),
        ("ledger_export", {"organisation": "rosebank", "to": "x", "entries": "one"}),
        ("ledger_segments", {"organisation": "nobody", "to": "x"}),
        ("ledger_archive", {"before": "2026-13", "to": "x"}),
        ("ledger_archive", {"before": "2999-01", "to": "x"}),
    ],
)
def test_commands_say_what_is_wrong(ledger, name, options, tmp_path):
    with pytest.raises(CommandError) as raised:
        call_command(name, **options)

    assert raised.value.returncode == 2


def test_blocks_of_an_extract_state_no_digest_of_entries_that_are_not_shown(ledger):
    _, data, _ = extract(ledger, Selection(seqs=[7]))

    stream = io.BytesIO(data)
    frames.read_magic(stream)
    [block] = [frame for frame in frames.frames(stream) if frame.type == frames.ENTRIES]

    assert blocks.unpack(block.payload)[1] == GENESIS
