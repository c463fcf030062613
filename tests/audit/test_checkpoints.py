"""Signing the head, and refusing to sign a second branch."""

import base64
import threading
from datetime import timedelta

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from django.utils import timezone

from access.tenancy import acting_for
from audit import anchors, checkpoints, queries, services, signing
from audit.chain import BreakKind
from audit.errors import AnchorAhead, AnchorFailed, ForkedLedger
from audit.models import AnchorReceipt, Checkpoint, Verification
from audit.notes import CheckpointBody
from audit.signing import Signer
from audit.verification import verify_organisation
from tests.database import as_admin
from tests.ledgers import anchor_path, anchored_lines, append, put_back

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def anchor_dir(settings, tmp_path):
    settings.AUDIT_ANCHOR_DIR = tmp_path / "anchor"


@pytest.fixture
def ledger(organisation):
    append(organisation.pk, 5)
    services.sign_checkpoint(organisation.pk)
    return organisation.pk


def test_sign_checkpoint_refuses_while_the_anchors_are_ahead(ledger):
    """An old dump was put back: entries are gone that were signed."""
    size = queries.chain_head(ledger).seq
    append(ledger, 5)
    services.sign_checkpoint(ledger)
    put_back(ledger, size)
    append(ledger, 2)

    with pytest.raises(AnchorAhead):
        services.sign_checkpoint(ledger)

    assert verify_organisation(ledger).kind == BreakKind.FORK or verify_organisation(ledger).kind == BreakKind.TRUNCATED
    assert len(anchored_lines(ledger)) == 2


def test_sign_checkpoint_refuses_a_ledger_that_grew_back_with_other_entries(ledger):
    size = queries.chain_head(ledger).seq
    append(ledger, 5)
    services.sign_checkpoint(ledger)
    put_back(ledger, size)
    append(ledger, 9)

    with pytest.raises(ForkedLedger):
        services.sign_checkpoint(ledger)


def test_sign_checkpoint_refuses_a_chain_that_does_not_follow_from_the_last_checkpoint(ledger):
    append(ledger, 3)
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute(
            "UPDATE audit_seal SET leaf = sha256(leaf) WHERE organisation_id = %s AND seq = %s",
            (ledger, queries.chain_head(ledger).seq - 1),
        )

    with pytest.raises(ForkedLedger):
        services.sign_checkpoint(ledger)


def test_keep_checkpoint_of_a_contradicted_ledger_stands_broken_at_once_and_only_once(ledger):
    append(ledger, 2)
    services.sign_checkpoint(ledger)
    put_back(ledger, queries.chain_head(ledger).seq - 2)

    for _ in range(3):
        with pytest.raises(AnchorAhead):
            services.keep_checkpoint(ledger, actor="system:test")

    latest = queries.latest_verification(ledger)
    assert (latest.ok, latest.kind) == (False, BreakKind.TRUNCATED)
    assert Verification.objects.filter(organisation_id=ledger).count() == 1
    file = queries.anchor_health(ledger)[0]
    assert (file.ok, file.error) == (False, "AnchorAhead")


def test_sign_checkpoint_takes_only_what_verifies(ledger):
    """The application's own role may insert any row: neither the largest size nor a false frontier stops signing."""
    head = queries.chain_head(ledger)
    append(ledger, 3)
    real = queries.latest_checkpoint(ledger)
    for size, note in ((2**62, "forged"), (head.seq + 1, real.note), (head.seq + 2, "forged\n\n— x y\n")):
        Checkpoint.objects.create(
            organisation_id=ledger,
            size=size,
            digest=bytes(32),
            root=bytes(32),
            frontier=b"",
            note=note,
            key_id="0" * 16,
            anchor="",
        )

    signed = services.sign_checkpoint(ledger)

    assert signed.size == queries.chain_head(ledger).seq
    body = signing.keyring().checkpoint(signed.note, ledger, signing.verify)
    frontier, _ = checkpoints.merkle.extend([], 0, queries.leaves(ledger, after=0, until=signed.size))
    assert body.root == checkpoints.merkle.root(frontier)
    assert checkpoints.newest(ledger).size == signed.size


def test_sign_checkpoint_goes_on_where_only_forged_rows_stand(ledger):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        admin.execute("UPDATE audit_checkpoint SET note = 'forged' WHERE organisation_id = %s", (ledger,))
    append(ledger, 1)

    signed = services.sign_checkpoint(ledger)

    assert signed.size == queries.chain_head(ledger).seq
    assert services.sign_checkpoint(ledger).size == signed.size


