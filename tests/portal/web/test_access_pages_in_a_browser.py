"""The pages of access in a real Chromium: roles by two, tokens, reviews, leaving, security; axe finds nothing on any."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction

from evidence import clock, tenancy
from portal.access import teams
from portal.accounts import granting, reviews, role_requests
from portal.engagements import services as engagements
from remediation.findings import services as findings
from tests.contracts.world import PERIOD
from tests.people import PASSWORD, actor, join
from tests.portal.edge.test_who_is_let_in import bearer
from tests.portal.web.test_evidence_in_a_browser import sign_in
from tests.portal.web.test_standing_in_in_a_browser import looked_at
from tests.remediation.story import Story
from tests.serving import Portal

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def shots(tmp_path) -> Path:
    """Where the pictures go: a folder of one's choice, to look at them."""
    folder = Path(os.environ.get("CLEARHOLD_SHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_a_role_by_two_from_asking_to_deciding(page, served: Portal, shots):
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        people = served.people
        anna = actor(served.organization, join(served.organization, "Anna Second", "administrator"))
        decided = granting.ask_for_member(
            people.ivan.person_id, role="approver", reason="Two were not enough in August.", actor=people.adam
        )
        granting.decide(decided.pk, verdict="grant", reason="Agreed with his lead.", actor=anna)
    home = sign_in(page, served, "adam").removesuffix("evidence/")
    page.set_default_timeout(30_000)
    form = f"{home}settings/people/{people.ines.person_id}/roles"
    looked_at(page, form, "grant", shots)
    page.select_option("[name=role]", "approver")
    page.fill("[name=reason]", "Stands in for Arun while he is on leave.")
    page.fill("[name=password]", PASSWORD)
    page.click("main form button.pri")
    page.wait_for_selector("text=Approver waits for a second administrator")
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        asked = role_requests.requests(people.adam, state="open")[0]
    looked_at(page, f"{home}settings/people", "people", shots)
    looked_at(page, f"{home}settings/people/requests/{asked.pk}", "request-asker", shots)
    looked_at(page, f"{home}settings/people/requests", "requests", shots)
    page.context.clear_cookies()
    sign_in(page, served, "anna")
    looked_at(page, f"{home}settings/people/requests/{asked.pk}", "request-decider", shots)
    page.check("#verdict-grant")
    page.fill("#decision-reason", "Agreed with her lead.")
    page.fill("[name=password]", PASSWORD)
    page.click("main form button.pri")
    page.wait_for_selector("text=The role holds from now on")
    looked_at(page, f"{home}settings/people/requests/{asked.pk}", "request-granted", shots)


def test_the_pages_of_administrators_and_of_everybodys_security(page, served: Portal, shots):
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        people = served.people
        Story(people).until("triaged")
        bearer(people.ines, "findings.view", "evidence.upload")
        bearer(people.maya, "jobs.view")
        review = reviews.begin(actor=people.edda)
        line = review.lines.filter(person_id=people.ivan.person_id).first()
        reviews.decide(line.pk, verdict="keep", reason="", actor=people.edda)
    home = sign_in(page, served, "adam").removesuffix("evidence/")
    page.set_default_timeout(30_000)
    looked_at(page, f"{home}settings/tokens", "tokens", shots)
    looked_at(page, f"{home}settings/access-reviews", "reviews", shots)
    looked_at(page, f"{home}settings/access-reviews/{review.pk}", "review", shots)
    looked_at(page, f"{home}settings/people/{people.ines.person_id}/leave", "leave", shots)
    looked_at(page, f"{home}settings/people/{people.ines.person_id}/sees", "sees", shots)
    looked_at(page, f"{home}settings/rules/who-may", "who-may", shots)
    looked_at(page, f"{home}profile", "profile", shots)
    root = home.split("/o/")[0]
    looked_at(page, f"{root}/account/security", "security", shots)


def test_the_pages_of_who_is_let_in(page, served: Portal, shots):
    with transaction.atomic(), tenancy.entered(served.organization.pk):
        people = served.people
        story = Story(people).until("triaged")
        team = teams.found(name="Response", purpose="Incidents", actor=people.adam)
        teams.take_in(team.pk, person_id=people.alba.person_id, actor=people.adam)
        made = engagements.create(engagements.Facts("SOC 2 Type II", *PERIOD, auditor_firm="Haas"), actor=people.maya)
        readers = teams.found(name="Field team", actor=people.adam)
        engagements.grant_team(
            made.pk, team_id=readers.pk, valid_until=clock.now() + timedelta(days=30), actor=people.maya
        )
    with transaction.atomic(), tenancy.entered(served.organization.pk, people.maya.person_id):
        finding = findings.restrict(story.finding.pk, actor=people.maya, reason="An investigation is under way.")
    home = sign_in(page, served, "maya").removesuffix("evidence/")
    page.set_default_timeout(30_000)
    at = f"{home}findings/{finding.ref}/access"
    looked_at(page, at, "who", shots)
    page.click(f"button[value='person:{people.vera.person_id}']")
    page.wait_for_selector("text=They are let in")
    looked_at(page, at, "who-let-in", shots)
    looked_at(page, f"{home}settings/rules/who-may?item={finding.ref}&action=finding.close", "who-may-asked", shots)
    looked_at(page, f"{home}engagements/{made.ref}", "engagement", shots)
    looked_at(page, f"{home}engagements/{made.ref}/edit", "engagement-edit", shots)
