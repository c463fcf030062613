"""What the product's printed pages are made of: font, styles, paragraphs, tables, dates.

Everything that comes from people goes through `paragraph`, which escapes it.
"""

from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from reportlab.lib import colors
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, Table

from compliance.packs.answers import printable

FONTS = Path(__file__).parent / "fonts"
BRAND, QUIET, LINE = colors.HexColor("#0b4a55"), colors.HexColor("#4c6272"), colors.HexColor("#d3dde0")
LONDON = ZoneInfo("Europe/London")


@cache
def register_fonts() -> None:
    for name, file in (("Atkinson", "regular"), ("Atkinson-Bold", "bold")):
        pdfmetrics.registerFont(TTFont(name, FONTS / f"atkinson-hyperlegible-next-{file}.ttf"))
    family = {"normal": "Atkinson", "bold": "Atkinson-Bold", "italic": "Atkinson", "boldItalic": "Atkinson-Bold"}
    pdfmetrics.registerFontFamily("Atkinson", **family)


_BOLD = "Atkinson-Bold"
_BODY = ParagraphStyle("body", fontName="Atkinson", fontSize=9.5, leading=13, spaceAfter=3)
STYLES = {
    "body": _BODY,
    "quiet": ParagraphStyle("quiet", _BODY, textColor=QUIET),
    "lead": ParagraphStyle("lead", _BODY, fontName=_BOLD, fontSize=13, leading=17),
    "title": ParagraphStyle("title", _BODY, fontName=_BOLD, fontSize=24, leading=28, textColor=BRAND),
    "h2": ParagraphStyle("h2", _BODY, fontName=_BOLD, fontSize=14, leading=18, spaceBefore=10, textColor=BRAND),
    "h3": ParagraphStyle("h3", _BODY, fontName=_BOLD, fontSize=10.5, leading=14),
    "mono": ParagraphStyle("mono", _BODY, fontName="Courier", fontSize=9),
}


def paragraph(text: str, style: str = "body", *, raw: bool = False) -> Paragraph:
    """A paragraph. raw: the text is markup of our own, with every foreign part escaped."""
    return Paragraph(text if raw else safe(text), STYLES[style])


def safe(text: str) -> str:
    return escape(printable(text)).replace("\n", "<br/>")


def facts(told: list[tuple[str, str]]) -> Table:
    body = [[paragraph(name, "quiet"), paragraph(value)] for name, value in told]
    return columns(body, (42 * mm, 128 * mm))


def columns(body: list[list[Any]], widths: tuple[float, ...]) -> Table:
    style = [("VALIGN", (0, 0), (-1, -1), "TOP"), *_padding(1)]
    return Table(body, colWidths=widths, hAlign="LEFT", style=style)


def grid(body: list[list[Any]], widths: tuple[float, ...]) -> Table:
    body[0] = [paragraph(heading, "quiet") for heading in body[0]]
    style = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE), *_padding(3)]
    return Table(body, colWidths=widths, repeatRows=1, hAlign="LEFT", style=style)


def _padding(points: int) -> list[Any]:
    sides = (("TOPPADDING", points), ("BOTTOMPADDING", points), ("LEFTPADDING", 0), ("RIGHTPADDING", 6))
    return [(side, (0, 0), (-1, -1), size) for side, size in sides]


def day(on: date) -> str:
    return f"{on.day} {on:%B %Y}"


def when(at: datetime) -> str:
    local = at.astimezone(LONDON)
    return f"{day(local.date())} at {local:%H:%M}"
