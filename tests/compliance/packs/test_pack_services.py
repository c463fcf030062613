"""Evidence packs from the request to the removal, with the real task, the real key and the real verifier."""

import hashlib
import io
import json
import stat
import zipfile
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from access.actors import Actor
from access.errors import NotPermitted
from access.tenancy import acting_for
from audit.errors import SigningKeyMissing
from audit.models import Event
from audit.signing import signer
from compliance.dspt import queries as dspt
from compliance.dspt.services import confirm_item
from compliance.errors import PackInProgress, PackNotReady, ReasonMissing
from compliance.models import Pack
from compliance.packs import queries, services, verify
from compliance.packs.build import STEPS
from compliance.packs.tasks import build_pack, tidy_packs


@pytest.fixture
def asked(manager, actor_for, settle):
    pack = services.request_pack(actor=actor_for(manager), edition=dspt.current_edition(), reason="Inspector's visit")
    settle()
    return pack


@pytest.fixture
def made(asked):
    build_pack.apply((str(asked.organisation_id), str(asked.pk)), throw=True)
    asked.refresh_from_db()
    return asked


@pytest.fixture
def system(organisation):
    return Actor.system(organisation.pk, "packs")


def actions(pack):
    events = Event.objects.filter(organisation_id=pack.organisation_id, subject=pack.ref).order_by("at")
    return [event.action for event in events]


def test_request_pack_waits_for_its_task(asked, manager):
    assert (asked.state, asked.requested_by, asked.steps_total) == ("waiting", manager.ref, len(STEPS))
    assert actions(asked) == ["compliance.pack.requested"]


def test_request_pack_needs_a_reason(manager, actor_for):
    with pytest.raises(ReasonMissing):
        services.request_pack(actor=actor_for(manager), edition=dspt.current_edition(), reason="  ")


def test_request_pack_makes_one_at_a_time(asked, administrator, actor_for):
    with pytest.raises(PackInProgress) as refused:
        services.request_pack(actor=actor_for(administrator), edition=dspt.current_edition(), reason="Me too")

    assert refused.value.pack_id == asked.pk


@pytest.mark.parametrize("role", ["nurse", "carer", "kitchen", "inspector"])
def test_request_pack_is_for_those_who_answer_for_it(world, actor_for, role):
    with pytest.raises(NotPermitted):
        services.request_pack(actor=actor_for(world.person(role)), edition=dspt.current_edition(), reason="Curious")


def test_build_pack_makes_a_pack_that_its_own_verifier_calls_good(made, settle):
    settle()
    data = made.path.read_bytes()

    report = verify.check(data, signer().fingerprint)

    assert report.problems == []
    assert (made.state, made.size, made.sha256) == ("ready", len(data), hashlib.sha256(data).hexdigest())
    assert actions(made) == ["compliance.pack.requested", "compliance.pack.built"]


def test_build_pack_says_what_was_confirmed_and_by_whom(manager, actor_for, asked, organisation):
    confirm_item(
        actor=actor_for(manager),
        edition=dspt.current_edition(),
        item_ref="1.1.1",
        statement="Our number is Z7654321",
        valid_until=timezone.localdate() + timedelta(days=9),
    )
    build_pack.apply((str(organisation.pk), str(asked.pk)), throw=True)

    answers = zipfile.ZipFile(asked.path).read("answers.csv").decode("utf-8-sig")

    assert "Our number is Z7654321" in answers
    assert manager.display_name in answers


def test_build_pack_holds_no_resident(made, resident, organisation, manager, actor_for):
    pack = services.request_pack(actor=actor_for(manager), edition=dspt.current_edition(), reason="Another")
    build_pack.apply((str(organisation.pk), str(pack.pk)), throw=True)
    archive = zipfile.ZipFile(pack.path)

    everything = b"".join(archive.read(name) for name in archive.namelist() if name != "verify.py")

    for secret in (resident.last_name, str(resident.pk), resident.preferred_name):
        assert secret.encode() not in everything


def test_build_pack_keeps_the_file_to_this_account(made):
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(made.path.parent.stat().st_mode) == 0o700
    assert not list(made.path.parent.glob("*.part"))


def test_build_pack_tells_each_step_while_it_is_done(asked, monkeypatch):
    told = []
    real = services.build

    def watched(contents, *, sign, step):
        def both(name):
            step(name)
            row = Pack.objects.get(pk=asked.pk)
            told.append((row.step, row.steps_done))

        return real(contents, sign=sign, step=both)

    monkeypatch.setattr(services, "build", watched)
    build_pack.apply((str(asked.organisation_id), str(asked.pk)), throw=True)

    assert told == [(name, number) for number, name in enumerate(STEPS)][1:]


def test_build_pack_delivered_twice_makes_it_once(made, monkeypatch):
    monkeypatch.setattr(services, "build", lambda *a, **k: pytest.fail("built again"))

    build_pack.apply((str(made.organisation_id), str(made.pk)), throw=True)

    made.refresh_from_db()
    assert made.ready


def test_build_pack_leaves_a_pack_that_another_task_makes(asked, system):
    Pack.objects.filter(pk=asked.pk).update(state="building", claimed_by="another", started_at=timezone.now())

    assert services.build_pack(actor=system, pack_id=asked.pk, claim="mine") is None


