"""The witnesses beside the file: a server that speaks S3 with object lock, a mail server, a second folder."""

import email
import smtplib
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import boto3
import pytest
import time_machine
from aiosmtpd.controller import Controller
from botocore.exceptions import ClientError
from django.core.checks import run_checks
from django.utils import timezone
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from audit import anchors, deliveries, queries, services, signing
from audit.anchors.mail import Mailbox
from audit.anchors.s3 import Bucket
from audit.errors import AnchorUnknown
from audit.models import AnchorReceipt
from tests.ledgers import anchor_path, append

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def anchor_dir(settings, tmp_path):
    settings.AUDIT_ANCHOR_DIR = tmp_path / "anchor"


@pytest.fixture
def ledger(organisation):
    append(organisation.pk, 3)
    return organisation.pk


def keep(ledger):
    return services.keep_checkpoint(ledger, actor="system:test")


# --- S3 ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3_server():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    client = boto3.client("s3", endpoint_url=s3_server, region_name="eu-west-2")
    where = {"LocationConstraint": "eu-west-2"}
    for name, locked in (("locked", True), ("plain", False)):
        with suppress(client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locked, CreateBucketConfiguration=where)
    return client


def test_a_checkpoint_in_s3_is_locked_for_as_long_as_asked(s3, s3_server, settings, ledger):
    settings.AUDIT_ANCHORS = [f"s3://locked/ledgers?days=30&region=eu-west-2&endpoint={s3_server}"]

    checkpoint = keep(ledger)

    found = s3.list_object_versions(Bucket="locked", Prefix=f"ledgers/{ledger}/")["Versions"]
    assert len(found) == 1
    key, version = found[0]["Key"], found[0]["VersionId"]
    kept = s3.get_object(Bucket="locked", Key=key)
    assert kept["Body"].read().decode() == checkpoint.note
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    assert abs(kept["ObjectLockRetainUntilDate"] - checkpoint.signed_at - timedelta(days=30)) < timedelta(seconds=2)
    with pytest.raises(ClientError):
        s3.delete_object(Bucket="locked", Key=key, VersionId=version)
    health = queries.anchor_health(ledger)[1]
    assert (health.destination, health.ok) == ("s3://locked/ledgers", True)


@pytest.mark.parametrize("bucket", ["plain", "missing"])
def test_a_bucket_that_locks_nothing_or_is_not_there_fails_aloud(s3, s3_server, settings, ledger, bucket):
    settings.AUDIT_ANCHORS = [f"s3://{bucket}/x?region=eu-west-2&endpoint={s3_server}"]

    assert keep(ledger).size

    health = queries.anchor_health(ledger)[1]
    assert not health.ok
    assert health.error in {"NotLocked", "ClientError", "InvalidRequest", "NoSuchBucket"}
    assert queries.anchor_health(ledger)[0].ok


