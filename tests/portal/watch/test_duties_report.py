"""The segregation of duties report: the same rows as page, CSV and PDF; paged, streamed, safe, and never an opinion."""

import csv
import io
from datetime import timedelta

import pikepdf
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from evidence import clock
from evidence.ledger import sequencer
from evidence.ledger.models import Event
from portal.accounts import linking
from portal.jobs.models import Job
from portal.watch import printing, report, services
from remediation.approvals import services as approvals
from remediation.approvals.delegations import services as delegations
from tests.people import account_of
from tests.portal.packages import verapdf
from tests.remediation.conftest import story  # noqa: F401  a fixture
from tests.remediation.policy import in_force
from tests.remediation.story import Story


def signed_in(who) -> Client:
    client = Client()
    client.force_login(account_of(who), backend="portal.accounts.backend.RoleBackend")
    return client


@pytest.fixture
def closed(org, people, story):  # noqa: F811
    story.severity = "high"
    story.until("closed")
    sequencer.run_once(org.pk)
    return story


def chosen(org):
    return report.period("", "", zone=org.timezone)


def test_each_decision_stands_with_who_did_what_and_its_event(org, people, closed):
    rows, more = report.decisions(chosen(org))
    assert [row.action for row in rows] == ["finding.approve_plan", "finding.close", "finding.close"] and not more
    last = rows[-1]
    hands = dict(last.hands)
    assert set(hands["Ines Duarte"]) == {"Implementer", "Uploader of closing evidence"}
    assert "Verifier" in hands["Vera Lindholm"] and "Approver" in hands["Alba Ferrer"]
    assert (last.by, last.requester, last.conflicts) == ("Alba Ferrer", "Maya Okafor", ())
    event = Event.objects.get(entry__index=last.event)
    assert (event.kind, event.actor_person_id) == ("approval.approved", people.alba.person_id)


def test_it_comes_in_pages_of_the_same_cost(org, people, closed):
    first, more = report.decisions(chosen(org), limit=2)
    second, end = report.decisions(chosen(org), after=more, limit=2)
    assert (len(first), len(second), end) == (2, 1, "")
    assert not {row.id for row in first} & {row.id for row in second}
    client = signed_in(people.maya)
    client.get(f"/o/{org.slug}/duties")
    with CaptureQueriesContext(connection) as few:
        client.get(f"/o/{org.slug}/duties")
    Story(people, severity="high").until("closed")
    with CaptureQueriesContext(connection) as many:
        client.get(f"/o/{org.slug}/duties")
    assert len(few) == len(many)


def test_the_page_tells_decisions_delegations_links_and_the_proof(org, people, closed):
    now = clock.now()
    loan = delegations.offer(
        deputy_id=people.vera.person_id, terms=delegations.Terms("approver", now, now + timedelta(days=3)),
        reason="Leave in the mountains.", actor=people.arun,
    )  # fmt: skip
    delegations.accept(loan.pk, actor=people.vera)
    claim = linking.claim(
        people.ines.person_id, people.ivan.person_id, evidence=["name"], reason="One in payroll.", actor=people.adam
    )
    linking.confirm(claim.pk, actor=people.edda)
    page = signed_in(people.edda).get(f"/o/{org.slug}/duties").content.decode()
    for words in (
        closed.finding.ref, "Vera Lindholm for Arun Mehta", "Ines Duarte and Ivan Petrov", "Signed checkpoint",
        services.rules_in_force(org.pk).sha256,
    ):  # fmt: skip
        assert words in page, words
    assert "compliant" not in page.lower() and "certified" not in page.lower()


def test_dates_that_make_no_period_are_refused_kindly(org, people):
    client = signed_in(people.maya)
    for query in ("from=yesterday", "from=2026-05-01&to=2026-04-01", "from=0001-01-01"):
        answer = client.get(f"/o/{org.slug}/duties?{query}")
        assert answer.status_code == 422 and "Shown instead" in answer.content.decode()
    assert client.get(f"/o/{org.slug}/duties/report.csv?from=yesterday").status_code == 422


def test_the_csv_streams_the_same_rows_and_no_cell_runs(org, people, closed):
    approvals_reason = "=HYPERLINK(1) looks right to me"
    again = Story(people, severity="medium").until("closure_asked")
    approvals.decide(again.request("finding.close").pk, verdict="approve", reason=approvals_reason, actor=people.arun)
    answer = signed_in(people.maya).get(f"/o/{org.slug}/duties/report.csv")
    assert answer.streaming and answer["Content-Type"].startswith("text/csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["item"] for row in rows].count(closed.finding.ref) == 3
    assert rows[-1]["reason"] == f"'{approvals_reason}"
    assert Event.objects.filter(kind="duties.reported").count() == 1


def test_the_pdf_holds_the_same_and_its_hash_is_an_event(org, people, closed):
    answer = signed_in(people.maya).get(f"/o/{org.slug}/duties/report.pdf")
    assert answer.status_code == 200, answer.content
    with pikepdf.open(io.BytesIO(answer.content)) as pdf:
        assert len(pdf.pages) >= 3 and "Segregation of duties report" in str(pdf.docinfo["/Title"])
    event = Event.objects.get(kind="duties.reported")
    assert answer["X-SHA256"] in bytes(event.body).decode()


@pytest.mark.slow
def test_the_pdf_keeps_every_rule_of_the_standards_it_claims(org, people, closed, tmp_path):
    target = tmp_path / "duties.pdf"
    target.write_bytes(signed_in(people.maya).get(f"/o/{org.slug}/duties/report.pdf").content)
    assert verapdf.faults(target) == []


def test_a_long_one_is_a_job(org, people, closed, monkeypatch, settings, tmp_path):
    settings.CLEARHOLD_BLOBS_DIR = tmp_path / "blobs"
    monkeypatch.setattr(printing, "AT_ONCE", 1)
    client = signed_in(people.maya)
    answer = client.get(f"/o/{org.slug}/duties/report.pdf")
    assert answer.status_code == 302 and "/jobs/" in answer["Location"]
    job = Job.objects.get(kind="watch.report")
    told = []
    made = printing.keep(
        report.period(job.args["start"], job.args["end"], zone=job.args["zone"]),
        actor=people.maya, inside=nothing, watch=lambda *given: told.append(given),
    )  # fmt: skip
    file = client.get(f"/o/{org.slug}/duties/reports/{made.pk}")
    assert b"".join(file.streaming_content).startswith(b"%PDF") and file["X-SHA256"] == made.sha256
    assert told


class nothing:
    def __enter__(self):
        return None

    def __exit__(self, *exc):
        return None


def test_the_hash_of_the_rules_changes_with_the_policy(org, people):
    before = services.rules_in_force(org.pk)
    in_force(org, people, sod={"allow": ["S-10"]})
    after = services.rules_in_force(org.pk)
    assert before.sha256 != after.sha256 and after.policies["sod"] == before.policies["sod"] + 1