FORGED = {
    "by a stranger's key": lambda body: checkpoints.signed(
        body.text(), [Signer(signing.signer().name, Ed25519PrivateKey.generate())]
    ),
    "with another size": lambda body: checkpoints.signed(body.text(), [signing.signer()]).replace(
        f"\n{body.size}\n", f"\n{body.size + 1}\n"
    ),
    "of another log": lambda body: checkpoints.signed(
        body.text().replace(body.origin, body.origin[:-1] + "x"), [signing.signer()]
    ),
    "without a signature": lambda body: body.text(),
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_note_in_the_file_stops_no_signing_and_is_found(ledger, kind):
    body = CheckpointBody(f"{signing.signer().name}/{ledger}", 2**40, bytes(32), bytes(32))
    with anchors.anchor_file(ledger).held() as file:
        file.append(anchors.Anchored(ledger, body.size, FORGED[kind](body), timezone.now()))
    append(ledger)

    signed = services.sign_checkpoint(ledger)

    assert signed.size == queries.chain_head(ledger).seq
    assert verify_organisation(ledger).kind == BreakKind.BAD_CHECKPOINT


def test_an_older_note_written_again_takes_nothing_back(ledger):
    first = anchored_lines(ledger)[0]
    append(ledger, 3)
    services.sign_checkpoint(ledger)
    size = queries.chain_head(ledger).seq
    with anchors.anchor_file(ledger).held() as file:
        file.append(anchors.Anchored(ledger, first["size"], first["note"], timezone.now()))
    assert verify_organisation(ledger).ok
    put_back(ledger, first["size"])

    with pytest.raises(AnchorAhead):
        services.sign_checkpoint(ledger)

    assert verify_organisation(ledger).kind == BreakKind.TRUNCATED
    assert queries.chain_head(ledger).seq < size


def test_a_ledger_cut_to_nothing_is_refused_too(ledger):
    with as_admin() as admin:
        admin.execute("SET session_replication_role = replica")
        for table in ("audit_event", "audit_seal", "audit_head", "audit_checkpoint"):
            admin.execute(f"DELETE FROM {table} WHERE organisation_id = %s", (ledger,))

    with pytest.raises(AnchorAhead):
        services.sign_checkpoint(ledger)


def test_a_file_that_lost_its_last_line_gets_it_back_and_the_log_says_so(ledger):
    path = anchor_path(ledger)
    before = path.read_text()
    append(ledger)
    services.sign_checkpoint(ledger)
    path.write_text(before)
    append(ledger)

    services.sign_checkpoint(ledger)

    sizes = [line["size"] for line in anchored_lines(ledger)]
    assert sizes == [sizes[0], sizes[0] + 1, sizes[0] + 2]
    assert verify_organisation(ledger).ok


def test_two_signers_at_once_keep_one_line_of_checkpoints(ledger):
    failures = []

    def sign():
        try:
            with acting_for(ledger):
                for _ in range(10):
                    append(ledger)
                    services.sign_checkpoint(ledger)
        except Exception as error:  # the thread's own failure must reach the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=sign) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not failures
    sizes = [line["size"] for line in anchored_lines(ledger)]
    assert sizes == sorted(set(sizes))
    assert verify_organisation(ledger).ok


def test_a_clock_that_steps_back_stops_nothing(ledger):
    with time_machine.travel(timezone.now() - timedelta(days=40)):
        append(ledger, 2)
        signed = services.sign_checkpoint(ledger)

    assert signed.size == queries.chain_head(ledger).seq
    append(ledger)
    assert services.sign_checkpoint(ledger).size == signed.size + 1
    assert verify_organisation(ledger).ok


def test_a_checkpoint_that_the_file_did_not_take_does_not_count(ledger, settings, tmp_path):
    (tmp_path / "gone").write_text("")
    settings.AUDIT_ANCHOR_DIR = tmp_path / "gone"
    append(ledger)

    for _ in range(2):
        with pytest.raises(AnchorFailed):
            services.keep_checkpoint(ledger, actor="system:test")

    assert queries.latest_checkpoint(ledger).size < queries.chain_head(ledger).seq
    assert AnchorReceipt.objects.filter(organisation_id=ledger, destination="file").count() == 1
    file = queries.anchor_health(ledger)[0]
    assert (file.ok, file.error) == (False, "AnchorFailed")

    settings.AUDIT_ANCHOR_DIR = tmp_path / "anchor"
    services.keep_checkpoint(ledger, actor="system:test")
    assert queries.anchor_health(ledger)[0].ok


def test_signing_costs_the_same_however_long_the_file_is(ledger, django_assert_num_queries):
    line = anchor_path(ledger).read_text()
    with anchor_path(ledger).open("a") as file:
        file.write(line * 5000)
    append(ledger)

    with django_assert_num_queries(8):
        services.sign_checkpoint(ledger)


def test_a_checkpoint_is_due_after_fifty_entries_or_an_act_that_cannot_wait(ledger):
    append(ledger, 49)
    assert not queries.checkpoint_due(ledger)
    append(ledger, 1)
    assert queries.checkpoint_due(ledger)
    services.sign_checkpoint(ledger)
    assert not queries.checkpoint_due(ledger)
    append(ledger, action="access.role.given")
    assert queries.checkpoint_due(ledger)


def test_a_forged_row_of_a_size_to_come_keeps_no_checkpoint_from_being_due(ledger):
    Checkpoint.objects.create(
        organisation_id=ledger,
        size=2**62,
        digest=bytes(32),
        root=bytes(32),
        frontier=b"",
        note="x",
        key_id="",
        anchor="",
    )
    append(ledger, 50)

    assert queries.checkpoint_due(ledger)


def test_base64_of_the_anchored_digest_is_the_chains(ledger):
    line = anchored_lines(ledger)[-1]

    assert base64.b64encode(queries.chain_head(ledger).digest).decode() in line["note"]
