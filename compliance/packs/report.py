"""The report of an evidence pack: one PDF that a manager or an inspector can read from front to back.

Made with reportlab in its invariant mode and with the product's own font embedded, so that the same contents give the
same bytes and names such as Ŵyn are printed as they are written.
"""

import io
from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, KeepTogether, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table

from compliance.dspt.assessment import Assessed, Assessment, State
from compliance.dspt.collectors import Collected, Verdict
from compliance.packs.answers import KINDS, LEVELS, printable
from compliance.packs.contents import Contents
from compliance.packs.verify import spaced

FONTS = Path(__file__).parent / "fonts"
BRAND, QUIET, LINE = colors.HexColor("#0b4a55"), colors.HexColor("#4c6272"), colors.HexColor("#d3dde0")
STATE_COLOURS = {
    State.CONFIRMED: colors.HexColor("#00603a"),
    State.SUGGESTED: colors.HexColor("#0b5a8a"),
    State.REFRESH: colors.HexColor("#8a4b00"),
    State.UNKNOWN: colors.HexColor("#4b3a8c"),
    State.MISSING: colors.HexColor("#b3200f"),
}
VERDICTS = {Verdict.MET: "Pass", Verdict.NOT_MET: "Not met", Verdict.UNKNOWN: "Not known"}
LONDON = ZoneInfo("Europe/London")


def report(contents: Contents, fingerprint: str) -> bytes:
    """The PDF. fingerprint: of the signing key, printed to be compared by telephone."""
    register_fonts()
    made = io.BytesIO()
    title = f"DSPT {contents.assessment.edition.key} evidence: {printable(contents.profile.name)}"
    document = SimpleDocTemplate(
        made, pagesize=A4, invariant=1, title=title, author=printable(contents.profile.name), lang="en-GB",
        leftMargin=18 * mm, rightMargin=18 * mm, topMargin=18 * mm, bottomMargin=20 * mm,
    )  # fmt: skip
    footer = f"{title}. Made {_when(contents.created_at)}."

    def foot(canvas: Any, _document: Any) -> None:
        canvas.saveState()
        canvas.setFont("Atkinson", 8)
        canvas.setFillColor(QUIET)
        canvas.drawString(18 * mm, 11 * mm, footer)
        canvas.drawRightString(A4[0] - 18 * mm, 11 * mm, f"Page {canvas.getPageNumber()}")
        canvas.restoreState()

    document.build(list(_story(contents, fingerprint)), onFirstPage=foot, onLaterPages=foot)
    return made.getvalue()


def _story(contents: Contents, fingerprint: str) -> Iterator[Flowable]:
    yield from _cover(contents, fingerprint)
    yield PageBreak()
    yield from _gaps(contents.assessment)
    yield from _collected(contents)
    for count in contents.assessment.by_standard:
        yield _text(f"Standard {count.standard.number}: {count.standard.title}", "h2")
        confirmed = f"{count.confirmed} of {count.mandatory} mandatory items confirmed."
        yield _text(f"{count.standard.summary} {confirmed}", "quiet")
        for assessed in contents.assessment.mandatory:
            if assessed.item.standard == count.standard.number:
                yield _item(assessed, contents)


def _cover(contents: Contents, fingerprint: str) -> Iterator[Flowable]:
    assessment, profile = contents.assessment, contents.profile
    edition = assessment.edition
    yield _text(profile.name, "title")
    yield _text(f"Data Security and Protection Toolkit {edition.key}: evidence pack", "h2")
    yield _facts(
        [
            ("Organisation", f"{profile.name} ({profile.code})"),
            ("ODS code", profile.ods_code or "Not recorded"),
            ("ICO number", profile.ico_number or "Not recorded"),
            *((home.name, f"CQC location {home.cqc_location_id or 'not recorded'}") for home in profile.homes),
            ("Edition", f"{edition.key}, version {edition.version}, category {edition.category} ({edition.audience})"),
            ("Deadline", _deadline(assessment)),
            ("Made", f"{_when(contents.created_at)}, asked for by {contents.requested_by}"),
        ]
    )
    yield _text("Position", "h2")
    counts = ", ".join(f"{number} {state.value}" for state, number in reversed(assessment.counts.items()))
    met = "All mandatory items are confirmed." if assessment.standards_met else f"{assessment.to_go} still to confirm."
    yield _text(f"{assessment.confirmed} of {len(assessment.mandatory)} mandatory items confirmed. {met}", "lead")
    yield _text(f"By state: {counts}.")
    yield _text(
        "Only an item that a named person has confirmed counts as confirmed. Suggested means that the system found "
        "evidence and nobody has confirmed it; Refresh that a confirmation ran out or no longer agrees with what the "
        "system sees; Unknown that the system cannot see it; Missing that there is neither."
    )
    unverified = sum(not item.verified for item in edition.mandatory)
    yield _text(
        f"About the wording: {edition.wording} {unverified} of {len(edition.mandatory)} item numbers could not be "
        f"checked against an official list and are marked below."
    )
    yield _text("Is this pack genuine?", "h2")
    yield _text(
        "The pack holds verify.py, which checks every file against the signed manifest. The signature proves where the "
        "pack came from only if the fingerprint below is the one the care home tells you in another way, for example "
        "by telephone."
    )
    yield _text(f"Key {contents.signer.key_id}. Fingerprint: {spaced(fingerprint)}", "mono")


def _gaps(assessment: Assessment) -> Iterator[Flowable]:
    yield _text("Gaps", "h2")
    waiting = [assessed for assessed in assessment.mandatory if assessed.state is not State.CONFIRMED]
    if not waiting:
        yield _text("None. Every mandatory item is confirmed.")
        return
    body = [["Item", "What is needed", "State"]]
    body += [[_text(assessed.item.ref), _needed(assessed), _state(assessed.state)] for assessed in waiting]
    yield _grid(body, (18 * mm, 124 * mm, 28 * mm))


