"""What a database's owner can do to a ledger, by program: seeded, one at a time, and where each must be found.

Every attack runs as superuser with triggers off, says which entry is the first that is wrong, and is rolled back.
The owner has the database, all of it; the signing key too where an attack says so; the data keys and the anchors never.
"""

import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from audit import merkle, notes, signing
from audit.canonical import EntryBody, leaf, link
from audit.chain import BreakKind as Kind
from audit.verification import ERASURE

OFF, ON = "SET LOCAL session_replication_role = replica", "SET LOCAL session_replication_role = origin"
_ROWS = """
SELECT s.seq, s.event_id, s.at, e.kind, e.residents, e.detail IS NULL, s.digest, e.action, e.subject
  FROM audit_seal s LEFT JOIN audit_event e ON e.id = s.event_id AND e.at = s.at
 WHERE s.organisation_id = %s ORDER BY s.seq
"""
_BODIES = """
SELECT s.seq, e.id, e.at, e.kind, e.actor, e.action, e.subject, e.device, e.care_home_id, e.residents, e.commitment,
       s.sealed_at, e.count, s.version
  FROM audit_seal s JOIN audit_event e ON e.id = s.event_id AND e.at = s.at
 WHERE s.organisation_id = %s AND s.seq >= %s ORDER BY s.seq
"""


@dataclass(frozen=True)
class Entry:
    seq: int
    event: UUID
    at: datetime
    kind: str
    residents: list[UUID]
    erased: bool
    digest: bytes
    action: str
    subject: str


@dataclass(frozen=True)
class Ledger:
    """One organisation's ledger as it was before any attack. sizes: of its checkpoints, all of them anchored."""

    organisation: UUID
    other: "Ledger | None"
    entries: list[Entry]
    sizes: list[int]
    newcomers: Sequence[tuple[Any, ...]] = ()  # events ready to be inserted, as the application would write them

    @property
    def last(self) -> int:
        return len(self.entries)

    @property
    def anchored(self) -> int:
        return self.sizes[-1]

    def anchor_at(self, seq: int) -> int:
        """The first anchored checkpoint that covers the entry."""
        return self.sizes[bisect_left(self.sizes, seq)]


@dataclass(frozen=True)
class Found:
    """What a verifier must say: one of these numbers, one of these kinds."""

    seqs: frozenset[int]
    kinds: frozenset[str]

    def fits(self, seq: int | None, kind: str) -> bool:
        return seq in self.seqs and kind in self.kinds


def at(seq: int, *kinds: Kind, also: Sequence[int] = ()) -> Found:
    return Found(frozenset({seq, *also}), frozenset(kind.value for kind in kinds))


Attack = Callable[["Intruder"], Found]
ATTACKS: list[Attack] = []


def attack(times: int = 1) -> Callable[[Attack], Attack]:
    """Register; `times`: how much more often than others it is drawn."""

    def register(function: Attack) -> Attack:
        ATTACKS.extend([function] * times)
        return function

    return register


