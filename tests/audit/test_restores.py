"""A ledger that goes on from an older dump: marked, signed again, verified, and told of for ever."""

import json
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit import anchors, checkpoints, queries, restores, services, signing
from audit.branches import RestoreMarker
from audit.chain import BreakKind
from audit.cipher import cipher
from audit.errors import AnchorAhead, NothingRestored
from audit.models import Event
from audit.restores import mark_restored
from audit.signing import Signer
from audit.verification import verify_organisation
from tests.ledgers import anchored_lines, append, put_back

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def anchor_dir(settings, tmp_path):
    settings.AUDIT_ANCHOR_DIR = tmp_path / "anchor"


@pytest.fixture
def ledger(organisation):
    return organisation.pk


@pytest.fixture
def restored(ledger):
    """A ledger whose last 20 entries are gone; the size at which it ends, and the one that was anchored last."""
    append(ledger, 10)
    services.sign_checkpoint(ledger)
    size = queries.chain_head(ledger).seq
    for _ in range(4):
        append(ledger, 5)
        services.sign_checkpoint(ledger)
    longest = queries.chain_head(ledger).seq
    put_back(ledger, size + 2)
    return size + 2, longest


def mark(ledger, reason="The disk failed.", **options):
    return mark_restored(organisation_id=ledger, actor="system:test", reason=reason, **options)


def test_without_a_marker_it_stays_truncated(ledger, restored):
    for _ in range(2):
        with pytest.raises(AnchorAhead):
            services.sign_checkpoint(ledger)

    assert verify_organisation(ledger).kind == BreakKind.TRUNCATED


def test_mark_restored_lets_the_ledger_go_on_and_says_what_was_lost(ledger, restored):
    size, longest = restored

    marked = mark(ledger, untouched=True)
    append(ledger, 3)
    services.sign_checkpoint(ledger)

    result = verify_organisation(ledger)
    assert result.ok
    assert (marked.marker.continues, marked.marker.lost_until) == (size, longest)
    assert [found.entries_lost for found in result.restores] == [longest - size]
    entry = Event.objects.get(organisation_id=ledger, action="audit.ledger.restored")
    assert entry.subject == restores.subject_of(marked.marker)


def test_mark_restored_after_work_went_on_keeps_what_both_share(ledger, restored):
    size, longest = restored
    append(ledger, 9)

    marked = mark(ledger)

    assert (marked.marker.continues, marked.marker.lost_until) == (size - 2, longest)
    assert verify_organisation(ledger).ok


def test_mark_restored_that_grew_past_the_lost_branch(ledger, restored):
    size, _ = restored
    append(ledger, 40)

    assert mark(ledger).marker.continues == size - 2
    assert verify_organisation(ledger).ok


def test_mark_restored_refuses_where_nothing_was_lost(ledger):
    append(ledger, 3)
    services.sign_checkpoint(ledger)

    with pytest.raises(NothingRestored):
        mark(ledger)
    assert len(anchored_lines(ledger)) == 1


def test_mark_restored_twice_marks_once(ledger, restored):
    mark(ledger)

    with pytest.raises(NothingRestored):
        mark(ledger)
    assert len(anchors.restores(ledger)) == 1


