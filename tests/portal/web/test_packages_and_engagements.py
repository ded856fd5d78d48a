"""The pages of engagements and packages, as a manager, an approver and those who may not."""

import hashlib
from datetime import timedelta

import pytest

from evidence import clock
from evidence.controls import services as controls
from evidence.ledger import sequencer
from evidence.ledger.models import Event
from portal.access import teams
from portal.engagements import services as grants
from portal.engagements.models import Engagement, EngagementGrant
from tests.people import PASSWORD
from tests.portal.packages.test_building import built, engagement, sealed, under_review  # noqa: F401
from tests.portal.web.test_signing_in_and_people import signed_in

pytestmark = pytest.mark.django_db

FORM = {
    "title": "Examination 2026",
    "auditor_firm": "Haas & Partner",
    "kind": "soc2_type2",
    "period_start": "2026-01-01",
    "period_end": "2026-12-31",
    "categories": ["CC", "A"],
    "known_gaps": "Backups of one region\n\nLate reviews",
    "vendors": "Cloud | Hosting | SOC 2\nMail",
}


def test_a_manager_creates_scopes_releases_and_lets_an_auditor_in(org, people):
    controls.adopt_starter_set(actor=people.maya)
    client = signed_in(people.maya)
    base = f"/o/{org.slug}/engagements"
    assert client.get(base).status_code == 200
    assert client.get(f"{base}/new").status_code == 200
    answer = client.post(f"{base}/new", FORM)
    assert answer.status_code == 302
    made = Engagement.objects.get()
    assert made.known_gaps == ["Backups of one region", "Late reviews"]
    assert made.vendors[0]["report"] == "SOC 2"
    assert client.post(f"{base}/ENG-1/scope").status_code == 302
    assert client.post(f"{base}/ENG-1/release", {"all": "1"}).status_code == 302
    grant = {"account": str(people.otto.account_id), "until": "2027-01-31"}
    assert client.post(f"{base}/ENG-1/grants", grant).status_code == 302
    page = client.get(f"{base}/ENG-1")
    assert page.status_code == 200
    assert "Otto Haas" in page.content.decode()
    held = EngagementGrant.objects.get()
    assert client.post(f"{base}/ENG-1/grants/{held.pk}/revoke").status_code == 302
    edited = client.get(f"{base}/ENG-1/edit")
    assert "Cloud | Hosting | SOC 2" in edited.content.decode()
    assert client.post(f"{base}/ENG-1/edit", FORM | {"title": "Renamed", "version": made.version}).status_code == 412


def test_a_grant_in_the_past_is_refused_on_the_same_page(org, people, engagement):  # noqa: F811
    client = signed_in(people.maya)
    answer = client.post(
        f"/o/{org.slug}/engagements/{engagement.ref}/grants",
        {"account": str(people.otto.account_id), "until": "2020-01-31"},
    )
    assert answer.status_code == 422
    assert not EngagementGrant.objects.exists()


@pytest.mark.parametrize("name", ["ines", "vera", "adam", "otto"])
def test_others_do_not_manage_engagements_or_build(org, people, name):
    client = signed_in(getattr(people, name))
    for path in ("engagements/new", "packages/new"):
        assert client.get(f"/o/{org.slug}/{path}").status_code in (403, 404)
        assert client.post(f"/o/{org.slug}/{path}", FORM).status_code in (403, 404)
    assert not Engagement.objects.exists()


def test_a_package_is_started_and_its_page_shows_the_job(org, people, engagement):  # noqa: F811
    client = signed_in(people.maya)
    base = f"/o/{org.slug}/packages"
    assert client.get(f"{base}/new").status_code == 200
    answer = client.post(f"{base}/new", {"engagement": str(engagement.pk), "paper": "A4"})
    assert answer.status_code == 302
    page = client.get(answer["Location"])
    assert page.status_code == 200
    assert "Building" in page.content.decode()
    assert "Building" in client.get(base).content.decode()


def test_a_built_package_is_downloaded_as_an_attachment_with_an_event(org, people, engagement):  # noqa: F811
    package = built(engagement, people)
    sequencer.run_once(org.pk)
    client = signed_in(people.maya)
    page = f"/o/{org.slug}/packages/{package.pk}"
    assert package.sha256[:8] in client.get(page).content.decode()
    answer = client.get(f"{page}/file")
    data = b"".join(answer.streaming_content)
    assert hashlib.sha256(data).hexdigest() == package.sha256
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert Event.objects.filter(kind="package.downloaded", object_id=package.pk).count() == 1
    assert client.get(f"{page}/proof").status_code == 200


