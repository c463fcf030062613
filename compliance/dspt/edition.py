"""A year's published set of DSPT evidence items, read from a file.

Item numbers and wording change every year, so they are data: an edition is one TOML file under `editions/`, and the
file names the collector that can speak to an item, never the reverse. A file whose counts do not hold is refused
rather than shown, because a missing item would look like an item that nobody has to answer.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from compliance.dspt import collectors
from compliance.errors import BadEdition, UnknownEdition

Kind = TypeVar("Kind", bound=StrEnum)

EDITIONS = Path(__file__).parent / "editions"


class Level(StrEnum):
    """How far an item has to be answered for which result."""

    APPROACHING = "AS"
    MET = "SM"
    OPTIONAL = "OPT"


class Answer(StrEnum):
    """What kind of answer the toolkit asks for."""

    YES_NO = "yes_no"
    TEXT = "text"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Standard:
    """One of the ten data security standards."""

    number: int
    title: str
    summary: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """A statement under a standard, such as 7.3."""

    ref: str
    title: str
    verified: bool

    @property
    def standard(self) -> int:
        return int(self.ref.split(".")[0])


@dataclass(frozen=True, slots=True)
class EvidenceItem:
    """One question, such as 7.3.5. `collector` is None when only a person can answer."""

    ref: str
    title: str
    question: str
    level: Level
    answer: Answer
    evidence: tuple[str, ...]
    not_applicable: str
    hint: str
    review_months: int
    verified: bool
    level_verified: bool
    confidence: str
    basis: str
    collector: str | None

    @property
    def standard(self) -> int:
        return int(self.ref.split(".")[0])

    @property
    def assertion(self) -> str:
        return self.ref.rsplit(".", 1)[0]

    @property
    def mandatory(self) -> bool:
        """Whether Standards Met needs it; an item of Approaching Standards is needed for both."""
        return self.level is not Level.OPTIONAL


@dataclass(frozen=True, slots=True)
class NextEdition:
    """What is known of the year after; `confirmed` only when a published page says so."""

    key: str
    deadline: date
    confirmed: bool
    note: str


@dataclass(frozen=True, slots=True)
class SystemEvidence:
    """A collector whose finding answers no item by itself, and why it is shown."""

    collector: str
    reason: str


@dataclass(frozen=True, slots=True)
class Edition:
    """A year's set, in the order of the file's standards and item numbers."""

    key: str
    version: int
    category: int
    audience: str
    opened_on: date
    deadline: date
    compiled_on: date
    official_list: str
    wording: str
    next: NextEdition
    standards: tuple[Standard, ...]
    assertions: tuple[Assertion, ...]
    items: tuple[EvidenceItem, ...]
    evidence: tuple[SystemEvidence, ...]

    @property
    def mandatory(self) -> tuple[EvidenceItem, ...]:
        return tuple(item for item in self.items if item.mandatory)

    @property
    def collectors(self) -> frozenset[str]:
        """Every collector the file names, for items and as evidence."""
        return frozenset(item.collector for item in self.items if item.collector) | {
            row.collector for row in self.evidence
        }

    def item(self, ref: str) -> EvidenceItem | None:
        return next((item for item in self.items if item.ref == ref), None)

    def assertion(self, ref: str) -> Assertion | None:
        return next((assertion for assertion in self.assertions if assertion.ref == ref), None)


def load(text: str, *, known: Iterable[str]) -> Edition:
    """Read one edition from the text of its file.

    known: the collectors that exist; an item that names another would wait for its evidence for ever.
    Raises BadEdition with what is wrong and where.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadEdition(f"The file is not valid TOML: {error}.") from error
    head = _table(raw, "edition", "the file")
    edition = Edition(
        **{name: _get(head, name, str, "[edition]") for name in ("key", "audience", "official_list", "wording")},
        **{name: _get(head, name, int, "[edition]") for name in ("version", "category")},
        **{name: _get(head, name, date, "[edition]") for name in ("opened_on", "deadline", "compiled_on")},
        next=_next_edition(_table(head, "next", "[edition]")),
        standards=tuple(_standard(row) for row in _rows(raw, "standards")),
        assertions=tuple(_assertion(row) for row in _rows(raw, "assertions")),
        items=tuple(_item(row) for row in _rows(raw, "items")),
        evidence=tuple(_system_evidence(row) for row in raw.get("evidence", [])),
    )
    _check(edition, _table(head, "counts", "[edition]"), frozenset(known))
    return edition


@cache
def published(key: str) -> Edition:
    """The edition of that key from `editions/`. Raises UnknownEdition, BadEdition."""
    from_file = {path.stem: path for path in EDITIONS.glob("*.toml")}
    if key not in from_file:
        raise UnknownEdition(f"There is no edition {key!a}. Known: {', '.join(sorted(from_file))}.")
    return load(from_file[key].read_text(encoding="utf-8"), known=collectors.names())


def published_keys() -> list[str]:
    """The editions there are, oldest first."""
    return sorted(path.stem for path in EDITIONS.glob("*.toml"))


