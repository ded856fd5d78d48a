"""The security log: who signed in, who was let in, who was refused and why, by ids and never by name."""

import json
import logging
import re

import pytest
from django.test import Client, override_settings

from portal import logs
from portal.edge import witness
from tests.contracts.test_access_matrix import signed_in
from tests.people import PASSWORD
from tests.portal.edge.test_who_is_let_in import bearer


@pytest.fixture
def lines(caplog):
    """The facts of the security log's lines, as they would be written."""
    caplog.set_level(logging.INFO)

    def written():
        form = logs.JsonLine()
        return [json.loads(form.format(one)) for one in caplog.records if one.name == "clearhold.access"]

    return written


def test_signing_in_out_and_failing_leave_a_line_each(org, people, lines):
    client = Client(REMOTE_ADDR="203.0.113.77")
    client.post("/signin", {"email": "maya@lumenroll.example", "password": "wrong"})
    client.post("/signin", {"email": "maya@lumenroll.example", "password": PASSWORD})
    client.post("/signout")
    said = [one for one in lines() if one["message"].startswith("sign")]
    assert [one["message"] for one in said] == ["sign-in failed", "signed in", "signed out"]
    assert said[1]["account"] == said[2]["account"] == str(people.maya.account_id)
    assert {one["network"] for one in said} == {"203.0.113.0/24"}
    assert said[0]["tried"] == witness.pseudonym(" Maya@Lumenroll.example")


def test_access_that_is_granted_leaves_a_line_too(org, people, lines):
    signed_in(people.maya).get(f"/o/{org.slug}/findings")
    (said,) = lines()[-1:]
    assert said["message"] == "access granted" and said["status"] == 200 and said["via"] == "session"
    assert said["route"] == "/o/<slug:organization>/findings" and said["method"] == "GET"
    assert (said["account"], said["organization"]) == (str(people.maya.account_id), str(org.pk))


def test_a_refusal_names_who_what_and_why(org, people, lines):
    headers, _ = bearer(people.maya, "findings.view")
    cases = [
        (signed_in(people.ines), f"/o/{org.slug}/settings/people", {}, 404, "not_found", "session"),
        (Client(), f"/api/v1/organizations/{org.slug}/events/", headers, 403, "not_allowed", "token"),
        (Client(), f"/api/v1/organizations/{org.slug}/events/", {}, 401, "unauthenticated", ""),
        (signed_in(people.maya), f"/o/{org.slug}/findings", {"sec-fetch-site": "cross-site"}, 403, "cross_site", ""),
    ]
    for client, path, given, status, code, via in cases:
        assert client.get(path, headers=given).status_code == status
        said = lines()[-1]
        assert said["message"] == "access refused" and said["level"] == "WARNING"
        assert (said["status"], said["code"], said.get("via", "")) == (status, code, via)


def test_a_form_without_its_token_and_a_rule_are_refusals_too(org, people, lines):
    client = Client(enforce_csrf_checks=True)
    client.cookies = signed_in(people.maya).cookies
    client.post("/session/keep")
    assert lines()[-1]["code"] == "csrf"


def test_no_line_names_a_person_or_what_was_typed(org, people, lines, caplog):
    client = signed_in(people.adam)
    client.post(
        f"/o/{org.slug}/settings/people/invite",
        {"name": "Nora Zqname", "email": "zqmail@x.example", "role": "engineer", "password": PASSWORD},
    )
    client.get(f"/o/{org.slug}/findings?q=zqsearch")
    Client().post("/signin", {"email": "zqmail@x.example", "password": "zqpassword"})
    written = json.dumps(lines())
    assert "zq" not in written.lower() and "adam" not in written.lower()


def test_each_answer_carries_the_id_of_its_lines(org, people, lines):
    answer = signed_in(people.maya).get(f"/o/{org.slug}/findings", headers={"x-request-id": "forged-by-the-caller"})
    assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-ID"])
    assert logs.request_id.get() == ""
    with override_settings(CLEARHOLD_TRUST_REQUEST_ID=True):
        assert Client().get("/healthz", headers={"x-request-id": "from-the-proxy"})["X-Request-ID"] == "from-the-proxy"
        for forged in ("x", "a b c d e f g h", "x" * 65, "a\u00e9aaaaaaaa"):
            assert Client().get("/healthz", headers={"x-request-id": forged})["X-Request-ID"] != forged


@pytest.mark.parametrize(
    ("address", "network"),
    [("2001:db8:1:2::3", "2001:db8:1::/48"), ("203.0.113.9", "203.0.113.0/24"), ("", ""), ("x", "")],
)
def test_an_address_is_kept_as_its_network(rf, address, network):
    request = rf.get("/")
    request.META["REMOTE_ADDR"] = address
    assert witness.network(request) == network
