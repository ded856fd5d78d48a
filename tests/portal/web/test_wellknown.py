"""security.txt says whom to tell and until when; reports of the content policy leave a line without content."""

import json
import logging
import re
from datetime import datetime, timedelta

import pytest
from django.test import Client

from evidence import clock
from portal.edge import rates
from portal.web import wellknown

ADDRESS = "/.well-known/security.txt"


def fields(text):
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in text.splitlines())]


def test_it_names_a_contact_and_a_day_within_a_year(db, settings):
    settings.CLEARHOLD_SECURITY_CONTACT = "security@clearhold.example, https://clearhold.example/report"
    settings.CLEARHOLD_SECURITY_POLICY = "https://clearhold.example/policy"
    answer = Client().get(ADDRESS)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    given = fields(answer.content.decode())
    assert [value for name, value in given if name == "Contact"] == [
        "mailto:security@clearhold.example", "https://clearhold.example/report",
    ]  # fmt: skip
    (expires,) = [value for name, value in given if name == "Expires"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", expires)
    assert timedelta(0) < datetime.fromisoformat(expires) - clock.now() < timedelta(days=365)
    assert ("Canonical", f"{settings.CLEARHOLD_BASE_URL}{ADDRESS}") in given
    assert ("Policy", "https://clearhold.example/policy") in given


def test_nobody_named_is_not_found(db, settings):
    settings.CLEARHOLD_SECURITY_CONTACT = ""
    assert Client().get(ADDRESS).status_code == 404


def test_a_signed_file_is_served_as_it_is_until_it_expires(db, settings, tmp_path):
    file = tmp_path / "security.txt"
    settings.CLEARHOLD_SECURITY_TXT = str(file)
    text = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nContact: mailto:a@b.example\nExpires: {}\n-----BEGIN PGP SIGNATURE-----\nx\n"
    file.write_text(text.format((clock.now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")))
    assert Client().get(ADDRESS).content.decode() == file.read_text()
    for unusable in ("2020-01-01T00:00:00Z", "tomorrow", ""):
        file.write_text(text.format(unusable))
        assert "PGP" not in Client().get(ADDRESS).content.decode()
    file.unlink()
    assert "Contact: mailto:security@testserver.example" in Client().get(ADDRESS).content.decode()


OLD = {"csp-report": {"document-uri": "http://testserver/o/lumenroll/findings/F-017?q=secretword", "violated-directive": "script-src-elem",
       "blocked-uri": "https://evil.example/secretword/x.js?secretword", "script-sample": "secretword"}}  # fmt: skip
NEW = [{"type": "csp-violation", "url": "x", "body": {"documentURL": "http://testserver/o/lumenroll/findings", "effectiveDirective": "script-src-attr",
        "blockedURL": "inline", "sample": "secretword"}}, {"type": "deprecation", "body": {}}]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "body", "kept"),
    [
        ("application/csp-report", OLD, {"directive": "script-src-elem", "blocked": "https://evil.example",
                                         "route": "/o/<slug:organization>/findings/<str:ref>"}),
        ("application/reports+json", NEW, {"directive": "script-src-attr", "blocked": "inline",
                                           "route": "/o/<slug:organization>/findings"}),
    ],
)  # fmt: skip
def test_a_report_leaves_a_line_without_content(db, caplog, kind, body, kept):
    with caplog.at_level(logging.WARNING):
        assert (
            Client(enforce_csrf_checks=True).post("/policy-reports", json.dumps(body), content_type=kind).status_code
            == 204
        )
    (record,) = [one for one in caplog.records if one.name == "clearhold.policy"]
    assert record.facts == kept
    assert "secretword" not in str(record.__dict__)


@pytest.mark.parametrize("body", ["", "{", "[" * 50_000, "null", "[null, 3]", '{"csp-report": 7}', '{"csp-report": {"blocked-uri": {}}}',
                                  '{"csp-report": {"document-uri": "http://[", "blocked-uri": "http://["}}', "x" * 40_000])  # fmt: skip
def test_nonsense_is_no_report(db, body):
    assert Client().post("/policy-reports", body, content_type="application/csp-report").status_code in (204, 413, 422)


def test_somebody_who_reports_without_end_is_held_up(db, settings, monkeypatch):
    settings.PUBLIC_REQUESTS_PER_MINUTE = 2
    counted = iter(range(1, 9))
    monkeypatch.setattr(rates, "_counted", lambda name: next(counted))
    answers = [
        Client().post("/policy-reports", "{}", content_type="application/csp-report").status_code for _ in range(4)
    ]
    assert answers == [204, 204, 429, 429]


def test_more_reports_than_a_page_makes_are_cut(db, caplog):
    body = json.dumps([NEW[0]] * 60)
    with caplog.at_level(logging.WARNING):
        Client().post("/policy-reports", body, content_type="application/reports+json")
    assert len([one for one in caplog.records if one.name == "clearhold.policy"]) == wellknown.REPORTS_MOST
