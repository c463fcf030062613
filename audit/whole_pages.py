"""A page of entries held against its seals quickly: for the pages where nothing is wrong, which is nearly all.

The server lays out each entry's bytes as they were hashed, and Python hashes them, where the walk in
`audit.verification` builds an object for each entry. (Hashing in the server too was measured: slower by half, for its
SHA-256 does without the processor's own instructions, and one would have to trust it.) The statement calls built-in
functions only, by their full names, never the ledger's own, which the database's owner could replace. The answer is
"all of this holds" or "not all": what is wrong, and where, the walk says, from the page's start. Format 2 and 1 alike.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from django.db import DataError

from audit.canonical import VERSION
from audit.chain import ChainHead
from audit.cipher import cipher
from audit.errors import Unopenable

# What the server sends of an array is, behind 20 bytes of head, each element with its length before it, -1 for none:
# the layout of FORMAT.md, for five texts at once. Text comes in the client's encoding, which `is_safe` asks for.
_SAID = f"""
    CASE s.version WHEN 1 THEN '\\x0001'::bytea WHEN {VERSION} THEN '\\x0002'::bytea END
    || pg_catalog.uuid_send(s.organisation_id) || pg_catalog.int8send(s.seq) || pg_catalog.uuid_send(e.id)
    || pg_catalog.timestamptz_send(e.at)
    || CASE s.version WHEN 1 THEN ''::bytea
       ELSE pg_catalog.timestamptz_send(s.sealed_at) || pg_catalog.int4send(e.count) END
    || pg_catalog.substr(pg_catalog.array_send(ARRAY[e.kind, e.actor, e.action, e.subject, e.device]::text[]), 21)
    || CASE WHEN e.care_home_id IS NULL THEN pg_catalog.int4send(-1)
       ELSE pg_catalog.int4send(16) || pg_catalog.uuid_send(e.care_home_id) END
    || pg_catalog.int4send(pg_catalog.cardinality(e.residents))
    || CASE pg_catalog.cardinality(e.residents) WHEN 0 THEN ''::bytea WHEN 1 THEN pg_catalog.uuid_send(e.residents[1])
       ELSE (SELECT pg_catalog.string_agg(pg_catalog.uuid_send(r.id), ''::bytea ORDER BY r.place)
               FROM pg_catalog.unnest(e.residents) WITH ORDINALITY AS r(id, place)) END
    || e.commitment
"""  # noqa: S608  # made of this module's own words
_OF, _SEQ, _ID_AND_AT, _COUNT, _HASH = slice(2, 18), slice(18, 26), slice(26, 50), slice(58, 62), 32
# The span of `at` lets the planner read the events in their own order, out of one or two months, instead of one by one.
_SPAN = """
SELECT pg_catalog.min(s.at), pg_catalog.max(s.at), pg_catalog.min(s.sealed_at), pg_catalog.max(s.sealed_at)
  FROM audit_seal s
 WHERE s.organisation_id = %(organisation)s AND s.seq > %(after)s AND s.seq <= %(until)s
"""
_PAGE = f"""
SELECT s.version, s.leaf, s.digest, {_SAID}, e.salt, e.detail,
       CASE WHEN e.detail IS NULL AND pg_catalog.cardinality(e.residents) = 1 THEN e.residents[1] END
  FROM audit_seal s
  JOIN audit_event e ON e.organisation_id = s.organisation_id AND e.id = s.event_id AND e.at = s.at
 WHERE s.organisation_id = %(organisation)s AND s.seq > %(after)s AND s.seq <= %(until)s
   AND s.at BETWEEN %(first)s AND %(last)s
   AND e.organisation_id = %(organisation)s AND e.at BETWEEN %(first)s AND %(last)s
 ORDER BY s.seq
