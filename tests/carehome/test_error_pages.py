"""Error pages stand on nothing: they are shown when the database, the session or the person may be gone."""

from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory

PAGES = ["400.html", "403.html", "404.html", "500.html", "503.html", "csrf_failure.html", "carehome/message.html"]


class Exploding:
    """A shell whose database is away."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionError(name)


@pytest.mark.parametrize("page", PAGES)
def test_error_page_asks_nothing_of_the_shell(page: str) -> None:
    html = render_to_string(
        page, {"shell": Exploding(), "reference": "7F3A22C1", "title": "Too many tries", "text": "Wait."}
    )

    assert "7F3A22C1" in html
    assert html.count("<h1") == 1
    assert "data-idle-seconds" not in html


@pytest.mark.parametrize("page", PAGES)
def test_error_page_leads_somewhere(page: str) -> None:
    html = render_to_string(page, {"request": RequestFactory().post("/residents/x/notes/new/")})

    assert 'class="nhsuk-button app-btn" href="/' in html


def test_csrf_failure_gives_back_what_was_typed_as_text() -> None:
    kept = [("body", "Slept well.</textarea><script>alert(1)</script>")]

    html = render_to_string("csrf_failure.html", {"kept": kept})

    assert "Slept well." in html
    assert "<script>alert" not in html
    assert "readonly" in html
