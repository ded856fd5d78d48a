"""A finding's way through the API alone, each step by the person who may take it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evidence import clock
from portal.accounts import roles
from remediation.tasks import checklist
from tests.people import account_of, give
from tests.portal.edge.test_who_is_let_in import bearer
from tests.remediation.story import Story


class Caller:
    """One person's client: bearer token for most, a session for who decides."""

    def __init__(self, org, actor, role, session=False):
        self.root = f"/api/v1/organizations/{org.slug}/"
        if session:
            self.client = Client()
            self.client.force_login(account_of(actor), backend="portal.accounts.backend.RoleBackend")
        else:
            self.client = Client(headers=bearer(actor, *roles.ROLES[role].permissions)[0])

    def get(self, path, **query):
        answer = self.client.get(self.root + path, query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def post(self, path, body=None, status=200, match=None):
        headers = {"If-Match": f'"{match}"'} if match else {}
        answer = self.client.post(self.root + path, body or {}, content_type="application/json", headers=headers)
        assert answer.status_code == status, answer.content
        return answer.json()


@pytest.fixture
def callers(org, people):
    return {
        "maya": Caller(org, people.maya, "manager"),
        "ines": Caller(org, people.ines, "engineer"),
        "vera": Caller(org, people.vera, "reviewer"),
        "arun": Caller(org, people.arun, "approver", session=True),
        "arun_token": Caller(org, people.arun, "approver"),
    }


def test_from_report_to_closure(callers, people):
    maya, ines, vera = callers["maya"], callers["ines"], callers["vera"]
    story = Story(people)
    body = {
        "title": "Leavers kept logins",
        "asset": "Salesforce",
        "criteria": ["CC6.2"],
        "detected_at": (clock.now() - timedelta(days=1)).isoformat(),
    }
    finding = ines.post("findings/", body, 201)
    at = f"findings/{finding['ref']}/"
    finding = maya.post(
        f"{at}triage/",
        {
            "severity": "medium",
            "rationale": "Two leavers, no admin rights.",
            "duplicates_searched": True,
            "owner_id": str(people.maya.person_id),
            "assignee_id": str(people.ines.person_id),
        },
        match=finding["version"],
    )
    finding = ines.post(
        f"{at}analyse/",
        {"root_cause_class": "process", "root_cause": "Nobody compares the lists.", "scope_check": "All 61 leavers."},
        match=finding["version"],
    )
    finding = maya.post(f"{at}plan/", {"text": "SCIM", "success_test": "No leaver signs in."}, match=finding["version"])
    due = (clock.now() + timedelta(days=20)).date().isoformat()
    task = maya.post(
        f"{at}tasks/",
        {
            "title": "Switch on SCIM",
            "due_on": due,
            "assignee_id": str(people.ines.person_id),
            "owed": [{"title": "Reconciliation", "kind": "report"}],
        },
        201,
    )
    finding = maya.post(f"{at}submit-plan/", match=maya.get(at)["version"])
    assert finding["state"] == "in_remediation"
    mine = f"tasks/{task['ref']}/"
    assert [row["ref"] for row in ines.get("tasks/", assignee="me")["results"]] == [task["ref"]]
    task = ines.post(f"{mine}start/", match=ines.get(mine)["version"])
    artifact = story.evidence()
    ines.post(f"{mine}evidence/", {"artifact": artifact.ref, "owed": task["owed"][0]["id"]})
    task = ines.post(f"{mine}submit/", {"words": "Done."}, match=ines.get(mine)["version"])
    task = maya.post(f"{mine}accept/", match=task["version"])
    assert task["state"] == "done"
    finding = ines.post(f"{at}ready/", match=ines.get(at)["version"])
    finding = vera.post(
        f"{at}verify/",
        {"test_result": "Nobody signed in.", "answers": dict.fromkeys(checklist.KEYS, "yes")},
        match=finding["version"],
    )
    asked = maya.post(
        f"{at}close/", {"design_only": True, "reason": "Runs start next week."}, 202, match=finding["version"]
    )
    waiting = callers["arun"].get("approvals/")["results"]
    assert [(row["id"], row["may"]) for row in waiting] == [(asked["request"], True)]
    request = callers["arun"].get(f"approvals/{asked['request']}/")
    vote = {"verdict": "approve", "reason": "The retest shows it works.", "content_sha256": request["content_sha256"]}
    by_token = callers["arun_token"].post(f"approvals/{asked['request']}/decide/", vote, 403)
    assert by_token["code"] == "reauthenticate"
    callers["arun"].post(f"approvals/{asked['request']}/decide/", {**vote, "content_sha256": "0" * 64}, 422)
    callers["arun"].post(f"approvals/{asked['request']}/decide/", vote)
    assert maya.get(at)["state"] == "closed"
    assert next(row["kind"] for row in maya.get("events/", object=finding["ref"])["results"]) == "finding.closed"


def test_who_worked_on_it_is_told_why_they_cannot_decide(org, people, callers):
    story = Story(people).until("closure_asked")
    give(org, people.ines.person_id, "approver")
    ines = Caller(org, people.ines, "approver", session=True)
    request = story.request("finding.close")
    seen = ines.get(f"approvals/{request.pk}/")
    assert seen["may"] is False
    assert seen["rule"].startswith("S-")
    body = {"verdict": "approve", "reason": "I did it well.", "content_sha256": seen["content_sha256"]}
    refused = ines.post(f"approvals/{request.pk}/decide/", body, 409)
    assert refused["code"] == "duty_conflict"
    assert refused["rule"] == seen["rule"]


def test_lists_cost_the_same_for_few_and_many_rows(callers, people):
    story = Story(people).until("in_remediation")
    maya = callers["maya"]
    paths = ("tasks/", "approvals/", "controls/", "people/", "events/")
    few = {}
    for path in paths:
        maya.get(path)
        with CaptureQueriesContext(connection) as seen:
            maya.get(path)
        few[path] = len(seen)
    from remediation.tasks import services as tasks

    for number in range(12):
        tasks.add(
            story.finding.pk,
            actor=people.maya,
            title=f"More {number}",
            due_on=story.task.due_on,
            owed=(("Log", "log"),),
        )
    for path in paths:
        with CaptureQueriesContext(connection) as seen:
            maya.get(path)
        assert len(seen) <= few[path] + 1, path
