"""The auditor's portal: what the engagement released, for as long as the grant runs, read-only, every page kept."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from evidence import clock, tenancy
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact
from evidence.ledger.models import Event
from portal.engagements import services as engagements
from portal.engagements.models import Engagement
from remediation.findings import services as findings
from tests.portal.web.test_signing_in_and_people import signed_in
from tests.remediation.story import Story


@pytest.fixture
def story(org, people):
    made = Story(people).until("closed")
    made.artifact = Artifact.objects.get()
    artifacts.accept(made.artifact.pk, number=1, actor=people.vera, reason="Source and totals are named.")
    findings.comment(made.finding.pk, actor=people.maya, body="INTERNAL: the school called twice.")
    findings.comment(made.finding.pk, actor=people.maya, body="Retested on Friday.", internal=False)
    return made


@pytest.fixture
def engagement(org, people, story):
    facts = engagements.Facts(title="Re-audit", period_start=date(2026, 9, 1), period_end=date(2027, 2, 28))
    made = engagements.create(facts, actor=people.maya)
    engagements.scope(made.pk, actor=people.maya, findings=[story.finding.pk])
    engagements.release(made.pk, actor=people.maya)
    return made


def let_in(engagement, people, *, days=30, begin=None):
    until = clock.now() + timedelta(days=days)
    return engagements.grant(
        engagement.pk, account_id=people.otto.account_id, valid_until=until, valid_from=begin, actor=people.maya
    )


@pytest.fixture
def otto(people, engagement):
    let_in(engagement, people)
    client = signed_in(people.otto)
    client.root = f"/o/lumenroll/audit/{engagement.ref}/"
    return client


PAGES = ("", "controls", "findings", "evidence", "packages", "history", "opened")


def test_each_page_opens_and_leaves_a_record(otto, people, story):
    pages = [*PAGES, f"findings/{story.finding.ref}", f"evidence/{story.artifact.ref}"]
    for page in pages:
        before = Event.objects.filter(actor_person_id=people.otto.person_id).count()
        assert otto.get(otto.root + page).status_code == 200, page
        after = Event.objects.filter(actor_person_id=people.otto.person_id).count()
        assert after == before + (page != "opened"), page


def test_the_way_in_leads_to_the_one_engagement(otto, engagement):
    assert otto.get("/o/lumenroll/audit/").url.endswith(f"/audit/{engagement.ref}/")
    assert otto.get("/").url == "/o/lumenroll/audit/"


def test_decisions_are_told_in_words_and_each_actor_once(otto, people, story):
    page = otto.get(f"{otto.root}findings/{story.finding.ref}").content.decode()
    assert "Closure" in page
    assert "finding.close<" not in page
    assert "/ledger/" not in page
    assert "<b>Maya" in page


def test_internal_comments_are_nowhere(otto, story):
    page = otto.get(f"{otto.root}findings/{story.finding.ref}").content.decode()
    assert "Retested on Friday." in page
    assert "INTERNAL" not in page


def test_what_is_not_released_is_not_there(otto, people, story):
    other = Story(people).reported(title="SECRET finding").finding
    assert otto.get(f"{otto.root}findings/{other.ref}").status_code == 404
    for page in PAGES:
        assert "SECRET" not in otto.get(otto.root + page).content.decode()


def test_the_original_is_downloaded_as_an_attachment_with_its_event(otto, story):
    answer = otto.get(f"{otto.root}evidence/{story.artifact.ref}/download")
    assert b"".join(answer.streaming_content).startswith(b"week,")
    assert answer["Content-Disposition"].startswith("attachment")
    assert Event.objects.filter(kind="artifact.downloaded").count() == 1


@pytest.mark.parametrize("why", ["revoked", "ended", "not begun", "inactive"])
def test_without_a_live_grant_nothing_is_found(org, people, engagement, why):
    begin = clock.now() + timedelta(days=3) if why == "not begun" else None
    grant = let_in(engagement, people, begin=begin)
    client = signed_in(people.otto)
    if why == "revoked":
        engagements.revoke(grant.pk, actor=people.maya)
    if why == "inactive":
        from tests.people import account_of

        account = account_of(people.otto)
        account.is_active = False
        account.save()
    moment = clock.now() + timedelta(days=31) if why == "ended" else clock.now()
    with clock.at(moment):
        if why == "ended":
            client = signed_in(people.otto)
        answer = client.get(f"/o/lumenroll/audit/{engagement.ref}/findings")
    assert answer.status_code in (404, 302)
    assert why == "inactive" or answer.status_code == 404


def test_staff_have_no_auditors_portal(people, engagement):
    assert signed_in(people.maya).get(f"/o/lumenroll/audit/{engagement.ref}/").status_code == 404


def test_an_auditor_finds_no_page_of_the_staff(otto):
    for page in ("findings/", "triage", "approvals", "evidence/", "settings/people", "jobs/", "import", "ledger/"):
        assert otto.get(f"/o/lumenroll/{page}").status_code == 404, page


def test_the_role_of_these_requests_can_only_select(org, engagement):
    with tenancy.reading_as_auditor():
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("UPDATE engagements_engagement SET title = 'x'")
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            Engagement.objects.filter(pk=engagement.pk).update(title="x")


def test_lists_cost_the_same_queries_for_few_and_many(otto, people, engagement):
    page = f"{otto.root}findings"
    otto.get(page)
    with CaptureQueriesContext(connection) as few:
        otto.get(page)
    more = [Story(people).reported(title=f"More {number}").finding.pk for number in range(12)]
    engagements.scope(engagement.pk, actor=people.maya, findings=more)
    engagements.release(engagement.pk, actor=people.maya)
    with CaptureQueriesContext(connection) as many:
        otto.get(page)
    assert len(many) == len(few)
