"""Many at once through a real server: what may happen once happens once, and everybody gets an answer that is true."""

import http.client
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import pytest
from django.db import transaction
from django.test import Client

from evidence import tenancy
from evidence.ledger.models import Event
from remediation.approvals.models import Decision, Request
from remediation.findings.models import Finding
from tests.people import account_of, actor, join
from tests.portal.edge.test_who_is_let_in import bearer
from tests.remediation.story import Story
from tests.serving import Portal

pytestmark = [pytest.mark.slow, pytest.mark.faults]

CLIENTS = 16


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict
    replayed: bool


@pytest.fixture
def a_thread_for_each(monkeypatch):
    monkeypatch.setenv("WEB_THREADS", str(CLIENTS))


@pytest.fixture
def portal(a_thread_for_each, served: Portal, settings) -> Portal:
    # So that a session made here is one there.
    settings.SECRET_KEY = (served.var / "keys" / "django-secret").read_text().strip()
    return served


@pytest.fixture
def story(portal: Portal) -> Story:
    with inside(portal):
        return Story(portal.people, severity="high").until("closure_asked")


def inside(portal: Portal):
    class Inside:
        def __enter__(self):
            self.atomic, self.entered = transaction.atomic(), tenancy.entered(portal.organization.pk)
            self.atomic.__enter__()
            self.entered.__enter__()

        def __exit__(self, *exc):
            if exc[0] is None:
                self.entered.__exit__(None, None, None)
            self.atomic.__exit__(*exc)

    return Inside()


def signed_in(portal: Portal, who) -> dict[str, str]:
    """What a browser sends once somebody has signed in: the session, and the proof against forged requests."""
    client = Client()
    client.force_login(account_of(who), backend="portal.accounts.backend.RoleBackend")
    secret = "a" * 32
    cookies = f"sessionid={client.cookies['sessionid'].value}; csrftoken={secret}"
    return {"Cookie": cookies, "X-CSRFToken": secret}


def post(portal: Portal, path: str, body: dict, headers: dict[str, str]) -> Answer:
    with closing(http.client.HTTPConnection("127.0.0.1", portal.port, timeout=120)) as connection:
        sent = {"Content-Type": "application/json", "Connection": "close", **headers}
        connection.request("POST", f"/api/v1/organizations/{portal.organization.slug}/{path}", json.dumps(body), sent)
        answer = connection.getresponse()
        replayed = answer.getheader("Idempotency-Replayed") == "true"
        return Answer(answer.status, json.loads(answer.read()), replayed)


def at_once(acts: list[Callable[[], Answer]]) -> list[Answer]:
    start = threading.Barrier(len(acts))

    def one(act: Callable[[], Answer]) -> Answer:
        start.wait(60)
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def vote(portal: Portal, request: Request, headers: dict[str, str], **extra: str) -> Callable[[], Answer]:
    body = {"verdict": "approve", "reason": "The retest shows it works.", "content_sha256": request.content_sha256}
    return lambda: post(portal, f"approvals/{request.pk}/decide/", body, {**headers, **extra})


def assert_closed_once(portal: Portal, request: Request) -> None:
    with inside(portal):
        people = list(Decision.objects.filter(request=request).values_list("person_id", flat=True))
        assert (len(people), len(set(people))) == (2, 2)
        assert Request.objects.get(pk=request.pk).state == "granted"
        assert Finding.objects.get(pk=request.subject_id).state == "closed"
        for kind, count in (("approval.approved", 2), ("approval.granted", 1), ("finding.closed", 1)):
            told = Event.objects.filter(kind=kind, object_id=request.subject_id).order_by("id")
            about = [json.loads(bytes(one.body))["facts"].get("data", {}).get("request") for one in told]
            # The plan was approved before; a finding's own event names no request.
            assert sum(one in (None, str(request.pk)) for one in about) == count, kind


