"""The report of an evidence pack: one PDF that a manager or an inspector can read from front to back.

Made with reportlab in its invariant mode and with the product's own font embedded, so that the same contents give the
same bytes and names such as Ŵyn are printed as they are written.
"""

import io
from collections.abc import Iterator
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, PageBreak, Paragraph, SimpleDocTemplate, Spacer

from compliance.dspt.assessment import Assessed, Assessment, State
from compliance.dspt.collectors import Collected, Verdict
from compliance.packs.answers import KINDS, LEVELS, printable
from compliance.packs.contents import Contents
from compliance.packs.paper import QUIET, STYLES, columns, day, facts, grid, paragraph, register_fonts, safe, when
from compliance.packs.verify import spaced

STATE_COLOURS = {
    State.CONFIRMED: colors.HexColor("#00603a"),
    State.SUGGESTED: colors.HexColor("#0b5a8a"),
    State.REFRESH: colors.HexColor("#8a4b00"),
    State.UNKNOWN: colors.HexColor("#4b3a8c"),
    State.MISSING: colors.HexColor("#b3200f"),
}
VERDICTS = {Verdict.MET: "Pass", Verdict.NOT_MET: "Not met", Verdict.UNKNOWN: "Not known"}


def report(contents: Contents, fingerprint: str) -> bytes:
    """The PDF. fingerprint: of the signing key, printed to be compared by telephone."""
    register_fonts()
    made = io.BytesIO()
    title = f"DSPT {contents.assessment.edition.key} evidence: {printable(contents.profile.name)}"
    document = SimpleDocTemplate(
        made, pagesize=A4, invariant=1, title=title, author=printable(contents.profile.name), lang="en-GB",
        leftMargin=18 * mm, rightMargin=18 * mm, topMargin=18 * mm, bottomMargin=20 * mm,
    )  # fmt: skip
    footer = f"{title}. Made {when(contents.created_at)}."

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
        yield paragraph(f"Standard {count.standard.number}: {count.standard.title}", "h2")
        confirmed = f"{count.confirmed} of {count.mandatory} mandatory items confirmed."
        yield paragraph(f"{count.standard.summary} {confirmed}", "quiet")
        for assessed in contents.assessment.mandatory:
            if assessed.item.standard == count.standard.number:
                yield _item(assessed, contents)


def _cover(contents: Contents, fingerprint: str) -> Iterator[Flowable]:
    assessment, profile = contents.assessment, contents.profile
    edition = assessment.edition
    yield paragraph(profile.name, "title")
    yield paragraph(f"Data Security and Protection Toolkit {edition.key}: evidence pack", "h2")
    yield facts(
        [
            ("Organisation", f"{profile.name} ({profile.code})"),
            ("ODS code", profile.ods_code or "Not recorded"),
            ("ICO number", profile.ico_number or "Not recorded"),
            *((home.name, f"CQC location {home.cqc_location_id or 'not recorded'}") for home in profile.homes),
            ("Edition", f"{edition.key}, version {edition.version}, category {edition.category} ({edition.audience})"),
            ("Deadline", _deadline(assessment)),
            ("Made", f"{when(contents.created_at)}, asked for by {contents.requested_by}"),
        ]
    )
    yield paragraph("Position", "h2")
    counts = ", ".join(f"{number} {state.value}" for state, number in reversed(assessment.counts.items()))
    met = "All mandatory items are confirmed." if assessment.standards_met else f"{assessment.to_go} still to confirm."
    yield paragraph(f"{assessment.confirmed} of {len(assessment.mandatory)} mandatory items confirmed. {met}", "lead")
    yield paragraph(f"By state: {counts}.")
    yield paragraph(
        "Only an item that a named person has confirmed counts as confirmed. Suggested means that the system found "
        "evidence and nobody has confirmed it; Refresh that a confirmation ran out or no longer agrees with what the "
        "system sees; Unknown that the system cannot see it; Missing that there is neither."
    )
    unverified = sum(not item.verified for item in edition.mandatory)
    yield paragraph(
        f"About the wording: {edition.wording} {unverified} of {len(edition.mandatory)} item numbers could not be "
        f"checked against an official list and are marked below."
    )
    yield paragraph("Is this pack genuine?", "h2")
    yield paragraph(
        "The pack holds verify.py, which checks every file against the signed manifest. The signature proves where the "
        "pack came from only if the fingerprint below is the one the care home tells you in another way, for example "
        "by telephone."
    )
    yield paragraph(f"Key {contents.signer.key_id}. Fingerprint: {spaced(fingerprint)}", "mono")


