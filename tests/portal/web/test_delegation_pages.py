"""Delegating, accepting and deciding in another's place on the pages and through the API."""

import json
from datetime import timedelta

import pytest
from django.test import Client

from evidence import clock
from evidence.ledger import queries as ledger
from portal.web import history
from remediation.approvals.delegations import services as delegations
from remediation.approvals.models import Decision, Delegation
from remediation.sod import services as sod
from tests.people import account_of
from tests.portal.web.test_approvals import address, form, signed_in
from tests.remediation.approvals.test_delegation import lend
from tests.remediation.conftest import thing  # noqa: F401


def filled(deputy, **other):
    today = clock.today()
    return {
        "deputy": str(deputy.person_id),
        "duty": "approver",
        "scope": "all",
        "starts_on": today.isoformat(),
        "ends_on": (today + timedelta(days=10)).isoformat(),
        "reason": "Two weeks of leave.",
        **other,
    }


def pages(org, verb=""):
    return f"/o/{org.slug}/approvals/delegations{verb}"


def test_a_delegation_is_made_accepted_and_used_with_the_pages(org, people, thing):  # noqa: F811
    made = signed_in(people.arun).post(pages(org, "/new"), filled(people.ivan))
    assert made.status_code == 302
    row = Delegation.objects.get()
    assert made["Location"] == pages(org, f"/{row.pk}")
    ivan = signed_in(people.ivan)
    request = thing.ask(people.maya)
    # Before it is accepted, an engineer does not know that approvals exist.
    assert ivan.get(address(org, request)).status_code == 404
    assert "Your answer" in ivan.get(pages(org, f"/{row.pk}")).content.decode()
    assert ivan.post(pages(org, f"/{row.pk}/accept")).status_code == 302
    text = ivan.get(f"/o/{org.slug}/approvals").content.decode()
    assert "for Arun Mehta" in text
    text = ivan.get(address(org, request)).content.decode()
    assert "For Arun Mehta" in text and str(row.pk) in text
    assert ivan.post(address(org, request), form(request, delegation=str(row.pk))).status_code == 302
    assert Decision.objects.get().for_person_id == people.arun.person_id
    assert "Ivan Petrov for Arun Mehta" in ivan.get(address(org, request)).content.decode()
    assert "Ivan Petrov for Arun Mehta" in ivan.get(pages(org, f"/{row.pk}")).content.decode()


def test_the_timeline_names_both(org, people, thing):  # noqa: F811
    row = lend(people.arun, people.ivan)
    request = thing.ask(people.maya)
    signed_in(people.ivan).post(address(org, request), form(request, delegation=str(row.pk)))
    told = [entry.actor for entry in history.entries(ledger.history("tests.thing", thing.id), org.slug)]
    assert "Ivan Petrov for Arun Mehta" in told


def test_a_blocked_delegate_reads_whose_act_blocks(org, people, thing):  # noqa: F811
    row = lend(people.arun, people.ivan)
    sod.take_duty("uploader", actor=people.arun, about="E-014", **thing.on())
    request = thing.ask(people.maya)
    ivan = signed_in(people.ivan)
    assert "nobody can decide for them (rule D-18)" in ivan.get(address(org, request)).content.decode()
    refused = ivan.post(address(org, request), form(request, delegation=str(row.pk)))
    assert refused.status_code == 409 and "D-18" in refused.content.decode()
    assert not Decision.objects.exists()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"ends_on": "2099-01-01"}, "D-07"),
        ({"starts_on": "2020-01-01", "ends_on": "2020-01-10"}, "D-08"),
        ({"scope": "items", "items": "F-999"}, "There is no F-999."),
    ],
    ids=["too long", "backdated", "no such item"],
)
def test_a_refused_form_keeps_what_was_typed_and_says_the_rule(org, people, other, words):
    answer = signed_in(people.arun).post(pages(org, "/new"), filled(people.ivan, **other))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert words in text and "Two weeks of leave." in text
    assert not Delegation.objects.exists()


def test_a_loop_is_refused_on_the_page_with_its_number(org, people):
    lend(people.alba, people.arun, accepted=False)
    answer = signed_in(people.arun).post(pages(org, "/new"), filled(people.alba))
    assert answer.status_code == 422 and "rule D-06" in answer.content.decode()


def test_an_old_session_cannot_replay_a_delegates_decision(org, people, thing):  # noqa: F811
    row = lend(people.arun, people.ivan)
    request = thing.ask(people.maya)
    sent = form(request, delegation=str(row.pk), password="wrong")
    answer = signed_in(people.ivan).post(address(org, request), sent)
    assert answer.status_code == 403 and not Decision.objects.exists()


def test_the_list_shows_what_is_mine_and_to_those_who_look_after_people_everything(org, people):
    lend(people.arun, people.ivan)
    assert "Arun Mehta" in signed_in(people.ivan).get(pages(org)).content.decode()
    assert "Arun Mehta" in signed_in(people.adam).get(pages(org)).content.decode()
    assert "Arun Mehta" not in signed_in(people.vera).get(pages(org)).content.decode()


def test_the_list_costs_the_same_for_any_number(org, people, django_assert_max_num_queries):
    for _ in range(10):
        row = lend(people.arun, people.ivan)
        delegations.end(row.pk, actor=people.arun)
    client = signed_in(people.adam)
    client.get(pages(org))
    with django_assert_max_num_queries(14):
        assert client.get(pages(org)).status_code == 200


def test_the_api_does_what_the_pages_do(org, people, thing):  # noqa: F811
    def call(who, method, path, data=None):
        client = Client()
        client.force_login(account_of(who), backend="portal.accounts.backend.RoleBackend")
        session = client.session
        session["authenticated_at"] = clock.now().isoformat()
        session.save()
        url = f"/api/v1/organizations/{org.slug}/{path}"
        kwargs = {"content_type": "application/json"} if method == "post" else {}
        return getattr(client, method)(url, json.dumps(data or {}) if method == "post" else None, **kwargs)

    given = {
        "deputy_id": str(people.ivan.person_id), "duty": "approver", "starts_on": clock.today().isoformat(),
        "ends_on": (clock.today() + timedelta(days=3)).isoformat(), "reason": "Two days of leave.",
    }  # fmt: skip
    made = call(people.arun, "post", "delegations/", given)
    assert made.status_code == 201 and made.json()["state"] == "offered"
    key = made.json()["id"]
    loop = call(people.arun, "post", "delegations/", {**given, "deputy_id": str(people.arun.person_id)})
    assert loop.status_code == 409 and loop.json()["rule"] == "D-02"
    assert call(people.ivan, "post", f"delegations/{key}/accept/").json()["state"] == "running"
    request = thing.ask(people.maya)
    position = call(people.ivan, "get", f"approvals/{request.pk}/").json()
    assert position["behalf"][0]["may"] and not position["may"]
    vote = {"verdict": "approve", "reason": "The retest shows it.", "content_sha256": request.content_sha256,
            "delegation_id": key}  # fmt: skip
    decided = call(people.ivan, "post", f"approvals/{request.pk}/decide/", vote)
    assert decided.status_code == 200, decided.json()
    assert decided.json()["decisions"][0]["for_person"]["name"] == "Arun Mehta"
    assert call(people.arun, "post", f"delegations/{key}/end/", {"reason": "Back."}).json()["state"] == "ended"
    assert call(people.ivan, "get", "delegations/").json()["received"][0]["id"] == key