class Intruder:
    """A superuser's cursor in a transaction that will be rolled back, and a seeded choice."""

    def __init__(self, cursor: Any, ledger: Ledger, draw: random.Random) -> None:
        self.cursor, self.ledger, self.draw = cursor, ledger, draw

    def do(self, sql: str, *parameters: Any) -> None:
        self.cursor.execute(sql, parameters)

    def ask(self, sql: str, *parameters: Any) -> list[Any]:
        return list(self.cursor.execute(sql, parameters).fetchall())

    def any_entry(self, test: Callable[[Entry], bool] = lambda entry: True) -> Entry:
        return self.draw.choice([entry for entry in self.ledger.entries if test(entry)])

    def covered_entry(self, test: Callable[[Entry], bool] = lambda entry: True) -> Entry:
        """One that a checkpoint covers."""
        return self.any_entry(lambda entry: entry.seq <= self.ledger.anchored and test(entry))

    def two(self, covered: bool = False) -> tuple[Entry, Entry]:
        among = self.ledger.entries[: self.ledger.anchored] if covered else self.ledger.entries
        first, second = sorted(self.draw.sample(among, 2), key=lambda entry: entry.seq)
        return first, second

    def size(self) -> int:
        return self.draw.choice(self.ledger.sizes)

    def event(self, entry: Entry, expression: str, *parameters: Any) -> None:
        self.do(f"UPDATE audit_event SET {expression} WHERE id = %s", *parameters, entry.event)

    def seal(self, entry: Entry, expression: str, *parameters: Any) -> None:
        self.do(
            f"UPDATE audit_seal SET {expression} WHERE organisation_id = %s AND seq = %s",
            *parameters,
            self.ledger.organisation,
            entry.seq,
        )

    def checkpoint(self, size: int, expression: str, *parameters: Any) -> None:
        self.do(
            f"UPDATE audit_checkpoint SET {expression} WHERE organisation_id = %s AND size = %s",
            *parameters,
            self.ledger.organisation,
            size,
        )

    def lift_constraints(self, table: str) -> None:
        """An owner may drop what forbids a value."""
        for name, kind in self.ask(
            "SELECT conname, contype FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'c'", table
        ):
            if kind in ("c", b"c"):
                self.do(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')

    def lift_not_null(self, table: str, column: str) -> None:
        self.do(f"ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL")

    def set_head(self, seq: int, organisation: UUID | None = None) -> None:
        """The head where the seal of this number stands; at the beginning for 0."""
        organisation = organisation or self.ledger.organisation
        rows = self.ask("SELECT digest FROM audit_seal WHERE organisation_id = %s AND seq = %s", organisation, seq)
        digest = rows[0][0] if rows else bytes(32)
        self.do("UPDATE audit_head SET seq = %s, digest = %s WHERE organisation_id = %s", seq, digest, organisation)

    def cut(self, keep: int) -> None:
        """Everything behind entry `keep` gone: events, seals, checkpoints, and the head set back."""
        organisation = self.ledger.organisation
        self.do(
            "DELETE FROM audit_event e USING audit_seal s WHERE s.organisation_id = %s AND s.seq > %s"
            " AND e.id = s.event_id AND e.at = s.at",
            organisation,
            keep,
        )
        gone = [entry.event for entry in self.ledger.entries[keep:]]
        self.do("DELETE FROM audit_mention WHERE event_id = ANY (%s)", gone)
        self.do("DELETE FROM audit_seal WHERE organisation_id = %s AND seq > %s", organisation, keep)
        self.do("DELETE FROM audit_checkpoint WHERE organisation_id = %s AND size > %s", organisation, keep)
        self.set_head(keep)

    def reseal(self, since: int = 1, organisation: UUID | None = None) -> None:
        """Compute every seal anew from an entry on, and move the head: what the sealing function would have done."""
        organisation = organisation or self.ledger.organisation
        before = self.ask(
            "SELECT digest FROM audit_seal WHERE organisation_id = %s AND seq = %s", organisation, since - 1
        )
        digest, rows = bytes(before[0][0]) if before else bytes(32), []
        for (
            seq,
            event,
            when,
            kind,
            actor,
            action,
            subject,
            device,
            home,
            residents,
            kept,
            sealed,
            count,
            version,
        ) in self.ask(_BODIES, organisation, since):
            body = EntryBody(
                organisation_id=organisation, seq=seq, event_id=event, at=when, kind=kind, actor=actor, action=action,
                subject=subject, device=device, care_home_id=home, residents=residents, commitment=bytes(kept),
                sealed_at=sealed, count=count, version=version,
            )  # fmt: skip
            digest = link(digest, leaf(body))
            rows.append((leaf(body), digest, organisation, seq))
        self.cursor.executemany(
            "UPDATE audit_seal SET leaf = %s, digest = %s WHERE organisation_id = %s AND seq = %s", rows
        )
        self.set_head(rows[-1][3] if rows else since - 1, organisation)

    def re_sign(self) -> None:
        """With the stolen signing key: every checkpoint in the database made anew over the chain as it stands now."""
        organisation, signer = self.ledger.organisation, signing.signer()
        seals = self.ask("SELECT leaf, digest FROM audit_seal WHERE organisation_id = %s ORDER BY seq", organisation)
        frontier, done = [], 0
        for size in self.ledger.sizes:
            if size > len(seals):
                self.do("DELETE FROM audit_checkpoint WHERE organisation_id = %s AND size >= %s", organisation, size)
                return
            frontier, done = merkle.extend(frontier, done, [bytes(row[0]) for row in seals[done:size]])
            digest, root = bytes(seals[size - 1][1]), merkle.root(frontier)
            body = notes.CheckpointBody(f"{signer.name}/{organisation}", size, root, digest)
            text = body.text()
            note = notes.sign(
                text, name=signer.name, public_key=signer.public_key_bytes, signature=signer.sign(text.encode())
            )
            self.checkpoint(
                size, "digest = %s, root = %s, frontier = %s, note = %s", digest, root, merkle.pack(frontier), note
            )

    def without_erasure(self, found: Found) -> Found:
        """An erased entry holds only with its erasure's: where that was taken away, it is the first that does not."""
        sealed = "SELECT seq, event_id FROM audit_seal WHERE organisation_id = %s"
        still = set(self.ask(sealed, self.ledger.organisation))
        erased = [entry for entry in self.ledger.entries if entry.erased and (entry.seq, entry.event) in still]
        if not erased:
            return found
        rows = self.ask(
            "SELECT 1 FROM audit_event e JOIN audit_seal s ON s.organisation_id = e.organisation_id"
            " AND s.event_id = e.id AND s.at = e.at WHERE e.organisation_id = %s AND e.action = %s AND e.subject = %s",
            self.ledger.organisation,
            ERASURE,
            f"resident:{erased[0].residents[0]}",
        )
        if rows or min(found.seqs) < erased[0].seq:
            return found
        return at(erased[0].seq, Kind.ALTERED)

    def insert(self, newcomer: Sequence[Any], organisation: UUID | None = None) -> None:
        self.do(_INSERT, *newcomer[:1], organisation or newcomer[1], *newcomer[2:])


_COPIED = "kind, actor, action, subject, device, care_home_id, residents, count, commitment, salt, detail"
_INSERT = f"INSERT INTO audit_event (id, organisation_id, at, {_COPIED}) VALUES ({', '.join(['%s'] * 14)})"


def ledger_of(cursor: Any, organisation: UUID, other: Ledger | None = None, newcomers: Any = ()) -> Ledger:
    entries = [Entry(*row[:6], bytes(row[6]), *row[7:]) for row in cursor.execute(_ROWS, [organisation]).fetchall()]
    sizes = cursor.execute("SELECT size FROM audit_checkpoint WHERE organisation_id = %s ORDER BY size", [organisation])
    return Ledger(organisation, other, entries, [size for (size,) in sizes.fetchall()], newcomers)


def flip(value: bytes, draw: random.Random) -> bytes:
    """One bit of it another."""
    place = draw.randrange(len(value) * 8)
    changed = bytearray(value)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


# --- each column of each table ----------------------------------------------------------------------------------------


@attack(12)
def alter_a_text(own: Intruder) -> Found:
    entry = own.any_entry()
    column = own.draw.choice(["actor", "action", "subject"])
    value = own.ask(f"SELECT {column} FROM audit_event WHERE id = %s", entry.event)[0][0]
    letters = "abcdefghijklmnopqrstuvwxyz"
    place = own.draw.choice([n for n, letter in enumerate(value) if letter in letters and n > 0])
    changed = own.draw.choice(
        [
            value[:place] + own.draw.choice(letters.replace(value[place], "")) + value[place + 1 :],
            value + own.draw.choice(letters),
            value[0] + value,
        ]
    )
    own.event(entry, f"{column} = %s", changed)
    return at(entry.seq, Kind.ALTERED)


@attack(4)
def alter_the_kind(own: Intruder) -> Found:
    entry = own.any_entry()
    own.event(entry, "kind = %s", own.draw.choice(sorted({"act", "change", "view", "refusal"} - {entry.kind})))
    return at(entry.seq, Kind.ALTERED)


@attack(6)
def alter_device_or_home(own: Intruder) -> Found:
    entry = own.any_entry()
    own.event(
        entry,
        own.draw.choice(
            [
                "device = CASE WHEN device IS NULL THEN 'device:1' END",
                "device = coalesce(device, 'device:') || 'a'",
                "care_home_id = CASE WHEN care_home_id IS NULL THEN gen_random_uuid() END",
                "care_home_id = gen_random_uuid()",
            ]
        ),
    )
    return at(entry.seq, Kind.ALTERED)


@attack(8)
def alter_the_residents(own: Intruder) -> Found:
    some = own.draw.random() < 0.7
    entry = own.any_entry(lambda entry: bool(entry.residents) or not some)
    one = [uuid4()]
    values: list[Any] = [entry.residents + one, one, [None], [one], [*entry.residents, None]]
    if entry.residents:
        values += [[], entry.residents[1:], entry.residents * 2]
    if len(entry.residents) > 1:
        values.append(entry.residents[::-1])
    own.event(entry, "residents = %s::uuid[]", own.draw.choice(values))
    return at(entry.seq, Kind.ALTERED)


@attack(3)
def alter_the_count(own: Intruder) -> Found:
    entry = own.any_entry()
    own.event(entry, "count = count + %s", own.draw.choice([1, 2, 1000]))
    return at(entry.seq, Kind.ALTERED)


@attack(8)
def alter_what_the_details_are_kept_in(own: Intruder) -> Found:
    column = own.draw.choice(["commitment", "salt", "detail"])
    entry = own.any_entry(lambda entry: column == "commitment" or not entry.erased)
    value = own.ask(f"SELECT {column} FROM audit_event WHERE id = %s", entry.event)[0][0]
    own.event(entry, f"{column} = %s", flip(bytes(value), own.draw))
    return at(entry.seq, Kind.ALTERED)


@attack(4)
def take_details_away(own: Intruder) -> Found:
    """As an erasure would, of somebody whom nobody erased; or half of it."""
    entry = own.any_entry(lambda entry: not entry.erased)
    own.event(entry, own.draw.choice(["salt = NULL", "detail = NULL", "detail = ''", "salt = NULL, detail = NULL"]))
    return at(entry.seq, Kind.ALTERED)


@attack(2)
def put_details_where_they_were_erased(own: Intruder) -> Found:
    entry = own.any_entry(lambda entry: entry.erased)
    own.event(entry, own.draw.choice(["salt = sha256('x')", "detail = 'x'", "salt = sha256('x'), detail = 'x'"]))
    return at(entry.seq, Kind.ALTERED)


@attack(2)
def give_another_entry_s_details(own: Intruder) -> Found:
    """With salt and commitment, so that they fit each other."""
    first, second = own.two()
    if first.erased or second.erased:
        return alter_the_count(own)
    own.do(
        "UPDATE audit_event e SET salt = o.salt, detail = o.detail, commitment = o.commitment FROM audit_event o"
        " WHERE e.id = %s AND o.id = %s",
        first.event,
        second.event,
    )
    if own.draw.random() < 0.5:
        own.reseal(first.seq)
    return at(first.seq, Kind.ALTERED)


@attack(6)
def shift_the_time_by_a_microsecond(own: Intruder) -> Found:
    entry, sign = own.any_entry(), own.draw.choice("+-")
    which = own.draw.choice(["event", "seal", "both", "sealed"])
    if which in ("event", "both"):
        own.event(entry, f"at = at {sign} interval '1 microsecond'")
    if which in ("seal", "both"):
        own.seal(entry, f"at = at {sign} interval '1 microsecond'")
    if which == "sealed":
        own.seal(entry, f"sealed_at = sealed_at {sign} interval '1 microsecond'")
    return at(entry.seq, Kind.ALTERED if which in ("both", "sealed") else Kind.MISSING)


@attack(4)
def give_a_time_that_no_clock_tells(own: Intruder) -> Found:
    """Python's datetime ends at year 9999: a verifier must name the entry, not fall over it."""
    entry = own.any_entry()
    moment = own.draw.choice(["infinity", "-infinity", "0044-03-15 BC", "20000-01-01"])
    if own.draw.random() < 0.5:
        own.seal(entry, "sealed_at = %s", moment)
    else:
        own.event(entry, "at = %s", moment)
        own.seal(entry, "at = %s", moment)
    return at(entry.seq, Kind.ALTERED)


@attack(8)
def give_a_value_that_the_constraints_forbid(own: Intruder) -> Found:
    entry = own.any_entry()
    expression, table = own.draw.choice(
        [
            ("kind = 'guess'", "audit_event"),
            ("actor = ''", "audit_event"),
            ("actor = E'staff:a\\nstaff:b'", "audit_event"),
            ("subject = U&'resident:\\202E'", "audit_event"),
            ("device = ''", "audit_event"),
            ("count = 0", "audit_event"),
            ("count = -2147483648", "audit_event"),
            ("commitment = ''", "audit_event"),
            ("salt = ''", "audit_event"),
            ("residents = NULL", "audit_event"),
            ("commitment = NULL", "audit_event"),
            ("actor = NULL", "audit_event"),
            ("count = NULL", "audit_event"),
            ("version = 3", "audit_seal"),
            ("version = 0", "audit_seal"),
            ("version = -1", "audit_seal"),
            ("version = 1", "audit_seal"),
            ("sealed_at = NULL", "audit_seal"),
            ("version = 1, sealed_at = NULL", "audit_seal"),
            ("version = NULL", "audit_seal"),
            ("leaf = NULL", "audit_seal"),
            ("leaf = ''", "audit_seal"),
        ]
    )
    own.lift_constraints(table)
    if expression.endswith("= NULL"):
        own.lift_not_null(table, expression.split()[-3])
    (own.event if table == "audit_event" else own.seal)(entry, expression)
    return at(entry.seq, Kind.ALTERED)


@attack(3)
def give_an_event_another_id_or_organisation(own: Intruder) -> Found:
    entry = own.any_entry()
    if own.draw.random() < 0.5:
        own.event(entry, "id = gen_random_uuid()")
    else:
        own.event(entry, "organisation_id = %s", own.ledger.other.organisation)
    return at(entry.seq, Kind.MISSING)


@attack(10)
def alter_a_seal(own: Intruder) -> Found:
    entry = own.any_entry()
    column = own.draw.choice(["leaf", "digest", "version", "event_id", "organisation_id", "seq"])
    if column == "leaf":
        own.seal(entry, "leaf = %s", flip(bytes(_seal(own, entry, "leaf")), own.draw))
        return at(entry.seq, Kind.ALTERED)
    if column == "digest":
        own.seal(entry, "digest = %s", flip(entry.digest, own.draw))
        return at(entry.seq, Kind.REORDERED)
    if column == "version":
        own.seal(entry, "version = %s", own.draw.choice([3, 4, 200, 32767]))
        return at(entry.seq, Kind.ALTERED)
    if column == "event_id":
        own.seal(entry, "event_id = %s", own.draw.choice([uuid4(), own.any_entry().event]))
        return at(entry.seq, Kind.MISSING) if _seal(own, entry, "event_id") != entry.event else alter_a_seal(own)
    if column == "organisation_id":
        own.seal(entry, "organisation_id = %s", own.ledger.other.organisation)
        return at(entry.seq, Kind.MISSING if entry.seq < own.ledger.last else Kind.TRUNCATED)
    beyond = own.ledger.last + own.draw.choice([1, 2, 1000, 2**62])
    own.seal(entry, "seq = %s", beyond)
    return at(entry.seq, Kind.MISSING, Kind.TRUNCATED)


def _seal(own: Intruder, entry: Entry, column: str) -> Any:
    return own.ask(
        f"SELECT {column} FROM audit_seal WHERE organisation_id = %s AND seq = %s", own.ledger.organisation, entry.seq
    )[0][0]


@attack(3)
def give_a_seal_another_s_number(own: Intruder) -> Found:
    """Two seals of one number, none of the other: named where the numbers first go wrong, or just behind."""
    entry, taken = own.two() if own.draw.random() < 0.5 else own.two()[::-1]
    own.seal(entry, "seq = %s", taken.seq)
    low = min(entry.seq, taken.seq)
    return at(low, *Kind, also=[low + 1] if taken.seq == low else [])


@attack(6)
def alter_the_head(own: Intruder) -> Found:
    organisation, last = own.ledger.organisation, own.ledger.last
    which = own.draw.choice(["ahead", "back", "digest", "gone", "moved", "nothing"])
    if which == "ahead":
        own.do("UPDATE audit_head SET seq = seq + %s WHERE organisation_id = %s", own.draw.choice([1, 9]), organisation)
        return at(last + 1, Kind.TRUNCATED)
    if which == "back":
        own.set_head(last - own.draw.choice([1, 5, last]))
    elif which == "digest":
        digest = flip(own.ledger.entries[-1].digest, own.draw)
        own.do("UPDATE audit_head SET digest = %s WHERE organisation_id = %s", digest, organisation)
    elif which == "nothing":
        own.do("UPDATE audit_head SET seq = 0, digest = %s WHERE organisation_id = %s", bytes(32), organisation)
    elif which == "gone":
        own.do("DELETE FROM audit_head WHERE organisation_id = %s", organisation)
    else:
        own.do("DELETE FROM audit_head WHERE organisation_id = %s", own.ledger.other.organisation)
        own.do("UPDATE audit_head SET organisation_id = %s", own.ledger.other.organisation)
    return at(last, Kind.FORK)


@attack(14)
def alter_a_checkpoint(own: Intruder) -> Found:
    size = own.size()
    column = own.draw.choice(["size", "digest", "root", "frontier", "note", "key_id"])
    value = own.ask(
        f"SELECT {column} FROM audit_checkpoint WHERE organisation_id = %s AND size = %s", own.ledger.organisation, size
    )[0][0]
    if column == "size":
        moved = own.draw.choice([n for n in (size - 1, size + 1, 1, 0, -7, 2**62) if n not in own.ledger.sizes])
        own.checkpoint(size, "size = %s", moved)
        return at(max(1, min(moved, own.ledger.last + 1)), Kind.BAD_CHECKPOINT)
    if column == "note":
        place = own.draw.randrange(len(value))
        other = own.draw.choice("AbC9+/\n —é".replace(value[place], ""))
        changed = own.draw.choice([value[:place] + other + value[place + 1 :], "", "x" * 10, value[: len(value) // 2]])
        own.checkpoint(size, "note = %s", changed)
    elif column == "key_id":
        own.checkpoint(size, "key_id = %s", own.draw.choice(["", "0123456789abcdef", value[::-1]]))
    else:
        own.checkpoint(size, f"{column} = %s", flip(bytes(value), own.draw))
    return at(size, Kind.BAD_CHECKPOINT)


@attack(3)
def put_a_checkpoint_elsewhere(own: Intruder) -> Found:
    """Another one's note, or another organisation's checkpoint."""
    size, other = own.size(), own.ledger.other
    if own.draw.random() < 0.5:
        own.do("DELETE FROM audit_checkpoint WHERE organisation_id = %s AND size = %s", own.ledger.organisation, size)
        theirs = own.draw.choice(other.sizes)
        own.do(
            "UPDATE audit_checkpoint SET organisation_id = %s, size = %s WHERE organisation_id = %s AND size = %s",
            own.ledger.organisation,
            size,
            other.organisation,
            theirs,
        )
    else:
        note = own.ask(
            "SELECT note FROM audit_checkpoint WHERE organisation_id = %s AND size <> %s"
            " ORDER BY size OFFSET %s LIMIT 1",
            own.ledger.organisation,
            size,
            own.draw.randrange(len(own.ledger.sizes) - 1),
        )[0][0]
        own.checkpoint(size, "note = %s", note)
    return at(size, Kind.BAD_CHECKPOINT)


@attack(3)
def alter_the_index_of_residents(own: Intruder) -> Found:
    """By which a resident's family finds who looked: an access left out, moved, or put in."""
    entry = own.any_entry(lambda entry: bool(entry.residents))
    which = own.draw.choice(
        [
            "DELETE FROM audit_mention WHERE event_id = %s",
            "UPDATE audit_mention SET resident_id = gen_random_uuid() WHERE event_id = %s",
            "UPDATE audit_mention SET at = at + interval '1 microsecond' WHERE event_id = %s",
            "UPDATE audit_mention SET event_id = gen_random_uuid() WHERE event_id = %s",
        ]
    )
    own.do(which, entry.event)
    return at(entry.seq, Kind.MISSING)


# --- deleting, inserting, duplicating, swapping -----------------------------------------------------------------------


@attack(8)
def delete_an_entry(own: Intruder) -> Found:
    entry, which = own.any_entry(), own.draw.choice(["event", "seal", "both"])
    if which != "seal":
        own.do("DELETE FROM audit_event WHERE id = %s", entry.event)
    if which != "event":
        own.do("DELETE FROM audit_seal WHERE event_id = %s", entry.event)
    at_the_end = entry.seq == own.ledger.last and which != "event"
    return at(entry.seq, Kind.TRUNCATED if at_the_end else Kind.MISSING)


@attack(5)
def cut_the_tail(own: Intruder) -> Found:
    """With the head set back, and the checkpoints gone that would tell: an anchor tells."""
    keep = own.draw.randrange(own.ledger.anchored)
    own.cut(keep)
    return at(keep + 1, Kind.TRUNCATED)


@attack(2)
def cut_the_tail_and_forget_the_head(own: Intruder) -> Found:
    keep = own.draw.randrange(own.ledger.last)
    own.cut(keep)
    last = own.ledger.entries[-1]
    own.do(
        "UPDATE audit_head SET seq = %s, digest = %s WHERE organisation_id = %s",
        last.seq,
        last.digest,
        own.ledger.organisation,
    )
    return at(keep + 1, Kind.TRUNCATED)


@attack(1)
def empty_whole_tables(own: Intruder) -> Found:
    tables = ["audit_event", "audit_seal", "audit_head", "audit_checkpoint"]
    chosen = own.draw.choice([tables, tables[:1], tables[:2], tables[1:2], tables[1:]])
    for table in chosen:
        own.do(f"DELETE FROM {table}")
    return at(1, Kind.MISSING if chosen == ["audit_event"] else Kind.TRUNCATED)


@attack(4)
def insert_an_event_without_a_seal(own: Intruder) -> Found:
    copied, own_id = own.any_entry(), own.draw.random() < 0.5
    own.do(
        f"INSERT INTO audit_event (id, organisation_id, at, {_COPIED})"
        f" SELECT %s, organisation_id, at + %s, {_COPIED} FROM audit_event WHERE id = %s",
        copied.event if own_id else uuid4(),
        own.draw.choice(["1 microsecond", "1 hour", "-400 days"]) if own_id else "0",
        copied.event,
    )
    return at(own.ledger.last + 1, Kind.INSERTED)


@attack(6)
def forge_an_entry_in_somebody_s_name(own: Intruder) -> Found:
    """Sealed behind the last as the database itself would seal it: the details were not made with the keys."""
    copied, last = own.any_entry(lambda entry: not entry.erased), own.ledger.last + 1
    event = uuid4()
    own.do(
        f"INSERT INTO audit_event (id, organisation_id, at, {_COPIED}) SELECT %s, organisation_id, now(), kind,"
        " 'staff:somebody', action, subject, device, care_home_id, residents, count, commitment, salt, detail"
        " FROM audit_event WHERE id = %s",
        event,
        copied.event,
    )
    _place(own, event, last)
    own.reseal(last)
    if own.draw.random() < 0.3:
        own.re_sign()
    return at(last, Kind.ALTERED)


def _place(own: Intruder, event: UUID, seq: int, organisation: UUID | None = None) -> None:
    own.do(
        "INSERT INTO audit_mention (organisation_id, resident_id, at, event_id)"
        " SELECT organisation_id, unnest(residents), at, id FROM audit_event WHERE id = %s ON CONFLICT DO NOTHING",
        event,
    )
    own.do(
        "INSERT INTO audit_seal (organisation_id, seq, event_id, at, leaf, digest, version, sealed_at)"
        " SELECT %s, %s, id, at, sha256('x'), sha256('x'), 2, now() FROM audit_event WHERE id = %s",
        organisation or own.ledger.organisation,
        seq,
        event,
    )


@attack(3)
def forge_an_entry_in_between(own: Intruder) -> Found:
    """All later ones moved up by one and sealed anew."""
    where, copied = own.covered_entry(), own.any_entry(lambda entry: not entry.erased)
    _renumber(own, where.seq, +1)
    event = uuid4()
    own.do(
        f"INSERT INTO audit_event (id, organisation_id, at, {_COPIED})"
        f" SELECT %s, organisation_id, at, {_COPIED} FROM audit_event WHERE id = %s",
        event,
        copied.event,
    )
    _place(own, event, where.seq)
    own.reseal(where.seq)
    return at(where.seq, Kind.ALTERED)


def _renumber(own: Intruder, since: int, by: int) -> None:
    """In two steps, past every number in use."""
    for step in (by + 10**9, -(10**9)):
        own.do(
            "UPDATE audit_seal SET seq = seq + %s WHERE organisation_id = %s AND seq >= %s",
            step,
            own.ledger.organisation,
            since if step > 0 else 10**9 // 2,
        )


@attack(4)
def swap_two_entries(own: Intruder) -> Found:
    first, second = own.two()
    which = own.draw.choice(["contents", "seq", "events of the seals", "times"])
    if which == "contents":
        columns = "(kind, actor, action, subject, device, care_home_id, residents, count, commitment, salt, detail)"
        mine, theirs = (
            own.ask(f"SELECT {_COPIED} FROM audit_event WHERE id = %s", entry.event)[0] for entry in (first, second)
        )
        for entry, values in ((first, theirs), (second, mine)):
            own.event(entry, f"{columns} = ({', '.join(['%s'] * 11)})", *values)
        return at(first.seq, Kind.ALTERED)
    if which == "seq":
        own.seal(first, "seq = 1000000")
        own.seal(second, "seq = %s", first.seq)
        own.do(
            "UPDATE audit_seal SET seq = %s WHERE organisation_id = %s AND seq = 1000000",
            second.seq,
            own.ledger.organisation,
        )
        return at(first.seq, Kind.ALTERED)
    if which == "events of the seals":
        own.seal(first, "event_id = gen_random_uuid()")
        own.seal(second, "event_id = %s, at = %s", first.event, first.at)
        own.seal(first, "event_id = %s, at = %s", second.event, second.at)
        return at(first.seq, Kind.ALTERED)
    if first.at == second.at:
        return alter_the_count(own)
    for entry, when in ((first, second.at), (second, first.at)):
        own.event(entry, "at = %s", when)
        own.seal(entry, "at = %s", when)
    return at(first.seq, Kind.ALTERED)


# --- whole rewrites ---------------------------------------------------------------------------------------------------


@attack(8)
def rewrite_the_chain_after_a_change(own: Intruder) -> Found:
    """Altered and every seal computed anew; checkpoints left, deleted, or signed again with the stolen key."""
    entry = own.any_entry()
    own.event(
        entry,
        own.draw.choice(
            [
                "actor = 'staff:somebody'",
                "subject = 'resident:nobody'",
                "residents = residents || gen_random_uuid()",
                "count = count + 1",
                "care_home_id = gen_random_uuid()",
                "device = 'device:other'",
                "action = 'test.other.done'",
            ]
        ),
    )
    own.reseal(entry.seq)
    _afterwards(own)
    # Details taken away by a real erasure cannot tell any more; the anchors do.
    if not entry.erased:
        return at(entry.seq, Kind.ALTERED)
    return at(entry.seq, Kind.ALTERED, Kind.FORK, also=[own.ledger.anchor_at(entry.seq)])


def _afterwards(own: Intruder) -> str:
    done = own.draw.choice(["left", "deleted", "signed"])
    if done == "deleted":
        own.do("DELETE FROM audit_checkpoint WHERE organisation_id = %s", own.ledger.organisation)
    elif done == "signed":
        own.re_sign()
    return done


@attack(6)
def rewrite_when_an_entry_was_sealed(own: Intruder) -> Found:
    """What the keys do not bind, and only the chain and its anchors hold."""
    entry = own.covered_entry()
    own.seal(entry, "sealed_at = sealed_at - interval '1 day'")
    own.reseal(entry.seq)
    _afterwards(own)
    return at(own.ledger.anchor_at(entry.seq), Kind.FORK)


@attack(6)
def rewrite_without_an_entry(own: Intruder) -> Found:
    """Taken out, the later ones moved down and sealed anew: every entry left is genuine."""
    entry = own.covered_entry(lambda entry: entry.action != ERASURE)
    own.do("DELETE FROM audit_event WHERE id = %s", entry.event)
    own.do("DELETE FROM audit_seal WHERE event_id = %s", entry.event)
    own.do("DELETE FROM audit_mention WHERE event_id = %s", entry.event)
    _renumber(own, entry.seq + 1, -1)
    own.reseal(entry.seq)
    _afterwards(own)
    return at(own.ledger.anchor_at(entry.seq), Kind.FORK)


@attack(4)
def rewrite_in_another_order(own: Intruder) -> Found:
    first, second = own.two(covered=True)
    if second.action == ERASURE or first.action == ERASURE:
        return alter_the_count(own)
    own.seal(first, "seq = 1000000")
    own.seal(second, "seq = %s", first.seq)
    own.do(
        "UPDATE audit_seal SET seq = %s WHERE organisation_id = %s AND seq = 1000000",
        second.seq,
        own.ledger.organisation,
    )
    own.reseal(first.seq)
    _afterwards(own)
    return at(own.ledger.anchor_at(first.seq), Kind.FORK)


@attack(3)
def move_an_entry_to_another_organisation(own: Intruder) -> Found:
    """Sealed there behind the last, and the own chain closed over the gap."""
    entry, other = own.covered_entry(lambda entry: entry.action != ERASURE), own.ledger.other
    own.event(entry, "organisation_id = %s", other.organisation)
    own.do("DELETE FROM audit_seal WHERE event_id = %s", entry.event)
    own.do("DELETE FROM audit_mention WHERE event_id = %s", entry.event)
    _place(own, entry.event, other.last + 1, other.organisation)
    own.reseal(other.last + 1, other.organisation)
    if own.draw.random() < 0.5:
        return at(entry.seq, Kind.MISSING)
    _renumber(own, entry.seq + 1, -1)
    own.reseal(entry.seq)
    return at(own.ledger.anchor_at(entry.seq), Kind.FORK)


@attack(6)
def put_back_an_old_dump(own: Intruder) -> Found:
    """The four tables as they once were; then nothing, or the application writes on."""
    keep = own.draw.choice([own.draw.randrange(own.ledger.anchored), *own.ledger.sizes[:-1]])
    own.cut(keep)
    if own.draw.random() < 0.3:
        return at(keep + 1, Kind.TRUNCATED)
    written = own.draw.randrange(1, len(own.ledger.newcomers) + 1)
    for number, newcomer in enumerate(own.ledger.newcomers[:written]):
        own.insert(newcomer)
        _place(own, newcomer[0], keep + 1 + number)
    own.reseal(keep + 1)
    anchor = own.ledger.anchor_at(keep + 1)
    if anchor <= keep + written:
        return at(anchor, Kind.FORK)
    return at(keep + written + 1, Kind.TRUNCATED)


@attack(4)
def attack_twice(own: Intruder) -> Found:
    """The first of two is named."""
    single = [alter_a_text, alter_the_kind, alter_the_count, alter_what_the_details_are_kept_in, take_details_away,
              delete_an_entry, alter_a_checkpoint]  # fmt: skip
    one, two = own.draw.choice(single)(own), own.draw.choice(single)(own)
    if one.seqs == two.seqs:
        return Found(one.seqs, one.kinds | two.kinds)
    return min(one, two, key=lambda found: min(found.seqs))
