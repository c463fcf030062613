"""Reading sealed entries for files and proofs: their canonical bytes, held against their seals on the way."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from audit import signing
from audit.canonical import VERSION, EntryBody, binding, canonical
from audit.cipher import cipher
from audit.containers import Shown
from audit.errors import NotAsSealed, NotSignedYet, Unopenable
from audit.models import Checkpoint
from audit.verify import signed

PAGE = 2_000
_COLUMNS = """
SELECT s.seq, s.leaf, s.version, s.sealed_at, e.id, e.at, e.kind, e.actor, e.action, e.subject, e.device,
       e.care_home_id, e.residents, e.count, e.commitment, e.salt, e.detail
  FROM audit_seal s
  LEFT JOIN audit_event e ON e.organisation_id = s.organisation_id AND e.id = s.event_id AND e.at = s.at
 WHERE s.organisation_id = %s
"""


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A stored checkpoint whose signature was checked: what entries are shown against."""

    note: str
    size: int
    root: bytes
    key: bytes  # that opens it


def public_keys() -> list[bytes]:
    """Raw keys that open our checkpoints: the present one first, then those that were retired.

    Raises SigningKeyMissing, KeyringDamaged.
    """
    keys = [signing.signer().public_key_bytes, *signing.keyring().public_keys().values()]
    return list(dict.fromkeys(keys))


def signed_head(organisation_id: UUID, *, at_least: int = 1) -> SignedHead:
    """The smallest checkpoint that covers so many entries: the same one whenever it is asked for again.

    Raises NotSignedYet, NotAsSealed.
    """
    row = Checkpoint.objects.filter(organisation_id=organisation_id, size__gte=at_least).order_by("size").first()
    if row is None:
        raise NotSignedYet(f"No checkpoint covers entry {at_least} yet. Run ledger_checkpoint and try again.")
    return _opened(row)


def latest_head(organisation_id: UUID) -> SignedHead:
    """Raises NotSignedYet, NotAsSealed."""
    row = Checkpoint.objects.filter(organisation_id=organisation_id).order_by("-size").first()
    if row is None:
        raise NotSignedYet("The ledger has no checkpoint yet. Run ledger_checkpoint and try again.")
    return _opened(row)


def _opened(row: Checkpoint) -> SignedHead:
    key, body = _opening_key(row.note)
    if (body.size, body.organisation) != (row.size, str(row.organisation_id)):
        raise NotAsSealed("A stored checkpoint is another one's. Run ledger_verify.")
    return SignedHead(row.note, body.size, body.root, key)


def _opening_key(note: str) -> tuple[bytes, signed.Checkpoint]:
    for key in public_keys():
        with suppress(signed.BadSignature):
            return key, signed.open_checkpoint(note, [key])
    raise NotAsSealed("A stored checkpoint was not signed by our key. Run ledger_verify.")


def entry(organisation_id: UUID, seq: int) -> Shown:
    """One entry, sealed as it is. Raises NotAsSealed."""
    found = list(entries(organisation_id, after=seq - 1, until=seq))
    if not found:
        raise NotAsSealed(f"Entry {seq} is not in the ledger.")
    return found[0]


def entries(organisation_id: UUID, *, after: int, until: int, opened: bool = False) -> Iterator[Shown]:
    """Entries after+1 … until in order, a page at a time; opened: with their details in clear. Raises NotAsSealed."""
    while after < until:
        sql = _COLUMNS + " AND s.seq > %s AND s.seq <= %s ORDER BY s.seq LIMIT %s"
        rows = rows_of(sql, [organisation_id, after, until, PAGE])
        for row in rows:
            yield _shown(organisation_id, row, opened=opened)
        if not rows:
            return
        after = rows[-1][0]


def chosen(organisation_id: UUID, seqs: Sequence[int], *, opened: bool = False) -> Iterator[Shown]:
    """The entries of these numbers, in order. Raises NotAsSealed."""
    for at in range(0, len(seqs), PAGE):
        sql = _COLUMNS + " AND s.seq = ANY(%s) ORDER BY s.seq"
        for row in rows_of(sql, [organisation_id, list(seqs[at : at + PAGE])]):
            yield _shown(organisation_id, row, opened=opened)


def _shown(organisation_id: UUID, row: Any, *, opened: bool) -> Shown:
    seq, leaf, salt, detail = row[0], bytes(row[1]), row[15], row[16]
    if row[4] is None:
        raise NotAsSealed(f"Entry {seq} was sealed, and is gone. Run ledger_verify.")
    body = _body(organisation_id, row)
    shown = Shown(
        seq=seq,
        canonical=canonical(body),
        leaf=leaf,
        salt=None if salt is None else bytes(salt),
        ciphertext=None if detail is None else bytes(detail),
        plaintext=_plaintext(body, detail) if opened and detail is not None else None,
    )
    if shown.hashed() != leaf:
        raise NotAsSealed(f"Entry {seq} is not as it was sealed. Run ledger_verify.")
    return shown


def _body(organisation_id: UUID, row: Any) -> EntryBody:
    return EntryBody(
        organisation_id=organisation_id,
        seq=row[0],
        version=row[2],
        sealed_at=row[3],
        event_id=row[4],
        at=row[5],
        kind=row[6],
        actor=row[7],
        action=row[8],
        subject=row[9],
        device=row[10],
        care_home_id=row[11],
        residents=row[12],
        count=row[13],
        commitment=bytes(row[14]),
    )


def _plaintext(body: EntryBody, detail: Any) -> bytes | None:
    """None where the details no longer open: erased with the resident's key."""
    bound = binding(body) if body.version == VERSION else b""
    try:
        return cipher().open(body.organisation_id, body.event_id, bytes(detail), binding=bound)
    except Unopenable:
        return None


def digest_at(organisation_id: UUID, seq: int) -> bytes | None:
    """The chain's digest after entry `seq`; None where it is not in the database (any more)."""
    rows = rows_of("SELECT digest FROM audit_seal WHERE organisation_id = %s AND seq = %s", [organisation_id, seq])
    return bytes(rows[0][0]) if rows else None


def archived_digest(organisation_id: UUID, seq: int) -> bytes | None:
    """The digest that an archive's record states after its last entry; None where none ends there."""
    sql = "SELECT digest FROM audit_archive WHERE organisation_id = %s AND last_seq = %s"
    rows = rows_of(sql, [organisation_id, seq])
    return bytes(rows[0][0]) if rows else None


def first_live(organisation_id: UUID) -> int | None:
    """The number of the oldest entry that is not archived away; None in an empty ledger."""
    sql = "SELECT seq FROM audit_seal WHERE organisation_id = %s ORDER BY seq LIMIT 1"
    rows = rows_of(sql, [organisation_id])
    return rows[0][0] if rows else None


def last_before(organisation_id: UUID, moment: datetime, *, after: int, by_sealing: bool) -> int:
    """The last of the entries behind `after` that stand before the first one dated `moment` or later.

    by_sealing: go by when an entry was sealed, as the database's clock had it, rather than by when its act was.
    """
    date = "coalesce(sealed_at, at)" if by_sealing else "at"
    sql = (
        "SELECT coalesce((SELECT min(seq) - 1 FROM audit_seal"  # noqa: S608  # one of two words
        f" WHERE organisation_id = %s AND seq > %s AND {date} >= %s),"
        " (SELECT max(seq) FROM audit_seal WHERE organisation_id = %s), %s)"
    )
    rows = rows_of(sql, [organisation_id, after, moment, organisation_id, after])
    return max(after, int(rows[0][0]))


def rows_of(sql: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
