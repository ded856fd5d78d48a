"""A finding's whole life through its pages, and what the pages refuse."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evidence import clock
from evidence.controls import services as controls
from remediation.findings import services as findings
from remediation.findings.models import Finding
from remediation.findings.states import State
from remediation.monitoring import services as monitoring
from remediation.monitoring.models import Run
from remediation.tasks.models import Task
from tests.portal.web.test_signing_in_and_people import signed_in
from tests.remediation.conftest import story  # noqa: F401  fixture
from tests.remediation.story import ALL_YES, Story


@pytest.fixture
def at(org, people):
    """A page fetched or a form sent as somebody."""

    class At:
        def get(self, who, path, **query):
            return signed_in(getattr(people, who)).get(f"/o/{org.slug}/{path}", query)

        def post(self, who, path, **data):
            return signed_in(getattr(people, who)).post(f"/o/{org.slug}/{path}", data)

    return At()


def ok(response):
    assert response.status_code == 200, (response.status_code, response.content[:2000])
    html = response.content.decode()
    assert "style=" not in html and "<script>" not in html and "onclick" not in html
    assert len(re.findall(r"<h1[ >]", html)) == 1
    return html


def done(response):
    assert response.status_code == 302, (response.status_code, response.content.decode()[:6000])
    return response


def test_a_finding_goes_its_whole_way_through_pages(org, people, at, story):  # noqa: F811
    when = (clock.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
    done(at.post("ivan", "findings/new", do="report", title="Leavers keep <b>logins</b>", source="internal",
                 asset="Salesforce", detected_at=when, severity="high", criteria="CC6.2"))  # fmt: skip
    finding = Finding.objects.get()
    here = f"findings/{finding.ref}"
    assert "Leavers keep &lt;b&gt;logins&lt;/b&gt;" in ok(at.get("maya", here))
    assert finding.ref in ok(at.get("maya", "triage"))
    done(at.post("maya", f"triage/{finding.ref}", severity="high", owner=people.maya.person_id,
                 assignee=people.ines.person_id, rationale="Student data.", duplicates_searched="on",
                 note="Look at SSO first."))  # fmt: skip
    done(at.post("ines", f"{here}/do/analyse", root_cause_class="process", root_cause="Nobody compares.",
                 scope_check="Looked at 61 leavers."))  # fmt: skip
    done(at.post("maya", f"{here}/do/plan", text="SCIM.", success_test="Nobody logs in."))
    due = (finding.current_due_at - timedelta(days=2)).date().isoformat()
    done(at.post("maya", f"{here}/do/add-task", title="Switch on SCIM", due_on=due, assignee=people.ines.person_id,
                 owed="Reconciliation\n"))  # fmt: skip
    done(at.post("maya", f"{here}/do/submit-plan"))
    story.finding = finding
    story.grant("finding.approve_plan")
    assert finding.state == State.IN_REMEDIATION
    task = Task.objects.get()
    assert "Switch on SCIM" in ok(at.get("ines", "me"))
    done(at.post("ines", f"tasks/{task.ref}/do/start"))
    artifact = story.evidence()
    done(at.post("ines", f"tasks/{task.ref}/do/attach", artifact=artifact.ref, owed=task.owed.get().pk))
    assert artifact.ref in ok(at.get("ines", f"tasks/{task.ref}"))
    done(at.post("ines", f"tasks/{task.ref}/do/submit", words="All removed."))
    assert "Handed in, for you to judge" in ok(at.get("maya", "me"))
    done(at.post("maya", f"tasks/{task.ref}/do/accept"))
    done(at.post("ines", f"{here}/do/ready"))
    done(at.post("vera", f"{here}/do/verify", test_result="Nobody logged in.", **ALL_YES))
    done(at.post("maya", f"{here}/do/request-closure", design_only="on"))
    html = ok(at.get("arun", here))
    assert "you can decide" in html.lower()
    story.grant("finding.close")
    html = ok(at.get("maya", here))
    assert "Design only" in html and "Closed" in html
    assert "Switch on SCIM" in html and artifact.ref in html
    ok(at.get("maya", f"{here}/history"))


@pytest.mark.parametrize("step", ["reported", "triaged", "analysed", "planned", "in_remediation", "worked", "ready",
                                  "verified", "closure_asked", "closed"])  # fmt: skip
def test_every_state_has_its_page_for_every_role(people, at, story, step):  # noqa: F811
    story.severity = "high"
    story.until(step)
    for who in ("maya", "ines", "vera", "arun", "edda"):
        html = ok(at.get(who, f"findings/{story.finding.ref}"))
        for path in set(re.findall(rf"/o/[a-z]+/(findings/{story.finding.ref}/do/[a-z-]+)", html)):
            ok(at.get(who, path))
    for who in ("adam", "otto"):
        assert at.get(who, f"findings/{story.finding.ref}").status_code in (403, 404)


def test_a_refused_form_keeps_the_words_and_says_what_is_missing(people, at, story):  # noqa: F811
    story.reported(criteria=[])
    response = at.post("maya", f"triage/{story.finding.ref}", severity="high", owner=people.maya.person_id,
                       rationale="Because of student data.")  # fmt: skip
    assert response.status_code == 422
    html = response.content.decode()
    assert "Because of student data." in html
    assert "Map it to at least one criterion or control." in html and "Look for duplicates first" in html
    assert story.again().finding.state == State.REPORTED


def test_a_form_from_an_old_page_is_stale(people, at, story):  # noqa: F811
    story.until("triaged")
    response = at.post("maya", f"findings/{story.finding.ref}/do/severity", severity="critical", rationale="Worse.",
                       version=1)  # fmt: skip
    assert response.status_code == 412
    assert "was changed meanwhile" in response.content.decode()
    assert story.again().finding.severity == "medium"


def test_a_step_out_of_turn_is_refused_with_words(people, at, story):  # noqa: F811
    story.until("triaged")
    response = at.post("vera", f"findings/{story.finding.ref}/do/verify", test_result="Fine", **ALL_YES)
    assert response.status_code == 409
    assert "this step exists only from" in response.content.decode()
    assert at.get("vera", f"findings/{story.finding.ref}/do/verify").status_code == 404
    assert at.get("vera", f"findings/{story.finding.ref}/do/nonsense").status_code == 404


def test_an_owner_who_verifies_is_told_why_not(people, at, story):  # noqa: F811
    story.until("reported").triaged(owner_id=people.vera.person_id)
    story.analysed().planned().in_remediation().worked().ready()
    response = at.post("vera", f"findings/{story.finding.ref}/do/verify", test_result="Fine", **ALL_YES)
    assert response.status_code == 409
    assert "so someone else must verify" in response.content.decode()


def test_the_list_narrows_by_every_filter_and_pages_on(people, at, story):  # noqa: F811
    for number in range(53):
        Story(people).reported(title=f"Weakness {number}", severity="low" if number % 2 else "high")
    html = ok(at.get("maya", "findings"))
    assert html.count('<th scope="row"') == 50 and "Load 50 more" in html
    link = re.search(r'href="(\?[^"]*after=[^"]+)"', html).group(1).replace("&amp;", "&")
    more = ok(signed_in(people.maya).get(f"/o/lumenroll/findings{link}"))
    assert more.count('<th scope="row"') == 3
    assert ok(at.get("maya", "findings", severity="low")).count('<th scope="row"') == 26
    assert ok(at.get("maya", "findings", q="Weakness 52")).count('<th scope="row"') == 1
    assert ok(at.get("maya", "findings", q="F-007")).count('<th scope="row"') == 1
    assert "No finding matches" in ok(at.get("maya", "findings", q="nothing like it"))
    for query in (
        {"owner": "none"},
        {"criterion": "CC6.2"},
        {"source": "audit_report"},
        {"order": "new"},
    ):
        assert ok(at.get("maya", "findings", **query)).count('<th scope="row"') == 50
    assert ok(at.get("maya", "findings", due="30")).count('<th scope="row"') == 27
    for view in ("mine", "overdue", "verify", "accepted", "fixed_hint", "settled", "all", "nonsense"):
        ok(at.get("maya", "findings", view=view))
    assert at.get("maya", "findings", after="nonsense").status_code == 422


def test_lists_and_pages_ask_the_database_as_much_for_many_as_for_few(people, story, django_assert_max_num_queries):  # noqa: F811
    client = signed_in(people.maya)
    for _ in range(3):
        Story(people).reported()
    with CaptureQueriesContext(connection) as few:
        client.get("/o/lumenroll/findings")
    for _ in range(20):
        Story(people).reported()
    with CaptureQueriesContext(connection) as many:
        client.get("/o/lumenroll/findings")
    assert len(many) <= len(few)
    story.until("worked")
    with CaptureQueriesContext(connection) as page:
        client.get(f"/o/lumenroll/findings/{story.finding.ref}")
    assert len(page) <= 45


def test_many_findings_are_triaged_after_a_preview(people, at, story):  # noqa: F811
    rows = [Story(people).reported(criteria=["CC6.2"] if number else []).finding for number in range(3)]
    ids = [str(row.pk) for row in rows]
    assert "Show what would happen" in ok(at.post("maya", "triage/bulk", id=ids, do="triage"))
    given = {"id": ids, "owner": str(people.maya.person_id), "rationale": "Known kind.", "duplicates_searched": "on"}
    html = ok(at.post("maya", "triage/bulk", do="preview", **given))
    assert "3 selected: 2 will change, 1 cannot" in html
    done(at.post("maya", "triage/bulk", do="commit", **given))
    assert Finding.objects.filter(state=State.TRIAGED).count() == 2
    assert at.post("maya", "triage/bulk", do="triage").status_code == 422
    assert at.post("ines", "triage/bulk", do="commit", **given).status_code == 404


def test_an_engineer_has_no_triage_and_an_administrator_no_findings(at, people):
    assert at.get("ines", "triage").status_code == 404
    assert at.get("adam", "findings").status_code == 404
    assert at.get("otto", "findings").status_code == 404


def test_another_organizations_finding_does_not_exist(people, at, story, other_org):  # noqa: F811
    story.until("triaged")
    assert signed_in(people.maya).get(f"/o/{other_org.slug}/findings/{story.finding.ref}").status_code == 404
    assert at.get("maya", "findings/F-999").status_code == 404
    assert at.get("maya", "findings/../../etc").status_code == 404


def test_controls_their_coverage_and_a_run(people, at, story, org):  # noqa: F811
    made = controls.adopt_starter_set(actor=people.maya)
    today = clock.today()
    start = today - timedelta(days=today.weekday() + 28)
    monitoring.schedule([one.pk for one in made], start=start, end=start + timedelta(days=80), actor=people.maya)
    story.reported(controls=[made[0].pk])
    html = ok(at.get("maya", "controls"))
    assert made[0].ref in html
    run = Run.objects.filter(control__frequency="weekly").order_by("due_on").first()
    here = f"controls/{run.control.ref}/runs/{run.pk}"
    ok(at.get("ines", here))
    assert at.post("ines", f"{here}/do/record", state="operated").status_code == 422
    done(at.post("ines", f"{here}/do/record", state="missed", note="The report failed."))
    assert at.post("ines", f"{here}/do/record", state="operated", artifact=story.evidence().ref).status_code == 409
    html = ok(at.get("maya", "coverage"))
    assert "Missed" in html and "Explain gap" in ok(at.get("ines", "coverage", run=str(run.pk)))
    done(at.post("ines", f"{here}/do/explain", words="The session had expired."))
    ok(at.get("maya", "coverage", gaps="1"))
    ok(at.get("maya", "coverage", criterion="CC6.2", q="leaver"))
    ok(at.get("maya", f"controls/{made[0].ref}"))
    assert at.get("vera", f"{here}/do/explain").status_code == 404
    assert at.get("maya", "controls/AC-99").status_code == 404
    client = signed_in(people.maya)
    with CaptureQueriesContext(connection) as page:
        client.get("/o/lumenroll/coverage")
    assert len(page) <= 20


def test_a_hint_that_it_is_fixed_is_answered_on_its_page(people, at, story):  # noqa: F811
    story.until("triaged")
    findings.propose_fixed([story.finding.pk], actor=people.maya)
    assert "A newer file no longer shows it" in ok(at.get("maya", f"findings/{story.finding.ref}"))
    ok(at.get("maya", "triage", view="fixed_hint"))
    done(at.post("maya", f"findings/{story.finding.ref}/do/still-there", reason="Seen by hand."))


def test_risk_and_deferral_are_asked_on_pages(people, at, story):  # noqa: F811
    story.until("triaged")
    until = (clock.today() + timedelta(days=30)).isoformat()
    here = f"findings/{story.finding.ref}"
    response = at.post("maya", f"{here}/do/accept-risk", reason="r", residual_risk="r", compensating="c",
                       expires_on=(clock.today() + timedelta(days=999)).isoformat())  # fmt: skip
    assert (
        response.status_code == 422 and "days at most" in response.content.decode()
    ) or "or earlier" in response.content.decode()
    done(at.post("maya", f"{here}/do/accept-risk", reason="r", residual_risk="r", compensating="c", expires_on=until))
    assert story.again().finding.state == State.RISK_ACCEPTANCE_PENDING
    ok(at.get("edda", here))
    ok(at.get("maya", here))


def test_drafts_are_edited_and_reported(people, at):
    done(at.post("ines", "findings/new", do="draft", title="Guest reads records", source="internal", severity="low"))
    here = f"findings/{Finding.objects.get().ref}"
    ok(at.get("ines", f"{here}/do/edit"))
    assert at.post("ines", f"{here}/do/report").status_code == 422
    done(at.post("ines", f"{here}/do/edit", title="Guest reads records", source="internal", severity="low",
                 asset="Site", detected_at="2026-01-02T03:04", controls=""))  # fmt: skip
    done(at.post("ines", f"{here}/do/report"))
    assert at.post("ines", "findings/new", do="report", title="", source="internal", severity="low").status_code == 422
