"""Pages in a real Chromium, held to the design's bar: no console error, no accessibility fault, room for a thumb."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Browser, ConsoleMessage, Page

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in the test's own thread

SCREENSHOTS = Path(settings.BASE_DIR) / "var" / "screenshots"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TABLET, PHONE = {"width": 1024, "height": 1366}, {"width": 320, "height": 640}
# A page that answers 4xx on purpose says so in the console as well; everything else there is a fault.
EXPECTED = re.compile(
    r"Failed to load resource: the server responded with a status of 4(03|04|22|23)|ERR_INTERNET_DISCONNECTED"
)
SMALL_CONTROLS = """() => [
    ...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')]
  .filter(e => e.checkVisibility() && !e.closest('.nhsuk-u-visually-hidden, .nhsuk-skip-link'))
  .map(e => {
    const choice = e.matches('[type=radio], [type=checkbox]') && e.labels[0];
    const boxes = [e, ...(choice ? [choice] : [])].map(b => b.getBoundingClientRect());
    const least = e.matches('p a, li a, td a, dd a') && getComputedStyle(e).display.startsWith('inline') &&
      !e.matches('.app-linkbtn, .app-btn') ? (e.closest('td') ? 32 : 0) : 48;
    return { html: e.outerHTML.slice(0, 120), height: Math.max(...boxes.map(b => b.height)),
             width: Math.max(...boxes.map(b => b.width)), least };
  })
  .filter(c => c.height > 1 && (c.height < c.least - 0.5 || c.width < c.least - 0.5))"""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.fail("The browser tests need Chromium: apt-get install chromium")
    return {
        **browser_type_launch_args,
        "executable_path": chromium,
        "args": ["--no-sandbox", "--disable-dev-shm-usage"],
    }


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    return {
        **browser_context_args,
        "viewport": TABLET,
        "has_touch": True,
        "locale": "en-GB",
        "timezone_id": "Europe/London",
        "color_scheme": "light",
        "reduced_motion": "reduce",
    }


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page on which any console error or uncaught fault fails the test: the check of the content policy too."""
    faults: list[str] = []
    page.set_default_timeout(10_000)

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not EXPECTED.search(message.text):
            faults.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    assert faults == []


@pytest.fixture
def as_user(page: Page, live_server: Any) -> Callable[..., Page]:
    """Open a page as a person, with a session of their own; on an enrolled tablet if one is given."""
    from tests.doors import session_cookies

    def go(staff: Any, path: str = "/", device: Any = None, secret: str = "") -> Page:
        cookies = session_cookies(staff, device, secret)
        page.context.add_cookies([{"name": n, "value": v, "url": live_server.url} for n, v in cookies.items()])
        page.goto(live_server.url + path)
        return page

    return go


@pytest.fixture
def tablet(world: Any, actor_for: Callable[[Any], Any], administrator: Any) -> tuple[Any, str]:
    """An enrolled tablet and its secret."""
    from access.services import enrol_device

    return enrol_device(actor=actor_for(administrator), name="Oak tablet 2", care_home=world.home)


def accessibility_faults(page: Page) -> list[tuple[str, list[str]]]:
    result = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    return [(fault["id"], [node["html"][:200] for node in fault["nodes"]]) for fault in result.response["violations"]]


def assert_usable(page: Page, name: str) -> None:
    """The bar of every page, by day and by night, on a tablet and at 320 px; leaves pictures to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    assert page.title().endswith("Care records")
    assert page.locator("h1").count() == 1
    assert page.evaluate(SMALL_CONTROLS) == []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # people's own setting starts as "as the device"
        page.screenshot(path=SCREENSHOTS / f"{name}-{'day' if theme == 'light' else 'night'}.png")
        assert accessibility_faults(page) == [], f"{name}, {theme}"
    page.emulate_media(color_scheme="light")
    for size in (TABLET, PHONE):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, f"{name} at {size['width']} px"
    page.screenshot(path=SCREENSHOTS / f"{name}-320.png")
    page.set_viewport_size(TABLET)


@pytest.fixture(scope="session", autouse=True)
def _one_browser(browser: Browser) -> Browser:
    """Started once, before the first test's clock runs."""
    return browser
