"""Long ledgers made quickly: entries as the application writes them, sealed here instead of one by one at commit."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg

_EVENT_COLUMNS = """id organisation_id at kind actor action subject care_home_id residents count commitment salt
    detail""".split()
_EVENTS = f"COPY audit_event ({', '.join(_EVENT_COLUMNS)}) FROM STDIN"
_SEALS = "COPY audit_seal (organisation_id, seq, event_id, at, leaf, digest, version, sealed_at) FROM STDIN"
_MENTIONS = """
INSERT INTO audit_mention (organisation_id, resident_id, at, event_id)
SELECT e.organisation_id, resident, e.at, e.id
  FROM audit_seal s JOIN audit_event e ON e.id = s.event_id AND e.at = s.at, unnest(e.residents) AS resident
 WHERE s.organisation_id = %s AND s.seq > %s
"""
_HEAD = """
INSERT INTO audit_head VALUES (%s, %s, %s)
ON CONFLICT (organisation_id) DO UPDATE SET seq = excluded.seq, digest = excluded.digest
"""
_STAFF = [f"staff:01890a5d-ac96-7000-8000-{number:012x}" for number in range(40)]


def lengthen(admin: psycopg.Connection[Any], organisation_id: UUID, count: int) -> list[bytes]:
    """Put `count` entries behind the organisation's last one; returns what was hashed for them, message by message.

    admin: a superuser's connection, whose session skips triggers. The organisation must be open, for its keys.
    """
    from audit import canonical
    from audit.ids import uuid7
    from audit.queries import chain_head

    residents = [uuid7() for _ in range(40)]
    for resident in residents:
        resident_key(organisation_id, resident)
    head = chain_head(organisation_id)
    seq, digest, hashed, events, seals = head.seq, head.digest, [], [], []
    for event, body in _entries(organisation_id, residents, seq, count):
        seq += 1
        said = b"\x00" + canonical.canonical(body)
        leaf = hashlib.sha256(said).digest()
        hashed += [said, digest + leaf, event.salt + event.detail]
        digest = canonical.link(digest, leaf)
        events.append([getattr(event, column) for column in _EVENT_COLUMNS])
        seals.append((organisation_id, seq, event.id, event.at, leaf, digest, body.version, body.sealed_at))
    admin.execute("SET session_replication_role = replica")
    with admin.cursor() as cursor:
        for copying, rows in ((_EVENTS, events), (_SEALS, seals)):
            with cursor.copy(copying) as copy:
                for row in rows:
                    copy.write_row(row)
    admin.execute(_MENTIONS, (organisation_id, head.seq))
    admin.execute(_HEAD, (organisation_id, seq, digest))
    admin.execute("ANALYZE audit_event, audit_seal, audit_mention")
    return hashed


def _entries(organisation_id: UUID, residents: list[UUID], seq: int, count: int) -> Iterator[tuple[Any, Any]]:
    from dataclasses import replace

    from django.utils import timezone

    from audit.entries import body_of, build_event
    from audit.ids import uuid7

    home, first = uuid7(), timezone.now() - timedelta(milliseconds=count)
    for number in range(count):
        named = sorted(residents[:20]) if number % 20 == 0 else [residents[number % 40]]
        at = first + timedelta(milliseconds=number)
        event = build_event(
            organisation_id=organisation_id,
            event_id=uuid7(),
            at=at,
            kind="view",
            actor=_STAFF[number % 40],
            action="records.resident.viewed",
            subject=f"resident:{named[0]}",
            device=None,
            care_home_id=home,
            residents=named,
            detail={"page": "records:resident", "last_at": at.isoformat()},
            count=1 + number % 3,
        )
        yield event, replace(body_of(event), seq=seq + number + 1, sealed_at=at)


def resident_key(organisation_id: UUID, resident_id: UUID) -> None:
    """A data key for a resident who has no record here, with the entry that a new key needs."""
    from django.db import transaction

    from access.key_purposes import Purpose
    from access.keys import make_key
    from audit.services import append

    with transaction.atomic():
        key = make_key(organisation_id, Purpose.RESIDENT, resident_id)
        append(
            organisation_id=organisation_id, actor="system:bench", action="bench.key.made", subject=f"data_key:{key.id}"
        )