def test_of_sixteen_approvers_at_once_exactly_the_quorum_counts(portal, story):
    with inside(portal):
        request = story.request("finding.close")
        crowd = [
            actor(portal.organization, join(portal.organization, f"Approver{n}", "approver", f"Department {n}"))
            for n in range(CLIENTS)
        ]
    answers = at_once([vote(portal, request, signed_in(portal, who)) for who in crowd])
    assert sorted(answer.status for answer in answers) == [200] * 2 + [409] * (CLIENTS - 2)
    assert {answer.body["code"] for answer in answers if answer.status == 409} == {"wrong_state"}
    assert_closed_once(portal, request)


def test_one_person_with_sixteen_sessions_is_one_voice(portal, story):
    with inside(portal):
        request = story.request("finding.close")
    answers = at_once([vote(portal, request, signed_in(portal, portal.people.arun)) for _ in range(CLIENTS)])
    assert sorted(answer.status for answer in answers) == [200] + [409] * (CLIENTS - 1)
    with inside(portal):
        assert Decision.objects.filter(request=request).count() == 1
        assert Request.objects.get(pk=request.pk).state == "open"
    assert vote(portal, request, signed_in(portal, portal.people.alba))().status == 200
    assert_closed_once(portal, request)


@pytest.mark.parametrize("attempt", range(3))
def test_two_decisions_and_a_change_of_the_content_never_all_pass(portal, story, attempt):
    with inside(portal):
        request, finding = story.request("finding.close"), Finding.objects.get(pk=story.finding.pk)
    change = {"severity": "critical", "rationale": "A district's whole roster was reachable."}
    maya = signed_in(portal, portal.people.maya) | {"If-Match": f'"{finding.version}"'}
    votes = [vote(portal, request, signed_in(portal, who)) for who in (portal.people.arun, portal.people.alba)]
    *voted, changed = at_once([*votes, lambda: post(portal, f"findings/{finding.ref}/severity/", change, maya)])
    with inside(portal):
        now, asked = Finding.objects.get(pk=finding.pk), Request.objects.get(pk=request.pk)
        counted = Decision.objects.filter(request=request).count()
    assert counted == [answer.status for answer in voted].count(200)
    if now.state == "closed":
        assert (asked.state, counted, now.severity) == ("granted", 2, "high")
        assert changed.status in (409, 412)
    else:
        assert (asked.state, now.severity, changed.status) == ("void", "critical", 200)
        assert counted < 2


def test_an_idempotency_key_sent_ten_times_at_once_has_one_effect_and_one_answer(portal):
    with inside(portal):
        headers, _ = bearer(portal.people.ivan, "findings.report", "findings.view")
        before = Event.objects.count()
    body = {"title": "Leavers kept logins", "asset": "CRM", "detected_at": "2026-02-03T00:00:00Z"}
    sent = {**headers, "Idempotency-Key": "report-1"}
    answers = at_once([lambda: post(portal, "findings/", body, sent) for _ in range(10)])
    assert {answer.status for answer in answers} == {201}
    assert all(answer.body == answers[0].body for answer in answers)
    assert [answer.replayed for answer in answers].count(False) == 1
    with inside(portal):
        assert Finding.objects.count() == 1
        first = Event.objects.count() - before
    # Nor has an eleventh, long afterwards, and another request under the key is refused.
    assert post(portal, "findings/", body, sent).body == answers[0].body
    assert post(portal, "findings/", {**body, "title": "Something else"}, sent).status == 422
    with inside(portal):
        assert (Finding.objects.count(), Event.objects.count() - before) == (1, first)


def test_a_decision_sent_ten_times_at_once_with_its_key_is_one_decision_and_one_answer(portal, story):
    with inside(portal):
        request = story.request("finding.close")
    arun = signed_in(portal, portal.people.arun)
    answers = at_once([vote(portal, request, arun, **{"Idempotency-Key": "vote-1"}) for _ in range(10)])
    assert {answer.status for answer in answers} == {200}
    assert all(answer.body == answers[0].body for answer in answers)
    with inside(portal):
        assert Decision.objects.filter(request=request).count() == 1
