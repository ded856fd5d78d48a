"""Log lines: one a record, in UTC, with the request's id, and without what must not be kept."""

import json
import logging
import logging.handlers
import re
import socket
import sys
from pathlib import Path

import pytest

from portal import logs

ROOT = Path(__file__).resolve().parents[2]
FORMS = {"lines": logs.Line, "json": logs.JsonLine}


@pytest.fixture(params=FORMS)
def form(request):
    return FORMS[request.param]()


def record(message="said", *args, error=None, **more):
    made = logging.LogRecord("portal.test", logging.WARNING, __file__, 1, message, args, error)
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    "given",
    ["a\nINFO forged", "a\r\nb", "\x1b[2J", "a\u2028b", "a\u2029b", "\x85", "\x00", "\u202egnp.exe", "a\x0bb\x0cc"],
)
def test_nothing_that_somebody_wrote_begins_a_new_line(form, given):
    for line in (form.format(record("name %s", given)), form.format(record(facts={"name": given}))):
        assert len(line.splitlines()) == 1
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]", line)


def test_a_json_line_is_one_object_with_time_in_utc():
    given = json.loads(logs.JsonLine().format(record("hello %s", "you", facts={"status": 404})))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", given.pop("at"))
    assert given == {"level": "WARNING", "logger": "portal.test", "message": "hello you", "status": 404}


def test_a_line_names_its_request():
    token = logs.request_id.set("0123456789")
    try:
        assert "[0123456789]" in logs.Line().format(record())
        assert json.loads(logs.JsonLine().format(record()))["request"] == "0123456789"
    finally:
        logs.request_id.reset(token)


SECRETS = ["clh_abcdefghijkl012345", "Authorization: Bearer abcdefgh.ijkl", "password=hunter22hunter", "{'password': 'hunter22hunter'}",
           "postgresql://app:hunter22hunter@db/x", "/invite/lumenroll/hunter22hunter", "csrftoken=hunter22hunter; a=b",
           '"api_key": "hunter22hunter"']  # fmt: skip


@pytest.mark.parametrize("text", SECRETS)
def test_what_looks_like_a_secret_is_masked(form, text):
    said = form.format(record("it said %s", text))
    assert not re.search("hunter22|abcdefgh", said)


def failed():
    try:
        try:
            raise ValueError("ann.lee@example.com is not valid")
        except ValueError as error:
            raise RuntimeError("Key (email)=(ann.lee@example.com) already exists") from error
    except RuntimeError:
        return sys.exc_info()


def test_an_error_is_its_kind_and_place_without_its_words(form):
    said = form.format(record(error=failed()))
    assert "builtins.RuntimeError" in said and "builtins.ValueError" in said
    assert re.search(r"tests/portal/test_logs\.py:\d+ failed", said)
    assert "ann.lee" not in said


def test_an_operator_may_ask_for_the_words():
    assert "ann.lee" in logs.JsonLine(details=True).format(record(error=failed()))


class Asked:
    path = "/invite/lumenroll/a-secret-link"
    resolver_match = type("Match", (), {"route": "invite/<slug:slug>/<str:secret>"})


def test_djangos_own_lines_name_the_route_and_not_the_path():
    made = record("%s: %s", "Not Found", Asked.path, request=Asked())
    assert logs.WithoutPath().filter(made)
    assert made.getMessage() == "Not Found: /invite/<slug:slug>/<str:secret>"


def test_lines_also_go_to_syslog_when_an_address_is_given(tmp_path):
    place = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(place))
        listener.settimeout(30)
        given = logs.configuration(form="json", level="INFO", syslog=f"unix:{place}", details=False)
        options = {name: value for name, value in given["handlers"]["syslog"].items() if name == "address"}
        handler = logging.handlers.SysLogHandler(**options)
        handler.setFormatter(logs.JsonLine())
        handler.emit(record("shipped"))
        handler.close()
        data = listener.recv(4096)
    assert json.loads(data[data.index(b"{") :].rstrip(b"\x00"))["message"] == "shipped"
    assert given["root"]["handlers"] == ["console", "syslog"]


@pytest.mark.parametrize(
    ("given", "address"), [("udp:logs.example:514", ("logs.example", 514)), ("tcp:[::1]:6514", ("[::1]", 6514))]
)
def test_another_machine_is_named_by_host_and_port(given, address):
    assert (
        logs.configuration(form="lines", level="INFO", syslog=given, details=False)["handlers"]["syslog"]["address"]
        == address
    )


@pytest.mark.parametrize("wrong", [{"form": "xml"}, {"syslog": "logs.example"}, {"syslog": "udp:logs.example"}])
def test_a_setting_that_means_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="CLEARHOLD_LOG"):
        logs.configuration(**{"form": "lines", "level": "INFO", "syslog": "", "details": False, **wrong})


def test_what_gunicorn_and_celery_say_has_the_same_form(settings):
    import io
    import logging.config

    own = io.StringIO()
    logger = logging.getLogger("gunicorn.error")
    before = logger.handlers[:], logger.propagate, logger.level
    logger.handlers, logger.propagate = [logging.StreamHandler(own)], False
    try:
        logging.config.dictConfig({**settings.LOGGING, "handlers": {"console": {"class": "logging.NullHandler"}}})
        assert not logger.handlers and logger.propagate
        assert logging.getLogger("celery.worker").getEffectiveLevel() == logging.WARNING
    finally:
        logger.handlers, logger.propagate, logger.level = before
        logging.config.dictConfig(settings.LOGGING)


def test_every_logger_of_ours_stands_in_the_documents():
    text = (ROOT / "docs" / "operators.md").read_text()
    named = {
        name
        for path in (ROOT / "portal").rglob("*.py")
        for name in re.findall(r'getLogger\("(clearhold\.\w+)"\)', path.read_text())
    }
    assert named and not {name for name in named if f"`{name}`" not in text}
    assert "__name__" in {
        found
        for path in (ROOT / "portal").rglob("*.py")
        for found in re.findall(r"getLogger\((\w+)\)", path.read_text())
    }