@pytest.mark.parametrize(
    ("claimed_by", "ago"), [("mine", timedelta(seconds=1)), ("another", services.STALLED_AFTER + timedelta(seconds=1))]
)
def test_build_pack_starts_anew_after_a_crash(asked, system, claimed_by, ago):
    Pack.objects.filter(pk=asked.pk).update(state="building", claimed_by=claimed_by, started_at=timezone.now() - ago)

    assert services.build_pack(actor=system, pack_id=asked.pk, claim="mine").ready


def test_build_pack_says_in_plain_words_why_it_failed(asked, monkeypatch, settle):
    def no_key():
        raise SigningKeyMissing("/secret/path")

    monkeypatch.setattr(queries, "signer", no_key)
    with pytest.raises(SigningKeyMissing):
        build_pack.apply((str(asked.organisation_id), str(asked.pk)), throw=True)
    settle()

    asked.refresh_from_db()
    assert asked.state == "failed"
    assert "signing key cannot be read" in asked.failure
    assert "/secret" not in asked.failure
    assert actions(asked)[-1] == "compliance.pack.failed"


def test_build_pack_leaves_nothing_behind_when_the_file_cannot_be_written(asked):
    asked.path.parent.parent.mkdir(parents=True, exist_ok=True)
    asked.path.parent.write_text("in the way")

    with pytest.raises(OSError, match="exists"):
        build_pack.apply((str(asked.organisation_id), str(asked.pk)), throw=True)

    asked.refresh_from_db()
    assert (asked.state, asked.size) == ("failed", None)
    assert "could not be written" in asked.failure


def test_build_pack_refuses_to_run_without_an_organisation(asked):
    with pytest.raises(ValueError, match="names no organisation"):
        build_pack.apply(("", str(asked.pk)), throw=True)


def test_download_pack_gives_the_bytes_and_seals_who_took_them(made, administrator, actor_for, settle):
    data = services.download_pack(actor=actor_for(administrator), pack=made)
    settle()

    assert data == made.path.read_bytes()
    [download] = queries.downloads(made.organisation_id, {made.ref})
    assert download.by == administrator.ref


def test_download_pack_refuses_a_file_that_was_changed(made, manager, actor_for):
    made.path.write_bytes(made.path.read_bytes()[:-1] + b"!")

    with pytest.raises(PackNotReady, match="not the one that was made"):
        services.download_pack(actor=actor_for(manager), pack=made)
    assert queries.downloads(made.organisation_id, {made.ref}) == []


def test_download_pack_refuses_one_that_is_not_ready(asked, manager, actor_for):
    with pytest.raises(PackNotReady):
        services.download_pack(actor=actor_for(manager), pack=asked)


def test_tidy_packs_removes_the_file_and_keeps_the_row(made, settle):
    Pack.objects.filter(pk=made.pk).update(expires_at=timezone.now())

    tidy_packs.apply((str(made.organisation_id),), throw=True)
    settle()

    made.refresh_from_db()
    assert made.state == "expired"
    assert not made.path.exists()
    assert actions(made)[-1] == "compliance.pack.expired"


def test_tidy_packs_leaves_a_pack_whose_time_is_not_over(made):
    tidy_packs.apply((str(made.organisation_id),), throw=True)

    made.refresh_from_db()
    assert made.ready
    assert made.path.exists()


def test_waiting_packs_finds_what_no_task_has_taken_up(asked):
    assert services.waiting_packs(asked.organisation_id) == []

    Pack.objects.filter(pk=asked.pk).update(created_at=timezone.now() - services.LATE_AFTER - timedelta(seconds=1))

    assert services.waiting_packs(asked.organisation_id) == [asked.pk]


def test_packs_of_another_organisation_are_not_there(made, other_organisation):
    with acting_for(other_organisation.pk):
        assert not Pack.objects.filter(pk=made.pk).exists()


def command(out, *more, organisation="rosebank", edition="2025-26"):
    printed = io.StringIO()
    call_command(
        "evidence_pack",
        *("--organisation", organisation, "--edition", edition, "--out", str(out), *more),
        stdout=printed,
        stderr=io.StringIO(),
    )
    return printed.getvalue()


def test_evidence_pack_writes_the_same_kind_of_pack(organisation, settle, tmp_path):
    settle()
    out = tmp_path / "pack.zip"

    told = json.loads(command(out, "--json"))

    assert verify.check(out.read_bytes(), told["fingerprint"]).problems == []
    assert told["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()


@pytest.mark.parametrize("wrong", [{"organisation": "nobody"}, {"edition": "1999-00"}])
def test_evidence_pack_answers_2_and_writes_nothing_when_it_cannot(organisation, settle, tmp_path, wrong):
    settle()

    with pytest.raises(CommandError) as refused:
        command(tmp_path / "pack.zip", **wrong)

    assert refused.value.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_evidence_pack_answers_2_when_the_file_cannot_be_written(organisation, settle, tmp_path):
    settle()

    with pytest.raises(CommandError) as refused:
        command(tmp_path / str(uuid4()) / "pack.zip")

    assert refused.value.returncode == 2