def _needed(assessed: Assessed) -> Paragraph:
    title, rest = _safe(assessed.item.title), _safe(f"{assessed.why} {assessed.item.hint}")
    return _text(f"<b>{title}</b><br/>{rest}", raw=True)


def _collected(contents: Contents) -> Iterator[Flowable]:
    yield _text("Evidence the system collected", "h2")
    body = [["Check", "What was found", "Result"]]
    body += [
        [
            _text(collected.title),
            _text(f"{collected.finding.statement} {_sources(collected)}"),
            _text(VERDICTS[collected.finding.verdict]),
        ]
        for collected in contents.collected
    ]
    yield _grid(body, (44 * mm, 104 * mm, 22 * mm))


def _sources(collected: Collected) -> str:
    number = len(collected.finding.sources)
    return f"{number} source{'' if number == 1 else 's'}, listed in evidence/{collected.name}.json."


def _item(assessed: Assessed, contents: Contents) -> Flowable:
    item, standing = assessed.item, assessed.standing
    facts = [("Level", LEVELS[item.level]), ("Kind of answer", KINDS[item.answer])]
    if standing:
        confirmer = contents.names.get(standing.confirmed_by, standing.confirmed_by)
        facts += [
            ("Answer", standing.statement),
            ("Confirmed", f"by {confirmer}, {_when(standing.confirmed_at)}, valid until {_day(standing.valid_until)}"),
        ]
    else:
        facts.append(("Answer", "Not answered yet"))
    if assessed.finding:
        facts.append(("The system found", assessed.finding.statement))
    if assessed.state is not State.CONFIRMED:
        facts.append(("Gap", f"{assessed.why} {item.hint}"))
    facts.append(("What counts", "; ".join(item.evidence)))
    if not item.verified:
        facts.append(("About this item", f"The number is not checked against an official list: {item.basis}."))
    head = _columns([[_text(f"{item.ref} {item.title}", "h3"), _state(assessed.state)]], (142 * mm, 28 * mm))
    return KeepTogether([head, _text(item.question), _facts(facts), Spacer(0, 3 * mm)])


def _deadline(assessment: Assessment) -> str:
    deadline = assessment.deadline
    following = f"The next is expected on {_day(deadline.next_on)}"
    following += "." if deadline.next_confirmed else ", which no published page confirms yet."
    if deadline.passed:
        return f"{_day(deadline.on)}, {deadline.days_since} days ago. {following}"
    return f"{_day(deadline.on)}, in {deadline.days_left} days"


@cache
def register_fonts() -> None:
    for name, file in (("Atkinson", "regular"), ("Atkinson-Bold", "bold")):
        pdfmetrics.registerFont(TTFont(name, FONTS / f"atkinson-hyperlegible-next-{file}.ttf"))
    family = {"normal": "Atkinson", "bold": "Atkinson-Bold", "italic": "Atkinson", "boldItalic": "Atkinson-Bold"}
    pdfmetrics.registerFontFamily("Atkinson", **family)


_BOLD = "Atkinson-Bold"
_BODY = ParagraphStyle("body", fontName="Atkinson", fontSize=9.5, leading=13, spaceAfter=3)
_STYLES = {
    "body": _BODY,
    "quiet": ParagraphStyle("quiet", _BODY, textColor=QUIET),
    "lead": ParagraphStyle("lead", _BODY, fontName=_BOLD, fontSize=13, leading=17),
    "title": ParagraphStyle("title", _BODY, fontName=_BOLD, fontSize=24, leading=28, textColor=BRAND),
    "h2": ParagraphStyle("h2", _BODY, fontName=_BOLD, fontSize=14, leading=18, spaceBefore=10, textColor=BRAND),
    "h3": ParagraphStyle("h3", _BODY, fontName=_BOLD, fontSize=10.5, leading=14),
    "mono": ParagraphStyle("mono", _BODY, fontName="Courier", fontSize=9),
}


def _text(text: str, style: str = "body", *, raw: bool = False) -> Paragraph:
    """A paragraph. raw: the text is markup of our own, with every foreign part escaped."""
    return Paragraph(text if raw else _safe(text), _STYLES[style])


def _safe(text: str) -> str:
    return escape(printable(text)).replace("\n", "<br/>")


def _state(state: State) -> Paragraph:
    style = ParagraphStyle(state.value, _STYLES["h3"], textColor=STATE_COLOURS[state], alignment=2)
    return Paragraph(state.value.capitalize(), style)


def _facts(facts: list[tuple[str, str]]) -> Table:
    body = [[_text(name, "quiet"), _text(value)] for name, value in facts]
    return _columns(body, (42 * mm, 128 * mm))


def _columns(body: list[list[Any]], widths: tuple[float, ...]) -> Table:
    style = [("VALIGN", (0, 0), (-1, -1), "TOP"), *_padding(1)]
    return Table(body, colWidths=widths, hAlign="LEFT", style=style)


def _grid(body: list[list[Any]], widths: tuple[float, ...]) -> Table:
    body[0] = [_text(heading, "quiet") for heading in body[0]]
    style = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE), *_padding(3)]
    return Table(body, colWidths=widths, repeatRows=1, hAlign="LEFT", style=style)


def _padding(points: int) -> list[Any]:
    sides = (("TOPPADDING", points), ("BOTTOMPADDING", points), ("LEFTPADDING", 0), ("RIGHTPADDING", 6))
    return [(side, (0, 0), (-1, -1), size) for side, size in sides]


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _when(at: datetime) -> str:
    local = at.astimezone(LONDON)
    return f"{_day(local.date())} at {local:%H:%M}"
