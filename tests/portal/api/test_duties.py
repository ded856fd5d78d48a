"""Duties over the API: the check's rounds and conflicts, and the report of a period, as on their pages."""

import pytest
from django.test import Client

from evidence import clock
from evidence.identifiers import uuid7
from evidence.ledger import sequencer
from evidence.ledger.models import Event
from portal.jobs.models import Job
from portal.watch import services as watch
from portal.watch.models import Case, Conflict, Round
from tests.portal.api.test_the_whole_way import Caller
from tests.portal.edge.test_who_is_let_in import bearer
from tests.remediation.policy import excepted, in_force
from tests.remediation.story import Story


@pytest.fixture
def maya(org, people):
    return Caller(org, people.maya, "manager")


def conflict(org, finding, who, *, minutes=0, is_proven=True):
    at = clock.now()
    return Conflict.objects.create(
        organization=org, kind="decisions", rule=f"S-0{minutes + 1}", sentence="Somebody did both", voice=who.person_id,
        subject_type="findings.finding", subject_id=finding.pk, subject_ref=finding.ref, cycle=1, person_id=who.person_id,
        act_type="approvals.decision", act_id=uuid7(), act_at=at, found_at=at, is_proven=is_proven,
    )  # fmt: skip


def test_the_check_is_started_once_and_its_rounds_are_listed(org, people, maya):
    job = maya.post("duties/checks/", status=202)
    assert maya.post("duties/checks/", status=202)["id"] == job["id"]
    assert Job.objects.get().created_by_id is None
    for number in range(3):
        Round.objects.create(
            organization=org, started_at=clock.now(), judged={"decisions": number}, found=0, rules_sha256="0" * 64,
            ledger_size=number,
        )  # fmt: skip
    first = maya.get("duties/checks/", limit=2)
    rest = maya.get("duties/checks/", limit=2, cursor=first["next"])
    assert [row["ledger_size"] for row in (*first["results"], *rest["results"])] == [2, 1, 0]
    assert rest["next"] is None and first["results"][0]["judged"] == {"decisions": 2}


def test_conflicts_come_newest_first_with_their_finding_and_can_be_the_standing_alone(org, people, maya):
    finding = Story(people).until("triaged").finding
    rows = [conflict(org, finding, people.arun, minutes=number, is_proven=number != 1) for number in range(3)]
    Case.objects.create(organization=org, conflict=rows[2], finding=finding)
    page = maya.get("duties/conflicts/", limit=2)
    rest = maya.get("duties/conflicts/", limit=2, cursor=page["next"])
    assert [row["id"] for row in (*page["results"], *rest["results"])] == [str(row.pk) for row in reversed(rows)]
    assert page["results"][0]["finding_ref"] == finding.ref and rest["results"][0]["finding_ref"] is None
    assert page["results"][0]["person"] == {"id": str(people.arun.person_id), "name": "Arun Mehta"}
    standing = maya.get("duties/conflicts/", standing="true")
    assert standing["standing"] == len(standing["results"]) == 2


def test_the_report_tells_what_stood_in_the_period_and_the_rules_in_force(org, people, maya):
    in_force(org, people, sod={"allow": ["S-10"]})
    excepted(people, people.arun, "S-07")
    excepted(people, None, "Q-03")
    sequencer.run_once(org.pk)
    told = maya.get("duties/report/")
    assert [(one["person"], one["rules"]) for one in told["exceptions"]] == [
        ("Arun Mehta", "S-07"), ("The whole team", "Q-03"),
    ]  # fmt: skip
    assert told["counts"]["decisions"] == 3
    assert told["rules"]["sha256"] == watch.rules_in_force(org.pk).sha256
    assert told["checkpoint"] and told["ledger_size"] > 0 and told["last_check"] is None
    refused = Client(headers=bearer(people.maya, "duties.view")[0]).get(f"{maya.root}duties/report/?from=yesterday")
    assert refused.status_code == 422


def test_decisions_are_paged_with_who_did_what_and_taking_them_is_an_event(org, people, maya):
    story = Story(people, severity="high").until("closed")
    sequencer.run_once(org.pk)
    first = maya.get("duties/report/decisions/", limit=2)
    rest = maya.get("duties/report/decisions/", limit=2, cursor=first["next"])
    rows = [*first["results"], *rest["results"]]
    assert [row["action"] for row in rows] == ["finding.approve_plan", "finding.close", "finding.close"]
    assert {row["subject_ref"] for row in rows} == {story.finding.ref} and all(row["event"] for row in rows)
    hands = {hand["person"]: hand["duties"] for hand in rows[-1]["hands"]}
    assert "Implementer" in hands["Ines Duarte"] and "Verifier" in hands["Vera Lindholm"]
    assert Event.objects.filter(kind="duties.reported").count() == 1


@pytest.mark.parametrize("path", ["checks", "conflicts", "report", "report/decisions"])
def test_it_needs_the_scope_and_a_cursor_that_was_given(org, people, path):
    url = f"/api/v1/organizations/{org.slug}/duties/{path}/"
    narrow = Client(headers=bearer(people.maya, "jobs.view")[0])
    assert narrow.get(url).status_code == 403
    if path != "report":
        whole = Client(headers=bearer(people.maya, "duties.view")[0])
        for broken in ("x", "e30", "IngiCg"):
            assert whole.get(url, {"cursor": broken}).status_code == 422, broken
