"""Engagements and packages over the API: who may, what a stale version or a repeated key does, and what is recorded."""

import pytest

from evidence.controls import services as controls
from evidence.ledger.models import Event
from portal.engagements.models import Engagement
from portal.packages.models import Package
from remediation.findings.models import Finding
from tests.portal.api.test_the_whole_way import Caller
from tests.remediation.story import Story

BODY = {
    "title": "Examination", "period_start": "2026-01-01", "period_end": "2026-12-31",
    "auditor_firm": "Haas & Partner", "categories": ["A"], "vendors": [{"name": "Salesforce", "service": "CRM"}],
}  # fmt: skip


@pytest.fixture
def maya(org, people):
    return Caller(org, people.maya, "manager")


@pytest.fixture
def engagement(maya):
    return maya.post("engagements/", BODY, 201)


def test_an_engagement_is_opened_scoped_and_released(maya, engagement, people):
    controls.adopt_starter_set(actor=people.maya)
    finding = Story(people).reported().finding
    at = f"engagements/{engagement['ref']}/"
    assert engagement["categories"] == ["CC", "A"]
    scoped = maya.post(f"{at}scope/", {"controls": ["AC-01"], "findings": [finding.ref]}, match=engagement["version"])
    assert [row["ref"] for row in scoped["controls"] + scoped["findings"]] == ["AC-01", finding.ref]
    assert scoped["findings"][0]["released_at"] is None
    released = maya.post(f"{at}release/", {"findings": [finding.ref], "controls": []}, match=scoped["version"])
    assert released["findings"][0]["released_at"]
    assert released["controls"][0]["released_at"] is None
    opened = maya.post(f"{at}state/", {"state": "open", "reason": "They begin."}, match=released["version"])
    assert opened["state"] == "open"
    assert [row["ref"] for row in maya.get("engagements/")["results"]] == [engagement["ref"]]
    assert maya.get(at)["version"] == opened["version"]
    kinds = list(
        Event.objects.filter(object_ref=engagement["ref"]).order_by("object_version").values_list("kind", flat=True)
    )
    assert kinds == ["engagement.created", "engagement.scoped", "engagement.released", "engagement.state_changed"]


def test_everything_can_be_put_into_the_scope_at_once(maya, engagement, people):
    controls.adopt_starter_set(actor=people.maya)
    Story(people).reported()
    scoped = maya.post(f"engagements/{engagement['ref']}/scope/", {"everything": True}, match=engagement["version"])
    assert len(scoped["controls"]) >= 16
    assert len(scoped["findings"]) == Finding.objects.count()


def test_a_scope_that_names_something_unknown_changes_nothing(maya, engagement):
    at = f"engagements/{engagement['ref']}/"
    refused = maya.post(f"{at}scope/", {"findings": ["F-999"]}, 422, match=engagement["version"])
    assert "F-999" in refused["errors"]["findings"][0]
    assert maya.get(at)["version"] == engagement["version"]


@pytest.mark.parametrize("step, body", [("scope", {"everything": True}), ("release", {}), ("state", {"state": "open"})])
def test_a_step_needs_the_present_version(maya, engagement, step, body):
    at = f"engagements/{engagement['ref']}/{step}/"
    assert maya.post(at, body, 428)["code"] == "if_match_needed"
    maya.post(at, body, 412, match=7)
    assert Engagement.objects.get().version == 1


def test_an_engineer_opens_no_engagement_and_builds_no_package(org, people, engagement):
    ines = Caller(org, people.ines, "engineer")
    ines.post("engagements/", BODY, 403)
    ines.post("packages/", {"engagement": engagement["ref"]}, 403)
    assert Engagement.objects.count() == 1
    assert not Package.objects.exists()


def test_a_period_that_ends_before_it_begins_is_refused(maya):
    refused = maya.post("engagements/", {**BODY, "period_end": "2025-01-01"}, 422)
    assert "period_end" in refused["errors"]


def test_a_package_is_asked_for_and_its_job_followed(maya, engagement):
    made = maya.post("packages/", {"engagement": engagement["ref"], "paper": "letter"}, 202)
    assert (made["ref"], made["state"], made["sha256"]) == ("PKG-0001", "draft", "")
    assert made["job"]["state"] == "queued"
    seen = maya.get(f"packages/{made['id']}/")
    assert seen["engagement"] == engagement["ref"]
    assert maya.get(f"jobs/{made['job']['id']}/")["kind"] == "packages.build"
    assert [row["id"] for row in maya.get("packages/")["results"]] == [made["id"]]
    assert maya.client.get(f"{maya.root}packages/{made['id']}/pdf").status_code == 404
    refused = maya.post(f"packages/{made['id']}/submit/", {}, 409, match=seen["version"])
    assert refused["code"] == "wrong_state"
    maya.post(f"packages/{made['id']}/rebuild/", {}, 412, match=99)


def test_a_template_is_chosen_with_what_it_asks_for(maya, engagement):
    body = {"engagement": engagement["ref"], "template": "status_letter"}
    refused = maya.post("packages/", body, 422)
    assert {"to", "salutation", "signed_by"} <= refused["errors"].keys()
    wishes = {"to": "Cedar Grove\n12 Alder Road", "salutation": "Dear Ms. Ortega", "signed_by": "Edda Brandt"}
    made = maya.post("packages/", body | {"wishes": wishes}, 202)
    assert made["template"] == "status_letter"
    assert Package.objects.get().chosen["template"]["letter"]["to"] == ["Cedar Grove", "12 Alder Road"]


def test_a_repeated_key_builds_one_package(maya, engagement):
    for _ in range(2):
        answer = maya.client.post(
            f"{maya.root}packages/", {"engagement": engagement["ref"]}, content_type="application/json",
            headers={"Idempotency-Key": "nightly-1"},
        )  # fmt: skip
        assert answer.status_code == 202
        assert answer["Location"].endswith(f"/packages/{answer.json()['id']}/")
    assert Package.objects.count() == 1


def test_a_finished_package_is_downloaded_with_an_event(maya, engagement, people, monkeypatch):
    made = maya.post("packages/", {"engagement": engagement["ref"]}, 202)
    monkeypatch.setattr("portal.packages.services.pdf_bytes", lambda package: iter([b"%PDF-1.7 ", b"whole"]))
    answer = maya.client.get(f"{maya.root}packages/{made['id']}/pdf")
    assert b"".join(answer.streaming_content) == b"%PDF-1.7 whole"
    assert answer["Content-Disposition"] == 'attachment; filename="PKG-0001-issue-1.pdf"'
    assert Event.objects.get(kind="package.downloaded").actor_person_id == people.maya.person_id


def test_another_organizations_package_is_not_found(org, other_org, people, maya, engagement):
    from evidence import tenancy
    from tests.people import hire

    made = maya.post("packages/", {"engagement": engagement["ref"]}, 202)
    with tenancy.entered(other_org.pk):
        theirs = Caller(other_org, hire(other_org).maya, "manager")
    with tenancy.entered(None):
        for address in (f"packages/{made['id']}/", f"packages/{made['id']}/pdf", f"engagements/{engagement['ref']}/"):
            assert theirs.client.get(theirs.root + address).status_code == 404
        assert theirs.get("packages/")["results"] == []
        assert theirs.get("engagements/")["results"] == []
