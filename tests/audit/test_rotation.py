"""A new signing key while the house works: overlap, crashes, two in a row, and nothing that was signed lost."""

import json
import shutil
import threading
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from access.tenancy import acting_for
from audit import checkpoints, notes, queries, rotation, services, signing
from audit.chain import BreakKind
from audit.errors import RotationImpossible, SigningKeyMissing
from audit.models import Checkpoint, Event
from audit.notes import CheckpointBody
from audit.verification import verify_organisation
from tests.ledgers import anchored_lines, append

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_keys(settings, tmp_path):
    shutil.copytree(settings.AUDIT_SIGNING_KEY_FILE.parent, tmp_path / "keys")
    settings.AUDIT_SIGNING_KEY_FILE = tmp_path / "keys" / settings.AUDIT_SIGNING_KEY_FILE.name
    settings.AUDIT_KEYRING_FILE = tmp_path / "keys" / "signing-keys.json"
    settings.AUDIT_ANCHOR_DIR = tmp_path / "anchor"


@pytest.fixture
def ledger(world):
    append(world.organisation.pk, 5)
    services.sign_checkpoint(world.organisation.pk)
    return world.organisation.pk


def rotate():
    out, err = StringIO(), StringIO()
    call_command("ledger_rotate_key", json=True, stdout=out, stderr=err)
    return json.loads(out.getvalue())


def holds(note, signer):
    return notes.signed_by(note, name=signer.name, public_key=signer.public_key_bytes, verify=signing.verify)


def forge(ledger, size, signer):
    body = CheckpointBody(f"{signer.name}/{ledger}", size, bytes(32), queries.chain_head(ledger).digest)
    return checkpoints.signed(body.text(), [signer])


def test_rotate_signs_one_checkpoint_with_both_keys_and_goes_on_with_the_new(ledger):
    old = signing.signer()

    answer = rotate()

    new = signing.signer()
    assert (answer["retired"], answer["signs_now"]) == (old.fingerprint, new.fingerprint)
    overlap = queries.latest_checkpoint(ledger)
    assert holds(overlap.note, old)
    assert holds(overlap.note, new)
    assert overlap.size == answer["last_sizes"]["rosebank"] == queries.chain_head(ledger).seq
    append(ledger)
    assert not holds(services.sign_checkpoint(ledger).note, old)
    assert verify_organisation(ledger).ok
    assert Event.objects.filter(organisation_id=ledger, action="audit.key.rotated").count() == 1
    left = sorted(path.name for path in signing.settings.AUDIT_SIGNING_KEY_FILE.parent.glob("signing*"))
    assert left == ["signing-keys.json", "signing.pem", "signing.pem.lock"]


def test_a_former_key_signs_nothing_beyond_its_last_size(ledger):
    old = signing.signer()
    last = rotate()["last_sizes"]["rosebank"]
    append(ledger, 3)

    late = verify_organisation(ledger, extra_notes=[forge(ledger, last + 3, old)])

    assert late.kind == BreakKind.BAD_CHECKPOINT
    assert verify_organisation(ledger).ok


def test_two_rotations_in_a_row_and_every_checkpoint_verifies(ledger):
    signers = [signing.signer()]
    for _ in range(2):
        rotate()
        signers.append(signing.signer())
        append(ledger, 2)
        services.sign_checkpoint(ledger)

    assert len({signer.key_id for signer in signers}) == 3
    assert verify_organisation(ledger).ok
    assert {row.key_id for row in Checkpoint.objects.filter(organisation_id=ledger)} == {s.key_id for s in signers}
    assert len(signing.kept_keyring().keys) == 3


def test_the_other_organisations_ledger_is_rotated_too(ledger, world):
    answer = rotate()

    assert set(answer["last_sizes"]) == {"rosebank", "elmtree"}
    with acting_for(world.other.pk):
        assert verify_organisation(world.other.pk).ok


CRASHES = ["_made", "_know", "_sync_folder", "link", "replace", "unlink", "append", "sign_held", "ending_at", "fourth"]


