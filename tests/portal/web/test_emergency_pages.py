"""Emergency access on its pages and through the API, and the banner on every page while it runs."""

import json

from django.test import Client

from evidence import clock
from portal.notifications.models import Notice
from remediation.approvals.emergencies import services as emergencies
from remediation.approvals.models import Emergency
from tests.people import PASSWORD, account_of
from tests.portal.web.test_approvals import address, form, signed_in
from tests.remediation.approvals.test_emergency import ASKED, ask, away, running
from tests.remediation.conftest import thing  # noqa: F401


def page(org, verb=""):
    return f"/o/{org.slug}/emergency{verb}"


def test_it_is_asked_activated_used_ended_and_reviewed_with_the_pages(org, people):
    ines = signed_in(people.ines)
    assert ines.get(page(org).replace("emergency", "settings/policies")).status_code == 404
    asked = ines.post(page(org, "/new"), {**ASKED, "password": PASSWORD})
    row = Emergency.objects.get()
    assert asked.status_code == 302 and asked["Location"] == page(org, f"/{row.pk}")
    assert Notice.objects.get().data["what"] == "emergency_asked"
    edda = signed_in(people.edda)
    assert "Activate it" in edda.get(page(org, f"/{row.pk}")).content.decode()
    assert edda.post(page(org, f"/{row.pk}/activate"), {"password": PASSWORD}).status_code == 302
    # An engineer has the administrator's rights now, and every page says so.
    answer = ines.get(f"/o/{org.slug}/settings/policies")
    assert answer.status_code == 200
    assert "Emergency access runs: Administrator, 1 h 59 min left" in answer.content.decode()
    assert ines.post(page(org, f"/{row.pk}/end")).status_code == 302
    assert ines.get(f"/o/{org.slug}/settings/policies").status_code == 404
    maya = signed_in(people.maya)
    assert "Your review" in maya.get(page(org, f"/{row.pk}")).content.decode()
    words = {"verdict": "fitting", "review": "Only what was needed."}
    assert maya.post(page(org, f"/{row.pk}/review"), words).status_code == 302
    assert Emergency.objects.get().state == Emergency.State.REVIEWED


def test_a_wrong_password_activates_nothing(org, people):
    row = ask(people.ines)
    answer = signed_in(people.edda).post(page(org, f"/{row.pk}/activate"), {"password": "wrong"})
    assert answer.status_code == 403 and "Nothing was recorded" in answer.content.decode()
    assert Emergency.objects.get().activated_at is None


def test_alone_the_page_says_so_and_two_are_alarmed(org, people):
    row = ask(people.ines)
    ines = signed_in(people.ines)
    assert "Who can activate it" in ines.get(page(org, f"/{row.pk}")).content.decode()
    away(people.adam, people.edda, people.maya)
    assert "Activate it alone" in ines.get(page(org, f"/{row.pk}")).content.decode()
    assert ines.post(page(org, f"/{row.pk}/activate"), {"password": PASSWORD}).status_code == 302
    assert Notice.objects.get().deliveries.count() == 2


def test_meanwhile_an_approver_cannot_approve(org, people, thing):  # noqa: F811
    request = thing.ask(people.maya)
    running(people.arun, people.edda)
    arun = signed_in(people.arun)
    answer = arun.post(address(org, request), form(request))
    assert answer.status_code == 403 and "rule B-09" in answer.content.decode()
    assert "you decide nothing" in arun.get(address(org, request)).content.decode()


def test_meanwhile_nobody_is_invited(org, people):
    running(people.ines, people.edda)
    given = {"name": "Nora", "email": "nora@lumenroll.example", "role": "engineer", "password": PASSWORD}
    answer = signed_in(people.ines).post(f"/o/{org.slug}/settings/people/invite", given)
    assert answer.status_code == 403 and "B-11" in answer.content.decode()


def test_what_was_done_is_listed_for_the_review_with_its_events(org, people, thing):  # noqa: F811
    row = running(people.maya, people.edda)
    thing.ask(people.maya)
    emergencies.end(row.pk, actor=people.maya)
    text = signed_in(people.alba).get(page(org, f"/{row.pk}")).content.decode()
    assert "Done while it ran" in text and "asked for a decision on X-001" in text


def test_a_bystander_sees_neither_it_nor_the_list_of_others(org, people):
    row = ask(people.ines)
    ivan = signed_in(people.ivan)
    assert ivan.get(page(org, f"/{row.pk}")).status_code == 404
    assert "INC-4711" not in ivan.get(page(org)).content.decode()


def test_the_api_does_what_the_pages_do(org, people):
    def call(who, method, path="", data=None):
        client = Client()
        client.force_login(account_of(who), backend="portal.accounts.backend.RoleBackend")
        session = client.session
        session["authenticated_at"] = clock.now().isoformat()
        session.save()
        url = f"/api/v1/organizations/{org.slug}/emergency/{path}"
        kwargs = {"content_type": "application/json"} if method == "post" else {}
        return getattr(client, method)(url, json.dumps(data or {}) if method == "post" else None, **kwargs)

    made = call(people.ines, "post", data=ASKED)
    assert made.status_code == 201, made.json()
    key = made.json()["id"]
    alone = call(people.ines, "post", f"{key}/activate/")
    assert alone.status_code == 403 and alone.json()["rule"] == "B-06"
    assert call(people.edda, "post", f"{key}/activate/").json()["state"] == "running"
    assert call(people.ines, "post", f"{key}/end/").json()["state"] == "reviewing"
    own = call(people.edda, "post", f"{key}/review/", {"verdict": "fitting", "review": "Only what was needed."})
    assert own.status_code == 409 and own.json()["rule"] == "B-13"
    done = call(people.maya, "post", f"{key}/review/", {"verdict": "fitting", "review": "Only what was needed."})
    assert done.json()["state"] == "reviewed"
    assert [one["ref"] for one in call(people.adam, "get").json()["results"]] == ["EM-001"]
