"""The API of findings: lists that cost the same at any size, versions, keys that make a request happen once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evidence import clock
from remediation.findings import services as findings
from remediation.findings.models import Finding
from tests.portal.edge.test_who_is_let_in import bearer

BODY = {"title": "Leavers kept logins", "asset": "Salesforce", "severity": "high", "criteria": ["CC6.2"]}


def report(people, title="Leavers kept logins", **facts):
    facts = {"asset": "Salesforce", "detected_at": clock.now() - timedelta(days=2), **facts}
    return findings.report(actor=people.maya, title=title, **facts)


@pytest.fixture
def api(org, people):
    headers, _ = bearer(people.maya, "findings.view", "findings.report", "findings.triage", "findings.comment")
    client = Client(headers=headers)
    client.root = f"/api/v1/organizations/{org.slug}/findings/"
    return client


def send(client, url, body, **headers):
    return client.post(url, body, content_type="application/json", headers=headers)


def test_a_finding_is_reported_once_per_key(api):
    body = {**BODY, "detected_at": "2026-11-01T10:00:00Z"}
    first = send(api, api.root, body, **{"Idempotency-Key": "k1"})
    again = send(api, api.root, body, **{"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true"
    assert Finding.objects.count() == 1
    other = send(api, api.root, {**body, "title": "Something else"}, **{"Idempotency-Key": "k1"})
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"


def test_a_refused_request_does_not_use_up_its_key(api):
    assert send(api, api.root, {"title": ""}, **{"Idempotency-Key": "k2"}).status_code == 422
    assert (
        send(api, api.root, {**BODY, "detected_at": "2026-11-01T10:00:00Z"}, **{"Idempotency-Key": "k2"}).status_code
        == 201
    )


def test_bad_input_names_its_fields_and_saves_nothing(api):
    answer = send(api, api.root, {"title": "x", "severity": "awful"})
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert {"severity", "detected_at", "asset"} <= set(answer.json()["errors"])
    assert not Finding.objects.exists()


def test_a_change_needs_the_version_it_is_based_on(api, people):
    finding = report(people)
    body = {
        "severity": "high",
        "rationale": "Two had admin rights.",
        "owner_id": str(people.ines.person_id),
        "duplicates_searched": True,
        "criteria": ["CC6.2"],
    }
    url = f"{api.root}{finding.ref}/triage/"
    assert send(api, url, body).status_code == 428
    stale = send(api, url, body, **{"If-Match": f'"{finding.version + 5}"'})
    assert stale.status_code == 412
    fresh = send(api, url, body, **{"If-Match": f'"{finding.version}"'})
    assert fresh.status_code == 200, fresh.json()
    assert fresh.json()["state"] == "triaged"
    assert fresh["ETag"] == f'"{fresh.json()["version"]}"'


def test_the_list_costs_at_most_five_queries_for_one_row_and_for_sixty(api, people):
    report(people)
    api.get(api.root)
    with CaptureQueriesContext(connection) as few:
        assert api.get(api.root).status_code == 200
    for number in range(60):
        report(people, title=f"Finding {number}")
    with CaptureQueriesContext(connection) as many:
        page = api.get(api.root).json()
    assert len(page["results"]) == 50
    statements = [q for q in many.captured_queries if "SAVEPOINT" not in q["sql"]]
    assert len(statements) <= 5
    assert len(many) == len(few)


def test_pages_follow_each_other_without_gap_or_repeat(api, people):
    for number in range(7):
        report(people, title=f"Finding {number}")
    seen, cursor = [], ""
    while True:
        page = api.get(api.root, {"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [row["ref"] for row in page["results"]]
        cursor = page["next"]
        if not cursor:
            break
    assert sorted(seen) == [f"F-00{number}" for number in range(1, 8)]


def test_filters_narrow_together(api, people):
    report(people, title="One", severity="high")
    report(people, title="Two", severity="low")
    rows = api.get(api.root, {"severity": "high", "q": "one"}).json()["results"]
    assert [row["title"] for row in rows] == ["One"]


def test_the_detail_costs_at_most_six_queries(api, people):
    finding = report(people, criteria=["CC6.2"])
    send(api, f"{api.root}{finding.ref}/comments/", {"body": "Seen in the log."})
    api.get(f"{api.root}{finding.ref}/")
    with CaptureQueriesContext(connection) as queries:
        answer = api.get(f"{api.root}{finding.ref}/")
    assert answer.json()["comments"][0]["body"] == "Seen in the log."
    statements = [q for q in queries.captured_queries if "SAVEPOINT" not in q["sql"]]
    assert len(statements) <= 6


def test_a_broken_cursor_and_a_strange_limit_are_refused(api):
    assert api.get(api.root, {"cursor": "nonsense"}).status_code == 422
    assert api.get(api.root, {"limit": "100000"}).status_code == 422


def test_an_unknown_finding_is_not_found(api):
    assert api.get(f"{api.root}F-999/").status_code == 404
    assert api.get(f"{api.root}..%2Fx/").status_code == 404
