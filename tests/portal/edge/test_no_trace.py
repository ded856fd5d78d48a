"""What must leave no trace: secrets and content in logs, the inside in errors, line breaks in headers and mail."""

import logging
import re

import pytest
from django.contrib.auth import hashers
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client, override_settings

from portal import logs
from portal.accounts import services
from portal.web import findings
from tests.contracts.test_access_matrix import signed_in
from tests.people import PASSWORD
from tests.portal.edge.test_who_is_let_in import bearer

CANARY = "zqsecret"


@pytest.fixture
def written(caplog):
    """All that the suite's own handler saw, as our two forms write it."""
    caplog.set_level(logging.DEBUG)

    def lines():
        forms = [logs.Line(), logs.JsonLine()]
        found = []
        for record in caplog.records:
            if record.name.startswith(
                ("django.db", "asyncio", "celery.utils")
            ):  # never below WARNING outside a debugger
                continue
            logs.WithoutPath().filter(record)
            found += [form.format(record) for form in forms]
        return found

    return lines


def everything(org, people):
    """Requests that carry secrets, words and files to wherever the portal takes them."""
    base, api = f"/o/{org.slug}", f"/api/v1/organizations/{org.slug}"
    maya, adam, ines = (signed_in(who) for who in (people.maya, people.adam, people.ines))
    token, _ = bearer(people.ines, "evidence.upload", "findings.report")
    facts = {"title": f"T {CANARY}", "source": "internal", "asset": f"A {CANARY}", "severity": "low", "criteria": "CC6.2",
             "detected_at": "2026-01-05T10:00", "description": CANARY}  # fmt: skip
    stranger = Client(raise_request_exception=False)
    invited = services.invite(email="n@x.example", name="N", role="engineer", actor=people.adam)
    yield stranger.post("/signin", {"email": f"{CANARY}@x.example", "password": CANARY})
    yield stranger.post("/signin", {"email": "maya@lumenroll.example", "password": CANARY})
    yield stranger.post("/signin", {"email": "maya@lumenroll.example", "password": PASSWORD})
    yield stranger.get(f"/invite/{org.slug}/{CANARY}-not-a-link")
    yield stranger.post(f"/invite/{org.slug}/{invited.secret}", {"password": CANARY})
    yield stranger.get(f"{api}/findings/", headers={"authorization": f"Bearer clh_{CANARY}0123456789"})
    yield stranger.get(f"{api}/findings/", headers={"authorization": f"Basic {CANARY}0123456789"})
    yield maya.get(f"{base}/findings?q={CANARY}")
    yield maya.post(f"{base}/findings/new", {**facts, "do": "report"})
    yield maya.post(f"{base}/findings/new", {**facts, "detected_at": CANARY, "do": "report"})
    yield maya.post(f"{api}/findings/", {**facts, "severity": CANARY}, content_type="application/json")
    yield maya.post(f"{api}/findings/", f'{{"title": "{CANARY}', content_type="application/json")
    yield maya.get(f"{api}/findings/?cursor={CANARY}&limit={CANARY}")
    yield adam.post(
        f"{base}/settings/people/invite",
        {"name": CANARY, "email": f"{CANARY}@x.example", "role": "engineer", "password": PASSWORD},
    )
    yield adam.post(
        f"{base}/settings/people/invite", {"name": CANARY, "email": CANARY, "role": CANARY, "password": PASSWORD}
    )
    yield ines.post(f"{base}/profile", {"name": CANARY, "days": "30", "scopes": ["evidence.upload"]})
    yield stranger.post(
        f"{api}/evidence/?title={CANARY}&filename={CANARY}.txt", f"content {CANARY}".encode(),
        content_type="application/octet-stream", headers=token,
    )  # fmt: skip
    yield stranger.post("/policy-reports", f'{{"csp-report": {{"document-uri": "http://testserver/{CANARY}", "blocked-uri": "{CANARY}", '
                        f'"violated-directive": "{CANARY}"}}}}', content_type="application/csp-report")  # fmt: skip
    yield stranger.get(f"/{CANARY}")
    yield stranger.get(f"/o/{CANARY}/findings/{CANARY}")


def test_no_secret_reaches_a_log_line(org, people, written):
    for answer in everything(org, people):
        assert answer.status_code < 500
    lines = written()
    assert len(lines) > 20
    leaking = [
        line for line in lines if CANARY in line.lower() or PASSWORD in line or "clh_" in line.replace("clh_…", "")
    ]
    assert not leaking, "\n".join(leaking[:5])
    assert not [line for line in lines if re.search(r"@\w+\.example", line)]


