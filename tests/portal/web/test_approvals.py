"""The approvals queue and the page on which one request is decided, as each of the people sees them."""

import pytest
from django.test import Client

from evidence.ledger.models import Event
from remediation.approvals.models import Decision, Nudge, Request
from remediation.sod import services as sod
from tests.people import PASSWORD, account_of, give
from tests.remediation.conftest import story, thing  # noqa: F401

WHY = "The retest shows that it works."


def signed_in(actor):
    client = Client()
    client.force_login(account_of(actor), backend="portal.accounts.backend.RoleBackend")
    return client


def address(org, request, verb="decide"):
    return f"/o/{org.slug}/approvals/{request.pk}/{verb}"


def form(request, **other):
    return {
        "content_sha256": request.content_sha256,
        "verdict": "approve",
        "reason": WHY,
        "password": PASSWORD,
        **other,
    }


def test_the_queue_is_split_by_what_the_reader_may_decide(org, people, thing):  # noqa: F811
    sod.take_duty("uploader", actor=people.arun, about="E-014", **thing.on())
    thing.ask(people.maya)
    text = signed_in(people.arun).get(f"/o/{org.slug}/approvals").content.decode()
    assert "Blocked for you, someone else must decide" in text
    assert "You uploaded the closing evidence on" in text
    assert "(rule S-07)" in text
    assert "Waiting for you" not in text
    text = signed_in(people.alba).get(f"/o/{org.slug}/approvals").content.decode()
    assert "Waiting for you" in text
    assert "Blocked for you" not in text
    assert "Uploaded the closing evidence on" in text


@pytest.mark.parametrize("view", ["open", "sent", "decided"])
def test_each_view_of_the_queue_answers_also_when_empty(org, people, view):
    assert signed_in(people.maya).get(f"/o/{org.slug}/approvals?view={view}").status_code == 200


def test_nobody_without_the_right_sees_that_approvals_exist(org, people, thing):  # noqa: F811
    request = thing.ask(people.maya)
    for who in (people.ines, people.adam, people.otto):
        assert signed_in(who).get(f"/o/{org.slug}/approvals").status_code == 404
        assert signed_in(who).get(address(org, request)).status_code == 404
        assert signed_in(who).post(address(org, request), form(request)).status_code == 404


def test_an_approver_decides_with_their_password_and_gets_a_receipt(org, people, thing):  # noqa: F811
    request = thing.ask(people.maya, reason="Three clean runs")
    client = signed_in(people.arun)
    page = client.get(address(org, request)).content.decode()
    assert "Leavers keep their logins" in page
    assert "Three clean runs" in page
    assert "You took no part in this work" in page
    answer = client.post(address(org, request), form(request), follow=True)
    text = answer.content.decode()
    assert "Receipt" in text
    assert Event.objects.filter(kind="approval.approved").get().leaf.hex()[:4] in text
    assert "Your decision stands in the history" in text
    assert Request.objects.get().state == "granted"
    assert thing.heard == ["granted"]


def test_a_wrong_password_records_nothing_and_keeps_the_words(org, people, thing):  # noqa: F811
    request = thing.ask(people.maya)
    answer = signed_in(people.arun).post(address(org, request), form(request, password="wrong"))
    assert answer.status_code == 403
    assert "The password is not right" in answer.content.decode()
    assert WHY in answer.content.decode()
    assert not Decision.objects.exists()


def test_a_reason_is_needed(org, people, thing):  # noqa: F811
    request = thing.ask(people.maya)
    answer = signed_in(people.arun).post(address(org, request), form(request, reason="ok"))
    assert answer.status_code == 422
    assert "at least three" in answer.content.decode()


def test_the_blocked_see_the_same_panel_and_the_server_refuses_them_too(org, people, thing):  # noqa: F811
    sod.take_duty("implementer", actor=people.arun, **thing.on())
    request = thing.ask(people.maya)
    client = signed_in(people.arun)
    page = client.get(address(org, request)).content.decode()
    assert 'aria-disabled="true"' in page
    assert "You cannot approve this" in page
    assert "Ask Alba Ferrer to decide" in page
    answer = client.post(address(org, request), form(request))
    assert answer.status_code == 409
    assert "You worked on the fix on" in answer.content.decode()
    assert "Ask Alba Ferrer to decide" in answer.content.decode()
    assert not Decision.objects.exists()


