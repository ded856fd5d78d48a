"""Who is told about a package, once each: the preparer, the auditors it was released to; and that no letter carries content."""

from datetime import timedelta

import pytest

from evidence import clock
from evidence.organizations.models import Organization
from portal.access import teams
from portal.engagements import services as engagements
from portal.jobs.models import Job
from portal.notifications import packages
from portal.notifications.models import Notice
from portal.notifications.rules import RULES
from portal.packages.links import releasing
from portal.packages.models import Package
from tests.portal.packages.sealed_once import *  # noqa: F403


def told(org):
    """(what, ref, e-mail addresses) of each notice, oldest first."""
    return [
        (one.data["what"], one.data["ref"], sorted(one.deliveries.values_list("account__email", flat=True)))
        for one in Notice.objects.filter(organization=org, rule="packages").order_by("id")
    ]


def mail(*names):
    return sorted(f"{name}@lumenroll.example" for name in names)


def test_the_preparer_is_told_of_each_seal_once(org, package):
    assert packages.tell_about_packages(org.pk) == 2
    assert packages.tell_about_packages(org.pk) == 0
    assert {(what, tuple(who)) for what, _, who in told(org)} == {("sealed", tuple(mail("maya")))}


def test_auditors_are_told_once_it_is_theirs_alone_or_with_their_team(org, people, package):
    packages.tell_about_packages(org.pk)
    until = clock.now() + timedelta(days=3)
    engagements.grant(package.engagement_id, account_id=people.otto.account_id, valid_until=until, actor=people.maya)
    packages.tell_about_packages(org.pk)
    assert len(told(org)) == 2, "sealed is not yet released"
    releasing.release(package.pk, actor=people.maya)
    assert packages.tell_about_packages(org.pk) == 1
    assert told(org)[-1] == ("released", f"{package.ref}, issue {package.issue}", mail("otto"))


def test_a_team_of_auditors_is_told_by_its_members(org, people, package):
    team = teams.found(name="Field team", actor=people.adam)
    teams.take_in(team.pk, person_id=people.otto.person_id, actor=people.adam)
    engagements.grant_team(
        package.engagement_id, team_id=team.pk, valid_until=clock.now() + timedelta(days=3), actor=people.maya
    )
    releasing.release(package.pk, actor=people.maya)
    packages.tell_about_packages(org.pk)
    assert told(org)[-1][2] == mail("otto")


def test_who_asked_for_a_build_is_told_that_it_failed(org, people, package):
    packages.tell_about_packages(org.pk)
    job = Job.objects.create(
        organization=org, kind="packages.build", state="failed", ended_at=clock.now(), error="Secret words of a row.",
        created_by_id=people.arun.person_id,
    )  # fmt: skip
    Package.objects.create(
        organization=org, ref="PKG-0009", number=9, issue=1, change="First issue", engagement=package.engagement,
        title="Secret title", prepared_by_id=people.maya.person_id, job=job,
    )  # fmt: skip
    assert packages.tell_about_packages(org.pk) == 1
    assert told(org)[-1] == ("failed", "PKG-0009, issue 1", mail("arun", "maya"))
    notice = Notice.objects.order_by("-id")[0]
    said = RULES["packages"].letter(org, notice.data)
    assert "Secret" not in said.subject + said.text and "SHA-256" not in said.text


def test_a_letter_names_place_and_hash_and_nothing_of_the_package(org, package):
    packages.tell_about_packages(org.pk)
    notice = next(one for one in Notice.objects.filter(rule="packages") if one.data["ref"].endswith("issue 2"))
    said = RULES["packages"].letter(org, notice.data)
    assert package.sha256 in said.text and f"/o/{org.slug}/packages/{package.pk}" in said.text
    assert package.title not in said.subject + said.text


def test_what_lies_a_week_back_is_no_news(org, package):
    with clock.at(clock.now() + packages.NEWS_FOR + timedelta(hours=1)):
        assert packages.tell_about_packages(org.pk) == 0


def test_the_sample_has_no_one_to_tell(org, monkeypatch):
    sample = Organization.objects.create(slug="sample", name="Sample", is_sample=True)
    monkeypatch.setattr(packages, "_news", lambda *_: pytest.fail("its packages were looked at"))
    assert packages.tell_about_packages(sample.pk) == 0