def test_no_secret_reaches_a_log_line_when_all_breaks(org, people, written, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError(f"{CANARY} was what they typed")

    monkeypatch.setattr(findings.queries, "open_findings", broken, raising=False)
    monkeypatch.setattr("portal.edge.tenancy._call", broken)
    client = signed_in(people.maya)
    client.raise_request_exception = False
    answer = client.get(f"/o/{org.slug}/findings/{CANARY}?q={CANARY}")
    assert answer.status_code == 500 and CANARY.encode() not in answer.content
    lines = written()
    assert any("RuntimeError" in line for line in lines)
    assert not [line for line in lines if CANARY in line]


def test_an_error_shows_nothing_of_the_inside(org, people, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("inside")

    monkeypatch.setattr("portal.edge.tenancy._call", broken)
    client = signed_in(people.maya)
    client.raise_request_exception = False
    for path in (f"/o/{org.slug}/findings", f"/api/v1/organizations/{org.slug}/findings/"):
        answer = client.get(path)
        assert answer.status_code == 500
        for word in (
            b"Traceback",
            b"RuntimeError",
            b"inside",
            b".py",
            b"SELECT",
            b"site-packages",
            b"Django",
            b"psycopg",
            b"gunicorn",
        ):
            assert word not in answer.content, word
        assert answer["X-Request-ID"]
    assert answer["X-Request-ID"].encode() not in client.get(f"/o/{org.slug}/findings").content, "each has its own"


def test_the_page_of_an_error_names_the_number_of_its_lines(org, people, monkeypatch):
    monkeypatch.setattr("portal.edge.tenancy._call", lambda *args: 1 / 0)
    client = signed_in(people.maya)
    client.raise_request_exception = False
    answer = client.get(f"/o/{org.slug}/findings")
    assert answer["X-Request-ID"].encode() in answer.content


@pytest.mark.parametrize("path", ["/.git/config", "/.env", "/manage.py", "/portal/settings/base.py", "/requirements.txt", "/static/",
                                  "/static/../manage.py", "/static/%2e%2e/manage.py", "/var/keys/django-secret", "/admin/", "/server-status"])  # fmt: skip
def test_nothing_of_the_code_is_served(db, path):
    answer = Client(raise_request_exception=False).get(path)
    assert answer.status_code in (400, 404), answer.status_code
    assert b"SECRET" not in answer.content


def test_trace_is_not_answered(org, people):
    client = signed_in(people.maya)
    for path in ("/signin", f"/o/{org.slug}/findings", f"/api/v1/organizations/{org.slug}/findings/"):
        answer = client.generic("TRACE", path, headers={"x-mark": CANARY})
        assert answer.status_code >= 400 and CANARY.encode() not in answer.content, path


def test_a_line_break_in_a_name_reaches_no_header_and_no_mail(
    org, people, mailoutbox, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        for field in ("name", "email"):
            given = {"name": "Nora", "email": "nora@x.example", "role": "engineer", "password": PASSWORD}
            given[field] = f"{given[field]}\r\nBcc: evil@x.example"
            signed_in(people.adam).post(f"/o/{org.slug}/settings/people/invite", given)
    for mail in mailoutbox:
        text = mail.message().as_string()
        assert "evil@x.example" not in "".join(mail.recipients()) and "\nBcc:" not in text
    answer = Client().get("/signin", {"next": "/x\r\nSet-Cookie: a=b"})
    assert "a" not in answer.cookies


def test_a_repeated_parameter_is_one_parameter(org, people):
    client = signed_in(people.maya)
    path = f"/api/v1/organizations/{org.slug}/findings/"
    assert client.get(f"{path}?limit=nonsense&limit=5").status_code == 200
    assert client.get(f"{path}?limit=5&limit=nonsense").status_code == 422


def test_a_short_or_common_password_is_refused_and_a_long_one_taken_as_it_is():
    for weak in ("short", "password1234", "qwertyuiopas"[:11]):
        with pytest.raises(ValidationError):
            validate_password(weak)
    for fine in ("  spaces around and inside  ", "ж" * 64, "all lower case words", "x" * 20 + "\U0001f600" * 40):
        validate_password(fine)
        kept = hashers.make_password(fine)
        assert hashers.check_password(fine, kept)
        assert not hashers.check_password(fine.strip() + "!", kept)
        if fine != fine.strip():
            assert not hashers.check_password(fine.strip(), kept)


def test_password_fields_hide_and_help_managers(db):
    page = Client().get("/signin").content.decode()
    (field,) = re.findall(r"<input[^>]*name=\"password\"[^>]*>", page)
    assert 'type="password"' in field and 'autocomplete="current-password"' in field
    assert "onpaste" not in page and "maxlength" not in field


@override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.Argon2PasswordHasher"])
def test_passwords_are_kept_as_argon2id():
    from portal.settings import base

    assert base.PASSWORD_HASHERS[0] == "django.contrib.auth.hashers.Argon2PasswordHasher"
    assert hashers.make_password(PASSWORD).startswith("argon2$argon2id$")