def test_an_endpoint_that_nobody_answers_at_fails_aloud(settings, ledger, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    settings.AUDIT_ANCHORS = ["s3://b/c?region=eu-west-2&endpoint=http://127.0.0.1:9"]

    keep(ledger)

    assert queries.anchor_health(ledger)[1].error == "EndpointConnectionError"


def test_without_the_library_the_receipt_says_what_is_missing(settings, ledger, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    settings.AUDIT_ANCHORS = ["s3://other/c?region=eu-west-2"]

    keep(ledger)

    assert queries.anchor_health(ledger)[1].error == "ClientMissing"


# --- mail -------------------------------------------------------------------------------------------------------------


class Postbox:
    def __init__(self):
        self.messages = []
        self.answer = "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.answer.startswith("250"):
            self.messages.append(email.message_from_bytes(envelope.content))
        return self.answer


@pytest.fixture
def postbox(settings):
    handler = Postbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.AUDIT_ANCHORS = ["mailto:ledger@example.org?every=60"]
    yield handler
    controller.stop()


def attached(message):
    part = message.get_payload()[1]
    return part.get_payload(decode=True).decode()


def test_a_mailed_checkpoint_arrives_byte_for_byte(postbox, ledger):
    checkpoint = keep(ledger)

    assert [message["To"] for message in postbox.messages] == ["ledger@example.org"]
    assert attached(postbox.messages[0]) == checkpoint.note
    assert signing.keyring().checkpoint(attached(postbox.messages[0]), ledger, signing.verify).size == checkpoint.size


def test_a_mailbox_is_not_flooded(postbox, ledger):
    for _ in range(5):
        keep(ledger)
        append(ledger)
    assert len(postbox.messages) == 1

    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        newest = keep(ledger)
        keep(ledger)
    assert [attached(message) for message in postbox.messages][1:] == [newest.note]


def test_a_clock_set_back_does_not_silence_the_mailbox(postbox, ledger):
    keep(ledger)
    append(ledger)

    with time_machine.travel(timezone.now() - timedelta(days=30)):
        keep(ledger)

    assert len(postbox.messages) == 2


def test_a_mail_server_that_refuses_is_tried_again_and_told_of_meanwhile(postbox, ledger):
    postbox.answer = "451 later"
    keep(ledger)
    health = queries.anchor_health(ledger)[1]
    assert (health.ok, health.error, health.taken_at) == (False, "SMTPDataError", None)
    since = health.failing_since

    keep(ledger)
    assert AnchorReceipt.objects.filter(organisation_id=ledger).count() == 1  # too soon for another try

    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        keep(ledger)
    assert queries.anchor_health(ledger)[1].failing_since == since
    assert AnchorReceipt.objects.filter(organisation_id=ledger).count() == 2

    postbox.answer = "250 OK"
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        keep(ledger)
        assert queries.anchor_health(ledger)[1].ok
    assert len(postbox.messages) == 1


def test_a_mail_server_that_is_down_keeps_nobody_from_signing(settings, ledger):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    settings.AUDIT_ANCHORS = ["mailto:ledger@example.org"]

    assert keep(ledger).size == queries.chain_head(ledger).seq

    assert queries.anchor_health(ledger)[1].error == "ConnectionRefusedError"
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP("127.0.0.1", 9)


# --- what is true of all ----------------------------------------------------------------------------------------------


def test_a_second_folder_takes_the_same_notes(settings, tmp_path, ledger):
    settings.AUDIT_ANCHORS = [(tmp_path / "other").as_uri()]

    checkpoint = keep(ledger)

    assert list(anchors.AnchorFile(tmp_path / "other", ledger).notes()) == [checkpoint.note]


def test_a_destination_silent_for_a_quarter_of_an_hour_is_told_of(settings, tmp_path, ledger):
    services.sign_checkpoint(ledger)
    settings.AUDIT_ANCHORS = [(tmp_path / "other").as_uri()]
    now = timezone.now()

    assert [found.silent for found in queries.anchor_health(ledger)] == [False, False]
    assert [found.silent for found in queries.anchor_health(ledger, now=now + timedelta(minutes=16))] == [False, True]

    append(ledger)
    assert [found.silent for found in queries.anchor_health(ledger, now=now + timedelta(minutes=16))] == [True, True]


def test_a_quiet_ledger_makes_nobody_look_silent(settings, tmp_path, ledger):
    settings.AUDIT_ANCHORS = [(tmp_path / "other").as_uri()]
    keep(ledger)

    assert all(found.ok for found in queries.anchor_health(ledger, now=timezone.now() + timedelta(days=9)))


def test_a_forged_checkpoint_row_is_handed_to_nobody(settings, tmp_path, ledger):
    settings.AUDIT_ANCHORS = [(tmp_path / "other").as_uri()]
    real = services.sign_checkpoint(ledger)
    append(ledger)
    queries.Checkpoint.objects.create(
        organisation_id=ledger,
        size=real.size + 1,
        digest=bytes(32),
        root=bytes(32),
        frontier=b"",
        note="forged",
        key_id="",
        anchor="",
    )

    deliveries.deliver(ledger)

    assert list(anchors.AnchorFile(tmp_path / "other", ledger).notes()) == [real.note]


def test_receipts_are_written_once_and_never_changed(settings, tmp_path, ledger):
    from django.db import ProgrammingError, connection, transaction

    settings.AUDIT_ANCHORS = [(tmp_path / "other").as_uri()]
    keep(ledger)

    for statement in ("UPDATE audit_anchor_receipt SET failures = 0", "DELETE FROM audit_anchor_receipt"):
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_receipts_of_another_organisation_are_behind_the_wall(settings, tmp_path, ledger, world):
    from access.tenancy import acting_for

    settings.AUDIT_ANCHORS = [(tmp_path / "other").as_uri()]
    keep(ledger)

    with acting_for(world.other.pk):
        assert not AnchorReceipt.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        "ftp://x/y",
        "anchor",
        "mailto:",
        "mailto:nobody",
        "mailto:a@b.example?every=0",
        "mailto:a@b.example?evry=5",
        "s3://",
        "s3://key:secret@bucket/x",
        "s3://bucket/x?days=0",
        "s3://bucket/x?mode=GOVERNANCE",
        "file:relative",
        "file://host/x",
        "http://[",
    ],
)
def test_an_address_that_cannot_be_understood_stops_the_start(settings, address):
    settings.AUDIT_ANCHORS = [address]

    with pytest.raises(AnchorUnknown):
        anchors.destinations()
    assert [found.id for found in run_checks() if found.id.startswith("audit")] == ["audit.E001"]


def test_names_hold_no_credentials_and_no_options():
    named = [
        anchors.destination_at("s3://b/p/?days=9&region=eu-west-2&endpoint=https://s3.example.org"),
        anchors.destination_at("file:///mnt/other"),
    ]

    assert named[0] == Bucket("b", "p", timedelta(days=9), "eu-west-2", "https://s3.example.org")
    assert anchors.destination_at("mailto:l@example.org?every=5") == Mailbox("l@example.org", timedelta(minutes=5))
    assert [found.name for found in named] == ["s3://b/p", "file:///mnt/other"]


def test_the_file_is_always_on(settings, ledger):
    settings.AUDIT_ANCHORS = []

    keep(ledger)

    assert anchor_path(ledger).is_file()
    assert [found.destination for found in queries.anchor_health(ledger)] == ["file"]
    assert queries.anchor_health(ledger)[0].taken_at <= datetime.now(UTC)