@pytest.mark.parametrize("where", CRASHES)
@pytest.mark.parametrize("after", [False, True])
def test_a_rotation_broken_off_anywhere_ends_well_when_it_is_run_again(ledger, where, after, monkeypatch):
    """Broken off just before or just after each step; in between the house signs and verifies."""
    old = signing.signer()
    with monkeypatch.context() as broken:
        target, name = {
            "link": (rotation.os, "link"),
            "replace": (rotation.os, "replace"),
            "unlink": (rotation.Path, "unlink"),
            "append": (services, "append"),
            "sign_held": (checkpoints, "sign_held"),
            "fourth": (rotation, "_keep"),
        }.get(where, (rotation, where))
        real, calls = getattr(target, name), []

        def crash(*args, **kwargs):
            calls.append(1)
            if where == "fourth" and len(calls) < 4:
                return real(*args, **kwargs)
            if after:
                real(*args, **kwargs)
            raise KeyboardInterrupt

        broken.setattr(target, name, crash)
        with pytest.raises(KeyboardInterrupt):
            rotate()
    append(ledger)
    services.sign_checkpoint(ledger)
    assert verify_organisation(ledger).ok

    rotate()

    append(ledger)
    services.sign_checkpoint(ledger)
    assert signing.signer().key_id != old.key_id
    assert verify_organisation(ledger).ok
    assert not rotation._beside("retiring").exists()
    assert not rotation._beside("next").exists()
    by_old = [line["note"] for line in anchored_lines(ledger) if holds(line["note"], old)]
    assert holds(by_old[-1], signing.signer())
    retired = signing.kept_keyring().known(old.name, old.public_key_bytes)
    assert retired.retired_at is not None
    assert ledger in retired.valid_until


def test_signers_at_work_during_a_rotation_leave_no_bad_checkpoint(ledger):
    failures, stop = [], threading.Event()

    def work():
        try:
            with acting_for(ledger):
                while not stop.is_set():
                    append(ledger)
                    services.sign_checkpoint(ledger)
        except Exception as error:  # the thread's own failure must reach the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        rotate()
        rotate()
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert not failures
    assert verify_organisation(ledger).ok


def test_the_retired_key_put_back_signs_nothing(ledger):
    old = signing.settings.AUDIT_SIGNING_KEY_FILE.read_bytes()
    rotate()
    append(ledger)
    signing.settings.AUDIT_SIGNING_KEY_FILE.write_bytes(old)

    with pytest.raises(SigningKeyMissing):
        services.sign_checkpoint(ledger)


def test_a_key_folder_that_cannot_be_written_changes_nothing(ledger, monkeypatch):
    old = signing.signer()
    monkeypatch.setattr(rotation, "_write", lambda *args: (_ for _ in ()).throw(PermissionError()))

    with pytest.raises(CommandError) as impossible:
        rotate()

    assert impossible.value.returncode == 2
    assert signing.signer().key_id == old.key_id


def test_two_rotations_at_once_are_refused(ledger):
    with rotation.rotating(), pytest.raises(RotationImpossible), rotation.rotating():
        pass


def test_a_ledger_that_contradicts_its_anchors_keeps_the_old_key_until_it_is_put_right(ledger, world):
    from tests.ledgers import put_back

    append(ledger, 5)
    services.sign_checkpoint(ledger)
    put_back(ledger, queries.chain_head(ledger).seq - 3)

    with pytest.raises(CommandError) as unfinished:
        rotate()
    assert unfinished.value.returncode == 1
    assert rotation._beside("retiring").exists()

    call_command("ledger_restored", organisation="rosebank", reason="Disk", stdout=StringIO())
    rotate()
    assert not rotation._beside("retiring").exists()
    assert verify_organisation(ledger).ok


def test_backups_signed_before_a_rotation_are_believed_after_it(ledger):
    from backups import installation

    old = signing.signer()
    rotate()

    assert installation.public_keys()[old.key_id] == old.public_key_bytes
    assert installation.signing_key().key_id in installation.public_keys()


def test_a_checkpoint_in_hand_from_before_a_rotation_is_accepted(ledger, tmp_path):
    note = queries.latest_checkpoint(ledger).note
    rotate()
    (tmp_path / "note").write_text(note)

    call_command(
        "ledger_verify",
        organisation="rosebank",
        from_checkpoint=str(tmp_path / "note"),
        stdout=StringIO(),
        stderr=StringIO(),
    )