def _gaps(assessment: Assessment) -> Iterator[Flowable]:
    yield paragraph("Gaps", "h2")
    waiting = [assessed for assessed in assessment.mandatory if assessed.state is not State.CONFIRMED]
    if not waiting:
        yield paragraph("None. Every mandatory item is confirmed.")
        return
    body = [["Item", "What is needed", "State"]]
    body += [[paragraph(assessed.item.ref), _needed(assessed), _state(assessed.state)] for assessed in waiting]
    yield grid(body, (18 * mm, 124 * mm, 28 * mm))


def _needed(assessed: Assessed) -> Paragraph:
    title, rest = safe(assessed.item.title), safe(f"{assessed.why} {assessed.item.hint}")
    return paragraph(f"<b>{title}</b><br/>{rest}", raw=True)


def _collected(contents: Contents) -> Iterator[Flowable]:
    yield paragraph("Evidence the system collected", "h2")
    body = [["Check", "What was found", "Result"]]
    body += [
        [
            paragraph(collected.title),
            paragraph(f"{collected.finding.statement} {_sources(collected)}"),
            paragraph(VERDICTS[collected.finding.verdict]),
        ]
        for collected in contents.collected
    ]
    yield grid(body, (44 * mm, 104 * mm, 22 * mm))


def _sources(collected: Collected) -> str:
    number = len(collected.finding.sources)
    return f"{number} source{'' if number == 1 else 's'}, listed in evidence/{collected.name}.json."


def _item(assessed: Assessed, contents: Contents) -> Flowable:
    item, standing = assessed.item, assessed.standing
    told = [("Level", LEVELS[item.level]), ("Kind of answer", KINDS[item.answer])]
    if standing:
        confirmer = contents.names.get(standing.confirmed_by, standing.confirmed_by)
        told += [
            ("Answer", standing.statement),
            ("Confirmed", f"by {confirmer}, {when(standing.confirmed_at)}, valid until {day(standing.valid_until)}"),
        ]
    else:
        told.append(("Answer", "Not answered yet"))
    if assessed.finding:
        told.append(("The system found", assessed.finding.statement))
    if assessed.state is not State.CONFIRMED:
        told.append(("Gap", f"{assessed.why} {item.hint}"))
    told.append(("What counts", "; ".join(item.evidence)))
    if not item.verified:
        told.append(("About this item", f"The number is not checked against an official list: {item.basis}."))
    head = columns([[paragraph(f"{item.ref} {item.title}", "h3"), _state(assessed.state)]], (142 * mm, 28 * mm))
    return KeepTogether([head, paragraph(item.question), facts(told), Spacer(0, 3 * mm)])


def _deadline(assessment: Assessment) -> str:
    deadline = assessment.deadline
    following = f"The next is expected on {day(deadline.next_on)}"
    following += "." if deadline.next_confirmed else ", which no published page confirms yet."
    if deadline.passed:
        return f"{day(deadline.on)}, {deadline.days_since} days ago. {following}"
    return f"{day(deadline.on)}, in {deadline.days_left} days"


def _state(state: State) -> Paragraph:
    style = ParagraphStyle(state.value, STYLES["h3"], textColor=STATE_COLOURS[state], alignment=2)
    return Paragraph(state.value.capitalize(), style)
