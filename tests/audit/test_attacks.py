"""A thousand attacks by a database's owner, by program: each is found, and the first bad entry is the right one.

What cannot be found in the database and its anchors, for there is nothing left to tell:

- entries cut off behind the last anchored checkpoint, with the chain head set back: at most 60 seconds' or 50 entries'
  worth, until the next checkpoint;
- which of those entries came first, and when the database sealed them: what they say is bound to the organisation's
  keys, their place and sealing time only to the chain;
- whole entries invented behind the last anchored checkpoint, by who has the wrapping keys too; behind an anchor their
  forgery is a fork like any other;
- `audit_event.xact`, which matters within one transaction only, and of a checkpoint its `id`, `anchor` and `signed_at`,
  and that its row is gone: the note stands in the anchors, and the database's copy proves nothing.

The tests of the second half show that each limit lies exactly there.
"""

import os
import random
from collections import Counter
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import transaction
from django.utils import timezone

from access.actors import Actor
from access.tenancy import acting_for
from audit import anchors, services
from audit.context import Origin, acting
from audit.entries import build_event
from audit.models import EventKind
from audit.open_views import close_views, note_view
from audit.verification import ERASURE, verify_connection
from records.services import write_daily_note
from tests import attacks
from tests import settings as run
from tests.attacks import ATTACKS, Intruder

pytestmark = pytest.mark.django_db(transaction=True)

TIMES = int(os.environ.get("CAREHOME_ATTACKS", "1000"))
SEED = int(os.environ.get("CAREHOME_SEED", "3"))


class Scene:
    """Two organisations' ledgers with everything in them that an attack may meet, and one connection to attack over."""

    def __init__(self, world, connection):
        self.connection = connection
        organisation = world.organisation.pk
        residents = [world.admit(first_name=f"Ada {n}", room=str(n)) for n in range(4)]
        carers = [world.person("carer"), world.person("nurse"), world.person("carer", name="Sam")]
        draw = random.Random(SEED)
        for part in range(6):
            for _ in range(9):
                self._something(world, draw.choice(carers), draw.choice(residents), residents, draw)
            close_views(organisation, everything=True)
            if part == 2:
                self._erase(world, residents.pop())
            services.sign_checkpoint(organisation)
        for _ in range(7):  # younger than the last checkpoint
            self._something(world, carers[0], residents[0], residents, draw)
        close_views(organisation, everything=True)
        with acting_for(world.other.pk), acting(Origin(world.other.pk, "system:test")):
            for part in range(30):
                services.append(
                    organisation_id=world.other.pk, actor="staff:x", action="test.act.done", subject="test:a"
                )
                if part in (9, 19, 28):
                    services.sign_checkpoint(world.other.pk)
        with connection.cursor() as cursor:
            other = attacks.ledger_of(cursor, world.other.pk)
            self.ledger = attacks.ledger_of(cursor, organisation, other, [newcomer(organisation) for _ in range(40)])
        connection.rollback()
        self.anchored = list(anchors.anchored_notes(organisation))  # held against in every run

    def _something(self, world, staff, resident, residents, draw):
        organisation, what = world.organisation.pk, draw.randrange(6)
        if what == 0:
            write_daily_note(actor=Actor.of(staff), resident=resident, body="A note", occurred_at=timezone.now())
        elif what == 1:
            with transaction.atomic():
                resident.room = str(int(resident.room) + 1)
                resident.save()
        elif what in (2, 3):
            seen = residents if what == 3 else [resident]
            for _ in range(draw.randrange(1, 4)):
                note_view(
                    organisation_id=organisation,
                    actor=staff.ref,
                    action="records.resident.viewed",
                    subject=resident.ref,
                    page=draw.choice(["records:resident", "records:daily_notes"]),
                    residents=[one.pk for one in seen],
                    care_home_id=world.home.pk,
                )
        else:
            services.append(
                organisation_id=organisation,
                actor=staff.ref,
                action="access.request.refused",
                subject=f"care_home:{world.home.pk}",
                kind=EventKind.REFUSAL if what == 4 else EventKind.ACT,
                care_home_id=world.home.pk if what == 4 else None,
                detail={"permission": "records.daily_note.read"},
            )

    def _erase(self, world, resident):
        """What an erasure leaves of a ledger: its own entry, and no details of those that name this resident alone."""
        services.append(
            organisation_id=world.organisation.pk,
            actor="staff:a",
            action=ERASURE,
            subject=resident.ref,
            detail={"reason": "asked"},
        )
        with self.connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("UPDATE audit_event SET salt = NULL, detail = NULL WHERE residents = %s", [[resident.pk]])
        self.connection.commit()

    def verify(self, **more):
        return verify_connection(
            self.connection, self.ledger.organisation, extra_notes=self.anchored, opening=True, **more
        )

    def state(self):
        """Every row of the attacked tables."""
        with self.connection.cursor() as cursor:
            return [
                cursor.execute(f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} t").fetchone()
                for table in ("audit_event", "audit_seal", "audit_head", "audit_checkpoint", "audit_mention")
            ]


