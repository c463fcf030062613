"""The log says how the machine fares and nothing about people: whatever goes in, names, words and numbers stay out."""

import io
import json
import logging
import logging.config
from uuid import uuid4

import pytest
import structlog
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import path
from django_structlog.middlewares import RequestMiddleware

from carehome.logging import CONFIG

PERSONAL = ("Brannigan", "brannigan@example.org", "9434765919", "slept badly", "Fortune House")


@pytest.fixture
def written(settings):
    """The lines that have been logged so far, as text; the real configuration with its stream replaced."""
    stream = io.StringIO()
    handler = {**CONFIG["handlers"]["stderr"], "stream": stream}
    logging.config.dictConfig({**CONFIG, "handlers": {"stderr": handler}})
    yield stream.getvalue
    logging.config.dictConfig(settings.LOGGING)


def _lines(text):
    return [json.loads(line) for line in text.splitlines()]


def _nothing_personal(text):
    return not [word for word in PERSONAL if word.lower() in text.lower()]


def test_log_keeps_named_keys_and_drops_the_rest(written):
    structlog.get_logger("records").info("resident_opened", count=3, name="Brannigan", note="slept badly")

    (line,) = _lines(written())
    assert line["event"] == "resident_opened"
    assert line["count"] == 3
    assert line["dropped"] == ["name", "note"]
    assert _nothing_personal(written())


def test_log_drops_a_named_key_whose_value_is_free_text(written):
    structlog.get_logger("records").info("opened", subject="Mrs Brannigan, Fortune House")

    assert _lines(written())[0]["dropped"] == ["subject"]
    assert _nothing_personal(written())


def test_log_of_an_exception_names_class_and_place_but_not_its_text(written):
    try:
        try:
            raise KeyError("9434765919")
        except KeyError as error:
            raise ValueError("Key (email)=(brannigan@example.org) already exists") from error
    except ValueError:
        structlog.get_logger("records").exception("import_failed")
        logging.getLogger("somewhere").exception("Saving %s failed", "Brannigan")

    own, foreign = _lines(written())
    assert own["error"] == ["builtins.ValueError", "builtins.KeyError"]
    assert own["where"][-1].startswith("tests/carehome/test_logging.py:")
    assert foreign["event"] == "Saving … failed"
    assert _nothing_personal(written())


def test_log_fills_small_numbers_into_foreign_messages_and_leaves_out_large_ones(written):
    logging.getLogger("gunicorn.error").error("Worker %s of %s called %d", 12, "Brannigan", 9434765919)

    logging.getLogger("gunicorn.error").error("Worker %s of %s", 12, "Brannigan")

    assert [line["event"] for line in _lines(written())] == ["Worker %s of %s called %d", "Worker 12 of …"]
    assert _nothing_personal(written())


def test_log_of_a_finished_celery_message_keeps_the_task_and_not_its_result(written):
    words = {"name": "records.tasks.check", "id": "7f", "runtime": 0.5, "return_value": "'slept badly'"}
    logging.getLogger("celery.app.trace").info(
        "Task %(name)s[%(id)s] succeeded in %(runtime)ss: %(return_value)s", words
    )

    (line,) = _lines(written())
    assert (line["task"], line["task_id"], line["seconds"]) == ("records.tasks.check", "7f", 0.5)
    assert _nothing_personal(written())


def test_log_withholds_messages_that_quote_a_visitor(written):
    logging.getLogger("django.security.DisallowedHost").error("Invalid HTTP_HOST header: 'brannigan@example.org'")

    assert _lines(written())[0]["event"] == "warning_withheld"
    assert _nothing_personal(written())


# --- requests ---------------------------------------------------------------------------------------------------------
def _fails(request, **kwargs):
    raise RuntimeError("Mrs Brannigan slept badly")


urlpatterns = [
    path("residents/<uuid:resident_id>/", lambda request, **kwargs: HttpResponse("ok"), name="resident"),
    path("fails/", _fails, name="fails"),
    path("healthz", lambda request: HttpResponse("ok"), name="healthz"),
]


@pytest.fixture
def site(client, settings):
    """A client of three small views behind the request middleware alone."""
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = ["django_structlog.middlewares.RequestMiddleware"]
    client.raise_request_exception = False
    return client


def test_log_of_a_request_has_route_code_time_and_id(site, written):
    resident = uuid4()

    site.get(f"/residents/{resident}/")

    (line,) = _lines(written())
    assert line["event"] == "request_finished"
    assert line["path"] == f"/residents/{resident}/"
    assert (line["method"], line["route"], line["code"]) == ("GET", "resident", 200)
    assert line["took_ms"] >= 0
    assert len(line["request_id"]) == 36


@pytest.mark.parametrize(
    "where", ["/residents/{id}/", "/fails/", "/Brannigan/brannigan@example.org/", "/Fortune House/"]
)
def test_log_of_a_request_holds_nothing_a_person_sent(site, written, where):
    site.post(
        where.format(id=uuid4()) + "?q=Brannigan&nhs=9434765919",
        {"email": "brannigan@example.org", "body": "slept badly", "home": "Fortune House"},
        headers={"user-agent": "Brannigan", "referer": "https://x.example/?q=Brannigan", "x-request-id": "Brannigan"},
        REMOTE_USER="Brannigan",
    )

    assert written()
    assert _nothing_personal(written())


def test_log_is_silent_about_probes_that_are_well(site, written):
    site.get("/healthz")

    assert written() == ""


def test_request_middleware_calls_our_hooks(written):
    request = RequestFactory().get("/nowhere")
    RequestMiddleware(lambda request: HttpResponse(status=404))(request)

    (line,) = _lines(written())
    assert line["route"] == "none"
    assert "path" not in line