def _check(edition: Edition, counts: Mapping[str, Any], known: frozenset[str]) -> None:
    found = {
        "standards": len(edition.standards),
        "assertions": len(edition.assertions),
        "mandatory": len(edition.mandatory),
        "approaching_standards": sum(item.level is Level.APPROACHING for item in edition.items),
    }
    for name, number in found.items():
        expected = _get(counts, name, int, "[edition.counts]")
        if number != expected:
            raise BadEdition(f"{edition.key}: {expected} {name.replace('_', ' ')} are stated, {number} are listed.")
    _unique("standard", [str(standard.number) for standard in edition.standards], edition.key)
    _unique("assertion", [assertion.ref for assertion in edition.assertions], edition.key)
    _unique("item", [item.ref for item in edition.items], edition.key)
    numbers = {standard.number for standard in edition.standards}
    refs = {assertion.ref for assertion in edition.assertions}
    for assertion in edition.assertions:
        if assertion.standard not in numbers:
            raise BadEdition(f"{edition.key}: assertion {assertion.ref} belongs to no listed standard.")
    for item in edition.items:
        if item.assertion not in refs:
            raise BadEdition(f"{edition.key}: item {item.ref} belongs to no listed assertion.")
    for name in sorted(edition.collectors - known):
        raise BadEdition(f"{edition.key}: there is no collector {name!a}. Known: {', '.join(sorted(known)) or 'none'}.")


def _unique(kind: str, refs: list[str], key: str) -> None:
    twice = sorted({ref for ref in refs if refs.count(ref) > 1})
    if twice:
        raise BadEdition(f"{key}: {kind} {twice[0]} is listed twice.")


def _item(row: Mapping[str, Any]) -> EvidenceItem:
    where = f"item {row.get('ref', '(no ref)')}"
    collector, answered_by = row.get("collector"), row.get("answered_by")
    if (collector is None) == (answered_by is None):
        raise BadEdition(f'{where}: name either a collector or answered_by = "person", and only one of them.')
    if answered_by not in (None, "person"):
        raise BadEdition(f'{where}: answered_by may only be "person", not {answered_by!a}.')
    ref = _get(row, "ref", str, where)
    if [part.isdigit() for part in ref.split(".")] != [True, True, True]:
        raise BadEdition(f"{where}: a ref has three numbers, such as 7.3.5.")
    texts = ("title", "question", "not_applicable", "hint", "confidence", "basis")
    return EvidenceItem(
        ref=ref,
        level=_choice(Level, _get(row, "level", str, where), where),
        answer=_choice(Answer, _get(row, "answer", str, where), where),
        evidence=tuple(_get(row, "evidence", list, where)),
        review_months=_get(row, "review_months", int, where),
        verified=_get(row, "verified", bool, where),
        level_verified=_get(row, "level_verified", bool, where),
        collector=collector,
        **{name: _get(row, name, str, where) for name in texts},
    )


def _standard(row: Mapping[str, Any]) -> Standard:
    where = f"standard {row.get('number', '(no number)')}"
    return Standard(_get(row, "number", int, where), _get(row, "title", str, where), _get(row, "summary", str, where))


def _assertion(row: Mapping[str, Any]) -> Assertion:
    where = f"assertion {row.get('ref', '(no ref)')}"
    ref = _get(row, "ref", str, where)
    if [part.isdigit() for part in ref.split(".")] != [True, True]:
        raise BadEdition(f"{where}: a ref has two numbers, such as 7.3.")
    return Assertion(ref, _get(row, "title", str, where), _get(row, "verified", bool, where))


def _next_edition(row: Mapping[str, Any]) -> NextEdition:
    where = "[edition.next]"
    return NextEdition(
        _get(row, "key", str, where),
        _get(row, "deadline", date, where),
        _get(row, "confirmed", bool, where),
        _get(row, "note", str, where),
    )


def _system_evidence(row: Mapping[str, Any]) -> SystemEvidence:
    return SystemEvidence(_get(row, "collector", str, "[[evidence]]"), _get(row, "reason", str, "[[evidence]]"))


def _table(raw: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    value: Mapping[str, Any] = _get(raw, name, dict, where)
    return value


def _rows(raw: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = _get(raw, name, list, "the file")
    if not all(isinstance(row, dict) for row in rows):
        raise BadEdition(f"the file: [[{name}]] has to be a list of tables.")
    return rows


def _get(row: Mapping[str, Any], name: str, kind: type, where: str) -> Any:
    value = row.get(name)
    if type(value) is not kind:  # exact: bool is an int, and a datetime is a date
        raise BadEdition(f"{where}: {name} has to be a {kind.__name__}, found {type(value).__name__}.")
    return value


def _choice(kinds: type[Kind], value: str, where: str) -> Kind:
    try:
        return kinds(value)
    except ValueError as error:
        known = ", ".join(kinds)
        raise BadEdition(f"{where}: {value!a} is not one of {known}.") from error