def newcomer(organisation: UUID):
    """An event as the application itself would write it, not yet in the database."""
    event = build_event(
        organisation_id=organisation, event_id=uuid4(), at=timezone.now(), kind="act", actor="staff:a",
        action="test.act.done", subject="test:a", device=None, care_home_id=None, residents=[], detail={"n": 1},
    )  # fmt: skip
    return (
        event.id, organisation, event.at, event.kind, event.actor, event.action, event.subject, event.device,
        event.care_home_id, event.residents, event.count, event.commitment, event.salt, event.detail,
    )  # fmt: skip


@pytest.fixture
def scene(world):
    with psycopg.connect(run.CLUSTER.conninfo(run.DATABASE)) as connection:
        yield Scene(world, connection)
        connection.rollback()


@pytest.fixture
def intruder(scene):
    with scene.connection.cursor() as cursor:
        cursor.execute(attacks.OFF)
        yield Intruder(cursor, scene.ledger, random.Random(SEED))


def test_a_thousand_attacks_are_a_thousand_found(scene):
    before, drawn, missed = scene.state(), Counter(), []
    assert scene.verify().ok

    for number in range(TIMES):
        draw = random.Random(f"{SEED}/{number}")
        attack = ATTACKS[number] if number < len(ATTACKS) else draw.choice(ATTACKS)
        with scene.connection.cursor() as cursor:
            cursor.execute(attacks.OFF)
            own = Intruder(cursor, scene.ledger, draw)
            expected = own.without_erasure(attack(own))
            result = scene.verify()
            if not expected.fits(result.first_bad_seq, result.kind):
                missed.append((number, attack.__name__, sorted(expected.seqs), sorted(expected.kinds),
                               result.first_bad_seq, result.kind))  # fmt: skip
        scene.connection.rollback()
        drawn[attack.__name__] += 1

    assert not missed, "\n".join(map(str, missed))
    assert sum(drawn.values()) == TIMES
    assert len(drawn) == len(set(ATTACKS))  # each kind was among them
    assert scene.state() == before
    assert scene.verify().ok


# --- where the limits lie ---------------------------------------------------------------------------------------------


def told(scene):
    result = scene.verify()
    return result.first_bad_seq, result.kind


def test_cutting_entries_is_found_from_the_last_anchored_one_on(scene, intruder):
    last = scene.ledger.anchored
    intruder.cut(last)
    assert told(scene) == (None, "")

    intruder.cut(last - 1)
    assert told(scene) == (last, "truncated")


def test_another_order_is_found_from_the_last_anchored_one_on(scene, intruder):
    """Behind the anchor each entry still says what it said, for only who has the keys could make it say otherwise."""
    last = scene.ledger.anchored

    def swap(first, second):
        for seq, to in ((first, 10**6), (second, first), (10**6, second)):
            intruder.do(
                "UPDATE audit_seal SET seq = %s WHERE organisation_id = %s AND seq = %s",
                to,
                scene.ledger.organisation,
                seq,
            )
        intruder.reseal(first)

    swap(last + 1, last + 2)
    assert told(scene) == (None, "")

    swap(last, last + 1)
    assert told(scene) == (last, "fork")


def test_entries_made_with_the_stolen_wrapping_keys_are_found_up_to_the_anchor(scene, intruder):
    """As the application itself would write them: nothing but an anchor can tell that they were not always there."""
    last = scene.ledger.anchored

    def put(newcomer, seq):
        intruder.do("DELETE FROM audit_mention WHERE event_id = %s", scene.ledger.entries[seq - 1].event)
        intruder.insert(newcomer)
        intruder.seal(scene.ledger.entries[seq - 1], "event_id = %s, at = %s", newcomer[0], newcomer[2])
        intruder.do("DELETE FROM audit_event WHERE id = %s", scene.ledger.entries[seq - 1].event)
        intruder.reseal(seq)
        intruder.re_sign()

    put(scene.ledger.newcomers[0], last + 1)
    assert told(scene) == (None, "")

    put(scene.ledger.newcomers[1], last)
    assert told(scene) == (last, "fork")


def test_what_no_verifier_needs_is_not_held(scene, intruder):
    intruder.do("UPDATE audit_event SET xact = '1'")
    intruder.do(
        "UPDATE audit_checkpoint SET id = gen_random_uuid(), anchor = 'x', signed_at = now() - interval '1 day'"
    )
    assert told(scene) == (None, "")

    intruder.do("DELETE FROM audit_checkpoint")
    assert told(scene) == (None, "")
    intruder.cut(scene.ledger.anchored - 1)
    assert told(scene) == (scene.ledger.anchored, "truncated")


def test_the_anchors_alone_tell_of_a_thief_with_the_signing_key(scene, intruder):
    entry = scene.ledger.entries[3]
    intruder.seal(entry, "sealed_at = sealed_at - interval '1 day'")
    intruder.reseal(entry.seq)
    intruder.re_sign()

    without = verify_connection(scene.connection, scene.ledger.organisation, opening=True)

    assert without.ok
    assert told(scene) == (scene.ledger.anchor_at(entry.seq), "fork")
