"""What every answer tells the browser: what may run, who may embed it, what to forget."""

import re

import pytest
from django.test import Client, override_settings

from tests.contracts.test_access_matrix import signed_in
from tests.people import PASSWORD

KINDS = {"page": "/signin", "json": "/readyz", "text": "/healthz", "api": "/api/v1/schema/", "refusal": "/nowhere"}


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def answer(request, db):
    client = Client(raise_request_exception=False)
    return client.get(request.param)


def test_every_answer_keeps_other_sites_out(answer):
    expected = {
        "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp",
        "Cross-Origin-Resource-Policy": "same-origin", "Origin-Agent-Cluster": "?1",
        "X-Permitted-Cross-Domain-Policies": "none",
    }  # fmt: skip
    assert {name: answer.get(name) for name in expected} == expected
    assert "no-store" in answer["Cache-Control"]
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]


def test_no_sensor_is_given_and_passkeys_are_ours_alone(answer):
    given = dict(part.strip().split("=") for part in answer["Permissions-Policy"].split(","))
    assert {given[name] for name in ("camera", "microphone", "geolocation", "usb", "payment", "display-capture")} == {
        "()"
    }
    assert given["publickey-credentials-get"] == given["publickey-credentials-create"] == "(self)"


def directives(answer):
    parts = [part.split() for part in answer["Content-Security-Policy"].split(";") if part.strip()]
    return {part[0]: part[1:] for part in parts}


def test_a_page_runs_only_our_files_and_makes_markup_through_two_named_policies(db):
    given = directives(Client().get("/signin"))
    assert given["default-src"] == given["frame-ancestors"] == given["base-uri"] == given["object-src"] == ["'none'"]
    assert given["script-src"] == given["style-src"] == given["form-action"] == ["'self'"]
    assert given["script-src-attr"] == ["'none'"]
    assert given["require-trusted-types-for"] == ["'script'"] and given["trusted-types"] == ["clearhold", "default"]
    assert given["report-uri"] == ["/policy-reports"]
    assert not re.search(r"unsafe|\*|https?:|data:", Client().get("/signin")["Content-Security-Policy"])


def test_what_is_no_page_may_load_nothing(db):
    for path in ("/healthz", "/readyz", "/api/v1/schema/", "/api/v1/organizations/none/findings/"):
        given = directives(Client().get(path))
        assert given["default-src"] == ["'none'"] and "script-src" not in given


def test_signing_out_clears_what_the_browser_kept_and_an_end_by_the_clock_does_not(org, people, monkeypatch):
    client = signed_in(people.maya)
    assert client.post("/signout")["Clear-Site-Data"] == '"cache", "storage"'
    client = signed_in(people.maya)
    assert "Clear-Site-Data" not in client.get(f"/o/{org.slug}/findings")
    session = client.session
    session["seen_at"] = "2020-01-01T00:00:00+00:00"
    session.save()
    ended = client.get(f"/o/{org.slug}/findings")
    assert ended.status_code == 302 and "Clear-Site-Data" not in ended


@override_settings(
    SECURE_SSL_REDIRECT=True, SECURE_HSTS_SECONDS=365 * 24 * 3600, SECURE_HSTS_INCLUDE_SUBDOMAINS=True,
    SECURE_HSTS_PRELOAD=True, SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
)  # fmt: skip
def test_https_is_remembered_for_a_year_and_plain_http_is_sent_there(db):
    assert Client().get("/signin", secure=True)["Strict-Transport-Security"] == (
        "max-age=31536000; includeSubDomains; preload"
    )
    plain = Client().get("/signin")
    assert plain.status_code == 301 and plain["Location"].startswith("https://")


@override_settings(SECURE_SSL_REDIRECT=True, SECURE_REDIRECT_EXEMPT=[r"^api/"])
def test_a_program_that_talks_plainly_is_refused_and_not_sent_on(db):
    answer = Client().get("/api/v1/organizations/none/findings/", headers={"authorization": "Bearer clh_something"})
    assert answer.status_code == 403 and answer.json()["code"] == "https_needed"


def test_choices_of_a_browser_carry_the_prefix_over_https(db):
    answer = Client().post(
        "/preferences/theme", {"theme": "dark"}, secure=True, headers={"referer": "https://testserver/"}
    )
    cookie = answer.cookies["__Host-theme"]
    assert cookie["secure"] and cookie["path"] == "/" and not cookie["domain"] and cookie["samesite"] == "Lax"


def test_messages_are_not_kept_in_a_cookie(org, people):
    client = signed_in(people.adam)
    client.post(
        f"/o/{org.slug}/settings/people/invite",
        {"name": "Nora", "email": "nora@x.example", "role": "engineer", "password": PASSWORD},
    )
    assert "messages" not in client.cookies