def test_the_preparer_sees_why_they_cannot_seal_and_an_approver_seals(org, people, engagement):  # noqa: F811
    package = under_review(engagement, people)
    page = f"/o/{org.slug}/packages/{package.pk}"
    assert "You cannot seal this package" in signed_in(people.maya).get(page).content.decode()
    approver = signed_in(people.arun)
    assert "decide" in approver.get(page).content.decode()
    wrong = {"verdict": "approve", "reason": "Read and agreed.", "password": "not the password"}
    assert approver.post(f"{page}/decide", wrong).status_code == 403
    answer = approver.post(f"{page}/decide", wrong | {"password": PASSWORD})
    assert answer.status_code == 302
    package.refresh_from_db()
    assert package.approved_by_id == people.arun.person_id


def test_another_organizations_package_is_not_found(org, people, engagement, other_org):  # noqa: F811
    package = built(engagement, people)
    client = signed_in(people.maya)
    assert client.get(f"/o/{other_org.slug}/packages/{package.pk}").status_code == 404


def test_the_auditor_sees_and_takes_what_is_sealed_and_leaves_an_event(org, people, engagement):  # noqa: F811
    package = sealed(engagement, people)
    until = clock.now() + timedelta(days=3)
    grants.grant(engagement.pk, account_id=people.otto.account_id, valid_until=until, actor=people.maya)
    otto = signed_in(people.otto)
    root = f"/o/{org.slug}/audit/{engagement.ref}/packages"
    assert package.ref not in otto.get(root).content.decode(), "sealed is not yet released"
    assert otto.get(f"{root}/{package.pk}").status_code == 404
    assert signed_in(people.arun).post(f"/o/{org.slug}/packages/{package.pk}/release").status_code == 404
    assert signed_in(people.maya).post(f"/o/{org.slug}/packages/{package.pk}/release").status_code == 302
    assert package.ref in otto.get(root).content.decode()
    answer = otto.get(f"{root}/{package.pk}/file")
    assert hashlib.sha256(b"".join(answer.streaming_content)).hexdigest() == package.sha256
    assert answer["Content-Disposition"].startswith("attachment")
    kept = Event.objects.get(kind="package.downloaded")
    assert (kept.object_id, kept.actor_person_id) == (package.pk, people.otto.person_id)


def test_the_auditor_sees_no_draft(org, people, engagement):  # noqa: F811
    package = built(engagement, people)
    until = clock.now() + timedelta(days=3)
    grants.grant(engagement.pk, account_id=people.otto.account_id, valid_until=until, actor=people.maya)
    otto = signed_in(people.otto)
    root = f"/o/{org.slug}/audit/{engagement.ref}/packages"
    assert package.ref not in otto.get(root).content.decode()
    assert otto.get(f"{root}/{package.pk}/file").status_code == 404


def test_a_team_of_auditors_is_let_in_until_the_last_day_of_access(org, people, engagement):  # noqa: F811
    client, base = signed_in(people.maya), f"/o/{org.slug}/engagements/{engagement.ref}"
    engagement.refresh_from_db()
    last = engagement.period_end + timedelta(days=30)
    facts = FORM | {
        "title": engagement.title, "period_start": engagement.period_start, "period_end": engagement.period_end,
        "access_ends_on": last, "version": engagement.version,
    }  # fmt: skip
    assert client.post(f"{base}/edit", facts).status_code == 302
    engagement.refresh_from_db()
    assert engagement.access_ends_on == last
    team = teams.found(name="Field team", actor=people.adam)
    teams.take_in(team.pk, person_id=people.otto.person_id, actor=people.adam)
    late = client.post(f"{base}/team-grants", {"team": str(team.pk), "until": last + timedelta(days=1)})
    assert late.status_code == 422 and "last day of access" in late.content.decode()
    assert client.post(f"{base}/team-grants", {"team": str(team.pk), "until": last}).status_code == 302
    held = engagement.team_grants.get()
    assert "Field team" in client.get(base).content.decode()
    auditor = signed_in(people.otto)
    assert auditor.get(f"/o/{org.slug}/audit/{engagement.ref}/").status_code == 200
    assert client.post(f"{base}/team-grants/{held.pk}/revoke").status_code == 302
    assert auditor.get(f"/o/{org.slug}/audit/{engagement.ref}/").status_code == 404


def test_a_team_with_staff_in_it_does_not_read_as_auditors(org, people, engagement):  # noqa: F811
    team = teams.found(name="Response", actor=people.adam)
    teams.take_in(team.pk, person_id=people.vera.person_id, actor=people.adam)
    given = {"team": str(team.pk), "until": engagement.period_end}
    answer = signed_in(people.maya).post(f"/o/{org.slug}/engagements/{engagement.ref}/team-grants", given)
    assert answer.status_code == 409 and "rule G-05" in answer.content.decode()
    assert not engagement.team_grants.exists()