"""  # noqa: S608  # made of this module's own words
_UNNAMED = """
SELECT 1 FROM audit_seal s
  JOIN audit_event e ON e.organisation_id = s.organisation_id AND e.id = s.event_id AND e.at = s.at
 CROSS JOIN pg_catalog.unnest(e.residents) AS resident
 WHERE s.organisation_id = %(organisation)s AND s.seq > %(after)s AND s.seq <= %(until)s
   AND s.at BETWEEN %(first)s AND %(last)s
   AND e.organisation_id = %(organisation)s AND e.at BETWEEN %(first)s AND %(last)s
   AND NOT EXISTS (SELECT 1 FROM audit_mention m
                    WHERE m.organisation_id = %(organisation)s AND m.at BETWEEN %(first)s AND %(last)s
                      AND m.resident_id = resident AND m.at = s.at AND m.event_id = s.event_id)
 LIMIT 1
"""
# The server's own operators come first only where nobody put another schema before them.
_SETTINGS = "SELECT pg_catalog.current_schemas(true), pg_catalog.current_setting('client_encoding')"


@dataclass(slots=True)
class WholePage:
    """Entries after `after`, which all hold. version: of the last one. erased: by resident, the first entry whose
    details were taken out."""

    after: ChainHead
    version: int
    leaves: list[bytes] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    erased: dict[UUID, int] = field(default_factory=dict)

    @property
    def head(self) -> ChainHead:
        return ChainHead(self.after.seq + len(self.digests), self.digests[-1])


def is_safe(connection: Any) -> bool:
    """Whether names of built-in operators can mean nothing else on this connection, and its text comes in UTF-8."""
    schemas, encoding = _rows(connection, _SETTINGS, {})[0]
    first = next((schema for schema in schemas if not schema.startswith("pg_temp")), "")
    return first == "pg_catalog" and encoding == "UTF8"


def whole_page(
    connection: Any, organisation_id: UUID, after: ChainHead, *, until: int, version: int, opening: bool
) -> WholePage | None:
    """The entries from a trusted head to `until`, if all of them hold and their residents are indexed, else None.

    version: the last entry's layout, which never falls. opening: also open every entry's details.
    """
    named: dict[str, Any] = {"organisation": organisation_id, "after": after.seq, "until": until}
    try:
        first, last = _rows(connection, _SPAN, named)[0][:2]
    except (DataError, psycopg.DataError):  # a time beyond all calendars
        return None
    named |= {"first": first, "last": last}
    rows, page = _rows(connection, _PAGE, named), WholePage(after, version)
    if len(rows) != until - after.seq or not _hold(rows, page) or _rows(connection, _UNNAMED, named):
        return None
    return page if not opening or _open(rows, organisation_id) else None


def _hold(rows: list[Any], page: WholePage) -> bool:
    """Whether every entry has the next number, gives its leaf, its link and its commitment; fills the page."""
    sha256, seq, digest, version = hashlib.sha256, page.after.seq, page.after.digest, page.version
    for its_version, leaf, its_digest, said, salt, detail, resident in rows:
        seq += 1
        if said is None or its_version < version or said[_SEQ] != seq.to_bytes(8, "big"):
            return False
        if sha256(said).digest() != leaf or sha256(digest + leaf).digest() != its_digest:
            return False
        if salt is None or detail is None:
            if salt is not None or resident is None:
                return False
            page.erased.setdefault(resident, seq)
        elif sha256(salt + detail).digest() != said[-_HASH:]:
            return False
        digest, version = its_digest, its_version
        page.leaves.append(leaf)
        page.digests.append(digest)
    page.version = version
    return True


def _open(rows: list[Any], organisation_id: UUID) -> bool:
    opens, sha256 = cipher().open, hashlib.sha256
    try:
        for version, _leaf, _digest, said, _salt, detail, _resident in rows:
            if detail is None:
                continue
            binding = b""
            if version == VERSION:  # audit.canonical.binding
                told = b"carehome entry 2" + said[_OF] + said[_ID_AND_AT] + said[_COUNT] + said[62:-_HASH]
                binding = sha256(told).digest()
            opens(organisation_id, UUID(bytes=said[26:42]), detail, binding=binding)
    except Unopenable:
        return False
    return True


def _rows(connection: Any, sql: str, parameters: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
