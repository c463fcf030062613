"""The small parts of pages: what they say to people who see them, and to people who do not."""

import datetime as dt
import re
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.template import Context, Template
from django.test import RequestFactory

from carehome.templatetags import components

TEMPLATES = Path(settings.BASE_DIR) / "templates"
SUMMER = dt.datetime(2026, 5, 12, 13, 5, tzinfo=dt.UTC)
WINTER = dt.datetime(2026, 12, 1, 0, 30, tzinfo=dt.UTC)


def render(source: str, **context: object) -> str:
    return Template("{% load components %}" + source).render(Context(context))


def test_icon_is_decoration() -> None:
    html = render('{% icon "lock" "s" %}')

    assert 'class="app-i app-i-s"' in html
    assert 'aria-hidden="true"' in html


def test_icon_names_in_templates_are_all_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="i-([a-z]+)"', (TEMPLATES / "components/sprite.html").read_text()))

    used: set[str] = set()
    for template in TEMPLATES.rglob("*.html"):
        text = template.read_text()
        used |= set(re.findall(r'{% icon "([a-z]+)"', text))
        used |= set(re.findall(r'{% tag [^%]*icon="([a-z]+)"', text))
        used |= set(re.findall(r'{% tag \S+ "[a-z]+" "([a-z]+)"', text))
    assert len(used) > 10
    assert used - sprite == set()


def test_tag_escapes_its_text() -> None:
    assert "&lt;b&gt;" in render("{% tag text %}", text="<b>")


def test_tag_of_an_unknown_colour_is_grey() -> None:
    assert "nhsuk-tag--grey" in render('{% tag "Pass" colour="mauve" %}')


def test_tag_keeps_the_filled_red_for_allergies() -> None:
    html = render('{% tag "Penicillin" "alarm" "warn" %}')

    assert "app-tag--alarm" in html
    assert "nhsuk-tag--" not in html


def test_card_with_a_heading_is_a_section() -> None:
    html = render("{% card heading=title %}<p>Body</p>{% endcard %}", title="A & B")

    assert html.startswith("<section")
    assert ">A &amp; B</h2><p>Body</p></section>" in html


def test_card_escapes_what_its_block_prints() -> None:
    html = render("{% card %}{{ text }}{% endcard %}", text="<script>")

    assert "<script>" not in html


def test_meter_holds_its_numbers_in_words_and_its_length_in_the_bar() -> None:
    html = render('{% meter value=38 of=45 label="38 of 45 confirmed" %}')

    assert 'role="img"' in html
    assert 'aria-label="38 of 45 confirmed"' in html
    assert 'class="app-meter__bar--green" width="253.3"' in html


@pytest.mark.parametrize(("value", "of", "width"), [(9, 3, "300.0"), (1, 0, "0.0"), (-1, 4, "0.0"), (0, 4, "0.0")])
def test_meter_stays_within_its_track(value: int, of: int, width: str) -> None:
    html = render('{% meter value=value of=of label="x" %}', value=value, of=of)

    assert f'app-meter__bar--green" width="{width}"' in html


def test_meter_stack_lays_shorter_parts_over_longer_ones() -> None:
    html = render('{% meter_stack label="x" of=45 green=38 orange=4 red=3 %}')

    assert re.findall(r'bar--(\w+)" width="([\d.]+)"', html) == [
        ("red", "300.0"),
        ("orange", "280.0"),
        ("green", "253.3"),
    ]


def test_meter_has_no_inline_style() -> None:
    assert "style=" not in render('{% meter value=1 of=2 label="x" %}')


@pytest.mark.parametrize(("moment", "text"), [(SUMMER, "12 May 2026 at 14:05"), (WINTER, "1 December 2026 at 00:30")])
def test_when_is_london_s_time(moment: dt.datetime, text: str) -> None:
    assert components.when(moment) == text


def test_day_belongs_to_london_and_not_to_utc() -> None:
    late = dt.datetime(2026, 5, 12, 23, 30, tzinfo=dt.UTC)

    assert components.day(late) == "13 May 2026"
    assert components.day(dt.date(2026, 5, 12)) == "12 May 2026"


def test_time_has_two_digits_each() -> None:
    assert components.time_of_day(dt.datetime(2026, 1, 5, 7, 5, tzinfo=dt.UTC)) == "07:05"


@pytest.mark.parametrize("written", [components.when, components.day, components.born, components.duration])
def test_nothing_recorded_says_so(written: object) -> None:
    assert written(None) == "Not recorded"  # type: ignore[operator]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "less than 1 second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (660, "11 minutes"),
        (3661, "1 hour 1 minute"),
        (7200, "2 hours"),
        (3 * 86_400 + 4 * 3_600 + 59, "3 days 4 hours"),
        (86_400 + 60, "1 day"),
    ],
)
def test_duration_gives_the_largest_parts(seconds: float, text: str) -> None:
    assert components.duration(dt.timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(("today", "age"), [("2026-03-13T12:00:00Z", 87), ("2026-03-14T00:30:00Z", 88)])
def test_born_counts_birthdays(today: str, age: int) -> None:
    with time_machine.travel(today, tick=False):
        assert components.born(dt.date(1938, 3, 14)) == f"14-Mar-1938 ({age}y)"


@pytest.mark.parametrize(
    ("number", "text"),
    [("9992047186", "999 204 7186"), ("999 204 7186", "999 204 7186"), ("", "Not recorded"), ("12AB", "12AB")],
)
def test_nhs_number_is_written_three_three_four(number: str, text: str) -> None:
    assert components.nhs_number(number) == text


@pytest.mark.parametrize(("name", "text"), [("Ada Brown", "AB"), ("Ada", "A"), ("Ada Mary Brown", "AB"), ("", "")])
def test_initials_are_of_the_first_and_last_name(name: str, text: str) -> None:
    assert components.initials(name) == text


def test_query_with_keeps_the_other_filters() -> None:
    request = RequestFactory().get("/notes/?kind=drink&page=1")

    html = render("{% query_with page=2 %}", request=request)

    assert html == "?kind=drink&amp;page=2"


def test_templates_have_nothing_that_the_content_security_policy_forbids() -> None:
    forbidden = re.compile(r"<style|\sstyle=|\son[a-z]+=\"|hx-on|javascript:|<script(?![^>]*\bsrc=)|https?://", re.I)

    found = {
        str(template.relative_to(TEMPLATES)): hit.group()
        for template in TEMPLATES.rglob("*.html")
        if (hit := forbidden.search(template.read_text()))
    }
    assert found == {}


def test_vendored_styles_name_no_other_host_and_no_font_of_the_health_service() -> None:
    vendor = Path(settings.BASE_DIR) / "static/vendor/nhsuk"

    text = "".join((vendor / name).read_text() for name in ("day.css", "night.css", "nhsuk-frontend.min.js"))
    assert "Frutiger" not in text
    assert "sourceMappingURL" not in text
    assert not re.search(r"url\([\"']?(https?:|/)", text)
