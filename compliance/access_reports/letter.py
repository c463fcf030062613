"""The access report as a letter to hand over or post: one PDF in large print, read by people, not by auditors.

Fonts and colours are the evidence pack's. Made within the request; past LONGEST lines it holds the newest and says on
its first page what is left out and how to get it, for a parcel of paper answers nobody's question.
"""

import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from xml.sax.saxutils import escape

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table

from compliance.access_reports.looks import LONDON, SORTS, Line, Sort
from compliance.access_reports.queries import Asked, LineShown, Report
from compliance.access_reports.services.questions import ANSWER_WITHIN
from compliance.packs.answers import printable
from compliance.packs.paper import BRAND, LINE, QUIET, register_fonts

LONGEST = 3_000  # lines
_MARGIN, _WIDTH = 20 * mm, 170 * mm
_BODY = ParagraphStyle("letter", fontName="Atkinson", fontSize=12, leading=16.5, spaceAfter=4)
_STYLES = {
    "body": _BODY,
    "small": ParagraphStyle("letter-small", _BODY, fontSize=10.5, leading=14, textColor=QUIET),
    "title": ParagraphStyle("letter-title", _BODY, fontName="Atkinson-Bold", fontSize=22, leading=26, textColor=BRAND),
    "h2": ParagraphStyle(
        "letter-h2", _BODY, fontName="Atkinson-Bold", fontSize=15, leading=19, spaceBefore=12, textColor=BRAND,
        keepWithNext=1,
    ),
}  # fmt: skip


def letter(report: Report, *, organisation: str, care_home: str, made_by: str) -> bytes:
    """The PDF. made_by: the name of the member of staff who prints it."""
    register_fonts()
    made = io.BytesIO()
    title = _("Who looked at the record of %(name)s") % {"name": printable(report.resident.display_name)}
    document = SimpleDocTemplate(
        made, pagesize=A4, title=title, author=printable(organisation), lang="en-GB",
        leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN, bottomMargin=22 * mm,
    )  # fmt: skip
    footer = f"{printable(care_home)}, {printable(organisation)}. {title}."

    def foot(canvas: Any, _document: Any) -> None:
        canvas.saveState()
        canvas.setFont("Atkinson", 9)
        canvas.setFillColor(QUIET)
        canvas.drawString(_MARGIN, 12 * mm, footer)
        canvas.drawRightString(A4[0] - _MARGIN, 12 * mm, _("Page %(n)d") % {"n": canvas.getPageNumber()})
        canvas.restoreState()

    story = list(_story(report, title, organisation, care_home, made_by))
    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return made.getvalue()


def _story(report: Report, title: str, organisation: str, care_home: str, made_by: str) -> Iterator[Flowable]:
    yield _text(f"{care_home}, {organisation}", "small")
    yield _text(title, "title")
    yield _text(_period(report))
    yield _text(_("Made by %(who)s, %(when)s.") % {"who": made_by, "when": _when(report.until)}, "small")
    yield from _summary(report)
    yield from _questions(report.asked)
    yield _text(_("Day by day"), "h2")
    left, cut = LONGEST, False
    for day, lines in report.days:
        if left <= 0:
            cut = True
            break
        yield _text(_day(day), "h2")
        yield _table([_line(shown) for shown in lines[:left]])
        left -= len(lines)
    if cut:
        yield _text(_("Earlier days are left out here. Ask the home for a letter about them, or for a link."))
    yield from _lists(report)
    yield Spacer(0, 4 * mm)
    yield _text(
        _(
            "You may ask why somebody looked. Tell the manager which line you mean; you get an answer within %(days)d "
            "days. What the record says is not in this letter, only who opened it."
        )
        % {"days": ANSWER_WITHIN.days},
        "small",
    )


def _period(report: Report) -> str:
    if report.since is None:
        return _("Everything up to %(until)s.") % {"until": _when(report.until)}
    return _("From %(since)s to %(until)s.") % {"since": _day(report.since.date()), "until": _when(report.until)}


def _summary(report: Report) -> Iterator[Flowable]:
    yield _text(_("In short"), "h2")
    if not report.people:
        yield _text(_("Nobody opened this record in this time."))
    elif sum(len(lines) for _day, lines in report.days) > LONGEST:
        yield _text(_("This is a long time: the letter tells the newest days, and counts all of them."))
    rows = [(person.described, _counts(total.times)) for person, total in report.people]
    if rows:
        yield _table(rows)
    system = report.totals.system
    if system:
        words = ngettext(
            "The system itself worked on this record %(n)d time, for example to make a backup. Nobody reads it then.",
            "The system itself worked on this record %(n)d times, for example to make a backup. Nobody reads it then.",
            system,
        )
        yield _text(words % {"n": system}, "small")


def _counts(times: dict[Sort, int]) -> str:
    return ", ".join(f"{SORTS[sort]}: {times[sort]}" for sort in Sort if times.get(sort) and sort is not Sort.LISTED)


def _questions(asked: list[Asked]) -> Iterator[Flowable]:
    if asked:
        yield _text(_("Questions and answers"), "h2")
    for one in asked:
        question = one.question
        look = {"who": one.who, "about": question.about, "when": _when(question.entry_at)}
        yield _text(_("%(who)s %(about)s, %(when)s.") % look)
        if question.words:
            yield _text(f"“{question.words}”")
        if one.answer is None:
            yield _text(_("The answer is due by %(day)s.") % {"day": _day(question.due_on)}, "small")
        else:
            yield _text(f"{one.answer.get_outcome_display()}. {one.answer.words}")
            yield _text(_("Answered %(when)s.") % {"when": _when(one.answer.answered_at)}, "small")


def _lists(report: Report) -> Iterator[Flowable]:
    if not report.in_lists:
        return
    yield _text(_("In lists"), "h2")
    yield _text(
        _("A list shows the name among others, for example all residents of the home. It is how staff find somebody.")
    )
    yield _table([(person.described, str(total.listed)) for person, total in report.in_lists])


def _line(shown: LineShown) -> tuple[str, str]:
    times = "" if shown.line.times == 1 else _(", %(n)d times") % {"n": shown.line.times}
    place = _(", on %(place)s") % {"place": shown.device} if shown.device else ""
    return _hours(shown.line), f"{shown.person.described} {shown.line.words}{times}{place}"


def _hours(line: Line) -> str:
    first, last = f"{line.first_at.astimezone(LONDON):%H:%M}", f"{line.last_at.astimezone(LONDON):%H:%M}"
    return first if first == last else f"{first} – {last}"


def _table(rows: list[tuple[str, str]]) -> Table:
    narrow = all(len(left) < 16 for left, _right in rows)
    widths = (34 * mm, _WIDTH - 34 * mm) if narrow else (70 * mm, _WIDTH - 70 * mm)
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
    ]
    body = [[_text(left), _text(right)] for left, right in rows]
    return Table(body, colWidths=widths, hAlign="LEFT", style=style)


def _text(text: str, style: str = "body") -> Paragraph:
    return Paragraph(escape(printable(text)).replace("\n", "<br/>"), _STYLES[style])


def _day(day: date) -> str:
    return date_format(day, "l j F Y")


def _when(at: datetime) -> str:
    local = at.astimezone(LONDON)
    return _("%(day)s at %(time)s") % {"day": date_format(local, "j F Y"), "time": f"{local:%H:%M}"}