def test_a_requester_with_an_approvers_role_is_blocked_on_the_page(org, people, thing):  # noqa: F811
    give(org, people.maya.person_id, "approver", "X")
    request = thing.ask(people.maya)
    answer = signed_in(people.maya).post(address(org, request), form(request))
    assert answer.status_code == 409
    assert "rule S-01" in answer.content.decode()


def test_content_that_changed_is_shown_and_the_request_stays_void(org, people, thing):  # noqa: F811
    request = thing.ask(people.maya)
    thing.content = {**thing.content, "title": "Something <b>milder</b>"}
    client = signed_in(people.arun)
    assert "changed since it was asked for" in client.get(address(org, request)).content.decode()
    answer = client.post(address(org, request), form(request))
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "<del>Leavers keep their logins</del>" in text
    assert "<ins>Something &lt;b&gt;milder&lt;/b&gt;</ins>" in text
    assert Request.objects.get().state == "void"
    assert not Decision.objects.exists()
    again = thing.ask(people.maya)
    assert "What changed since it was last asked" in client.get(address(org, again)).content.decode()


def test_a_page_that_showed_other_content_decides_nothing(org, people, thing):  # noqa: F811
    request = thing.ask(people.maya)
    answer = signed_in(people.arun).post(address(org, request), form(request, content_sha256="0" * 64))
    assert answer.status_code == 412
    assert not Decision.objects.exists()


def test_a_colleague_is_asked_and_finds_it_in_their_queue(org, people, thing):  # noqa: F811
    request = thing.ask(people.maya)
    client = signed_in(people.maya)
    data = {"person": people.alba.person_id, "message": "Twelve clean weeks"}
    assert client.post(address(org, request, "ask"), data).status_code == 302
    assert Nudge.objects.get().person_id == people.alba.person_id
    text = signed_in(people.alba).get(f"/o/{org.slug}/approvals").content.decode()
    assert "Maya Okafor asked you" in text
    assert "Twelve clean weeks" in text
    assert client.post(address(org, request, "ask"), {"person": "nobody"}).status_code == 422


def test_who_asked_may_withdraw(org, people, thing):  # noqa: F811
    request = thing.ask(people.maya)
    assert signed_in(people.arun).post(address(org, request, "withdraw")).status_code == 403
    assert signed_in(people.maya).post(address(org, request, "withdraw"), {"reason": "Too early"}).status_code == 302
    assert "Too early" in signed_in(people.maya).get(address(org, request)).content.decode()


def test_another_organizations_request_is_not_found(org, people, thing, other_org):  # noqa: F811
    request = thing.ask(people.maya)
    answer = signed_in(people.arun).get(f"/o/{other_org.slug}/approvals/{request.pk}/decide")
    assert answer.status_code == 404


def test_a_small_team_is_told_that_the_rule_is_not_weakened(org, people, thing):  # noqa: F811
    thing.severity = "critical"
    sod.take_duty("uploader", actor=people.alba, **thing.on())
    text = signed_in(people.maya).get(address(org, thing.ask(people.maya))).content.decode()
    assert "2 more must decide, and only 1 may" in text


def test_the_pages_cost_a_bounded_number_of_queries(org, people, thing, django_assert_max_num_queries):  # noqa: F811
    request = thing.ask(people.maya)
    client = signed_in(people.arun)
    with django_assert_max_num_queries(45):
        client.get(f"/o/{org.slug}/approvals")
    with django_assert_max_num_queries(45):
        client.get(address(org, request))


def test_people_in_the_content_are_named(org, people, story):  # noqa: F811
    story.severity = "high"
    story.until("planned")
    page = signed_in(people.arun).get(f"/o/{org.slug}/approvals/{story.request('finding.approve_plan').pk}/decide")
    assert f"Ines Duarte ({people.ines.person_id})" in page.content.decode()