def test_mark_restored_after_a_crash_goes_on_with_the_same_marker(ledger, restored, monkeypatch):
    def crash(**kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(services, "append", crash)
        with pytest.raises(KeyboardInterrupt):
            mark(ledger)
    assert len(anchors.restores(ledger)) == 1

    mark(ledger)

    assert len(anchors.restores(ledger)) == 1
    assert Event.objects.filter(organisation_id=ledger, action="audit.ledger.restored").count() == 1
    assert verify_organisation(ledger).ok


def test_two_restores_in_a_row(ledger, restored):
    size, _ = restored
    mark(ledger)
    append(ledger, 30)
    services.sign_checkpoint(ledger)
    put_back(ledger, size)
    append(ledger, 1)
    assert verify_organisation(ledger).kind in {BreakKind.FORK, BreakKind.TRUNCATED}

    mark(ledger, "It failed again.")
    append(ledger, 60)
    services.sign_checkpoint(ledger)

    result = verify_organisation(ledger)
    assert result.ok
    assert len(result.restores) == 2


def test_entries_cut_off_after_a_marked_restore_are_found(ledger, restored):
    mark(ledger)
    append(ledger, 5)
    services.sign_checkpoint(ledger)
    put_back(ledger, queries.chain_head(ledger).seq - 3)

    assert verify_organisation(ledger).kind == BreakKind.TRUNCATED
    with pytest.raises(AnchorAhead):
        services.sign_checkpoint(ledger)


@pytest.mark.parametrize("kind", ["a stranger's key", "altered", "of another log"])
def test_a_forged_marker_changes_nothing_and_is_found(ledger, restored, kind):
    size, longest = restored
    signer = signing.signer()
    marker = RestoreMarker(f"{signer.name}/{ledger}", size, longest, queries.chain_head(ledger).digest, timezone.now())
    note = checkpoints.signed(marker.text(), [signer])
    if kind == "a stranger's key":
        note = checkpoints.signed(marker.text(), [Signer(signer.name, Ed25519PrivateKey.generate())])
    if kind == "altered":
        note = note.replace(f"\n{size}\n", f"\n{size - 1}\n")
    if kind == "of another log":
        note = checkpoints.signed(marker.text().replace(str(ledger), str(ledger)[::-1]), [signer])
    with anchors.anchor_file(ledger).held() as file:
        file.append(anchors.Anchored(ledger, size, note, timezone.now(), restored=True))

    with pytest.raises(AnchorAhead):
        services.sign_checkpoint(ledger)
    result = verify_organisation(ledger)
    assert not result.ok
    assert result.restores == ()
    assert result.kind == BreakKind.TRUNCATED


def test_a_forged_marker_on_a_whole_ledger_is_a_bad_checkpoint(ledger):
    append(ledger, 5)
    services.sign_checkpoint(ledger)
    stranger = Signer(signing.signer().name, Ed25519PrivateKey.generate())
    marker = RestoreMarker(f"{stranger.name}/{ledger}", 2, 4, bytes(32), timezone.now())
    with anchors.anchor_file(ledger).held() as file:
        checkpoints.mark(marker, ledger, file, stranger, timezone.now())

    assert verify_organisation(ledger).kind == BreakKind.BAD_CHECKPOINT
    append(ledger)
    assert services.sign_checkpoint(ledger).size == queries.chain_head(ledger).seq


def test_a_marker_written_again_hides_no_later_truncation(ledger, restored):
    marked = mark(ledger)
    append(ledger, 10)
    services.sign_checkpoint(ledger)
    line = next(line for line in anchored_lines(ledger) if line.get("restored"))
    with anchors.anchor_file(ledger).held() as file:
        file.append(anchors.Anchored(ledger, line["size"], line["note"], timezone.now(), restored=True))
    put_back(ledger, marked.marker.continues)

    assert verify_organisation(ledger).kind == BreakKind.TRUNCATED
    with pytest.raises(AnchorAhead):
        services.sign_checkpoint(ledger)


def test_a_note_of_the_lost_branch_from_elsewhere_is_passed_over_and_a_contradiction_is_not(ledger, restored):
    lost = anchored_lines(ledger)[-1]["note"]
    mark(ledger)
    append(ledger, 40)
    services.sign_checkpoint(ledger)
    body = signing.keyring().checkpoint(lost, ledger, signing.verify)
    never = checkpoints.signed(body.text().replace("chain ", "chain A", 1)[:-5] + "A=\n", [signing.signer()])

    assert verify_organisation(ledger, extra_notes=[lost]).ok
    assert not verify_organisation(ledger, extra_notes=[never]).ok


def test_a_clock_that_stepped_back_changes_no_order(ledger, restored):
    with time_machine.travel(timezone.now() - timedelta(days=300)):
        mark(ledger)
        append(ledger, 30)
        services.sign_checkpoint(ledger)

    assert verify_organisation(ledger).ok


def test_every_destination_is_told_of_a_restore(ledger, restored, settings, tmp_path):
    settings.AUDIT_ANCHORS = [(tmp_path / "other").as_uri()]

    marked = mark(ledger)

    told = list(anchors.AnchorFile(tmp_path / "other", ledger).notes())
    assert signing.keyring().marker(told[-1], ledger, signing.verify) == marked.marker
    assert marked.silent == ()


def test_the_reason_is_kept_encrypted_in_the_ledger_and_nowhere_else(ledger, restored):
    mark(ledger, reason="Water in the server room.")

    entry = Event.objects.get(organisation_id=ledger, action="audit.ledger.restored")
    assert b"Water" not in bytes(entry.detail)
    assert "Water" not in anchors.anchor_file(ledger).path.read_text()
    assert cipher()


def test_the_commands_tell_a_person_what_happened(organisation, restored):
    size, longest = restored
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError) as broken:
        call_command("ledger_verify", organisation="rosebank", stdout=out, stderr=err)
    assert broken.value.returncode == 1
    assert "truncated" in err.getvalue()

    call_command("ledger_restored", organisation="rosebank", reason="Disk", json=True, stdout=out, stderr=err)
    assert json.loads(out.getvalue())["entries_lost"] == longest - (size - 2)

    out, err = StringIO(), StringIO()
    call_command("ledger_verify", organisation="rosebank", json=True, stdout=out, stderr=err)
    assert json.loads(out.getvalue())[0]["restores"][0]["entries_lost"] == longest - (size - 2)
    assert f"at most {longest - (size - 2)} entries of its former course were lost" in err.getvalue()

    with pytest.raises(CommandError) as nothing:
        call_command("ledger_restored", organisation="rosebank", reason="Disk", stdout=out, stderr=err)
    assert nothing.value.returncode == 1
    with pytest.raises(CommandError) as unknown:
        call_command("ledger_restored", organisation="nobody", reason="Disk", stdout=out, stderr=err)
    assert unknown.value.returncode == 2
