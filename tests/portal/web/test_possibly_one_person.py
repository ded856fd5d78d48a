"""The pages on two accounts of one person: from the suggestion to the link, and what a refusal says."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts import linking
from portal.accounts.models import IdentityClaim, PersonLink
from remediation.approvals import services as approvals
from tests.people import account_of, actor, join
from tests.remediation.conftest import story  # noqa: F401  a fixture


def signed_in(who) -> Client:
    client = Client()
    client.force_login(account_of(who), backend="portal.accounts.backend.RoleBackend")
    return client


@pytest.fixture
def nina(org, people):
    return actor(org, join(org, "Ines Duarte", "approver", "Finance", email="i.nes+sec@lumenroll.example"))


def test_from_the_suggestion_to_the_link(org, people, nina):
    adam, edda = signed_in(people.adam), signed_in(people.edda)
    page = adam.get(f"/o/{org.slug}/settings/people/same")
    assert "Ines Duarte" in page.content.decode() and "i.nes+sec@lumenroll.example" in page.content.decode()
    first, second = sorted((people.ines.person_id, nina.person_id))
    said = adam.post(
        f"/o/{org.slug}/settings/people/same/claim",
        {"one": first, "other": second, "evidence": ["name"], "reason": "The payroll knows one of them."},
    )
    assert said.status_code == 302
    assert "another administrator" in adam.get(said["Location"]).content.decode()
    assert "Both are mine" in signed_in(nina).get(said["Location"]).content.decode()
    assert edda.post(f"{said['Location']}/confirm").status_code == 302
    assert PersonLink.objects.get().confirmed_as == "executive"
    assert "Ines Duarte" in edda.get(f"/o/{org.slug}/settings/people/same?view=linked").content.decode()


def test_two_people_are_remembered_as_two(org, people, nina):
    adam = signed_in(people.adam)
    first, second = sorted((people.ines.person_id, nina.person_id))
    given = {"one": first, "other": second, "reason": "Mother and daughter they are."}
    assert adam.post(f"/o/{org.slug}/settings/people/same/apart", given).status_code == 302
    assert "No two people look alike" in adam.get(f"/o/{org.slug}/settings/people/same").content.decode()
    page = adam.get(f"/o/{org.slug}/settings/people/same?view=dismissed").content.decode()
    assert "Mother and daughter they are." in page


def test_a_merge_with_who_approved_the_work_says_what_to_do(org, people, nina, story):  # noqa: F811
    story.until("closure_asked")
    approvals.decide(story.request("finding.close").pk, verdict="approve", reason="The retest shows it.", actor=nina)
    made = linking.claim(
        people.ines.person_id, nina.person_id, evidence=["name"], reason="The payroll knows one.", actor=people.adam
    )
    edda = signed_in(people.edda)
    page = edda.get(f"/o/{org.slug}/settings/people/same/{made.pk}").content.decode()
    assert story.finding.ref in page and "S-05" in page
    refused = edda.post(f"/o/{org.slug}/settings/people/same/{made.pk}/confirm")
    words = refused.content.decode()
    assert refused.status_code == 409
    assert "I-05" in words and f"Reopen {story.finding.ref}" in words
    assert IdentityClaim.objects.get(pk=made.pk).state == "open" and not PersonLink.objects.exists()


def test_ones_own_page_asks_what_others_say(org, people, nina):
    client = signed_in(nina)
    assert "Nobody asks about your accounts" in client.get(f"/o/{org.slug}/profile/same").content.decode()
    linking.claim(people.ines.person_id, nina.person_id, evidence=["name"], reason="One in payroll.", actor=people.adam)
    assert "Look and answer" in client.get(f"/o/{org.slug}/profile/same").content.decode()


def test_a_long_list_costs_what_a_short_one_does(org, people, nina):
    client = signed_in(people.adam)
    page = f"/o/{org.slug}/settings/people/same"
    client.get(page)
    with CaptureQueriesContext(connection) as few:
        client.get(page)
    for number in range(40):
        join(org, "Ines Duarte", "engineer", email=f"x{number}@lumenroll.example")
    with CaptureQueriesContext(connection) as many:
        client.get(page)
    assert len(many) == len(few)
