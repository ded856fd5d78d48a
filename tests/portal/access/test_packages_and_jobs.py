"""What leaves the house and what runs on: packages say how much they leave out, and a job sees what its asker sees."""

from datetime import timedelta

import pytest

from evidence import clock, tenancy
from portal.access import services as access
from portal.engagements import services as engagements
from portal.jobs.models import Job
from portal.jobs.running import DurableJob
from portal.packages import services as packages
from portal.packages.collect import _Reader
from portal.packages.collecting.ground import Ground
from remediation.findings import services as findings
from remediation.findings.models import Finding
from tests.contracts.test_access_matrix import signed_in
from tests.contracts.world import Marked


def acting(someone):
    return tenancy.entered(someone.organization_id, someone.person_id)


@pytest.fixture
def scoped(people):
    """An engagement with an open finding and one that Maya restricted; Ivan owns the second."""
    open_one, kept = Marked(people).until("triaged"), Marked(people)
    kept.reported().triaged(assignee_id=people.ivan.person_id, owner_id=people.ines.person_id)
    today = clock.today()
    made = engagements.create(engagements.Facts("Examination", today - timedelta(days=90), today), actor=people.maya)
    engagements.scope(made.pk, actor=people.maya, findings=[open_one.finding.pk, kept.finding.pk])
    with acting(people.maya):
        findings.restrict(kept.finding.pk, actor=people.maya, reason="Under investigation.")
    return made, open_one.finding, kept.finding


@pytest.mark.parametrize(("confirmed", "told", "left_out"), [(False, 1, 1), (True, 2, 0)])
def test_a_package_tells_a_restricted_finding_only_when_its_preparer_confirms(
    people, scoped, confirmed, told, left_out
):
    with acting(people.maya):
        package = packages.start(scoped[0].pk, actor=people.maya, with_restricted=confirmed)
        ground = Ground(package)
        assert (ground.findings().count(), ground.untold()) == (told, left_out)
        gaps = " ".join(_Reader(package).snapshot(()).scope.gaps)
    assert ("1 finding in scope left out" in gaps or "One finding in scope left out" in gaps) == (left_out == 1)
    assert (scoped[2].ref in gaps) is False


def test_what_the_preparer_is_not_let_in_to_is_counted_even_when_confirmed(people, scoped):
    other = people.edda.__class__(**{**people.edda.__dict__, "rights": people.maya.rights})
    with acting(other):
        package = packages.start(scoped[0].pk, actor=other, with_restricted=True)
        ground = Ground(package)
        assert (ground.findings().count(), ground.untold()) == (1, 1)


def test_a_job_sees_what_its_asker_is_let_in_to_at_that_moment(people, org, scoped):
    """Between two steps of one job an access is taken back: the second step no longer finds it."""
    finding = scoped[2]
    with acting(people.maya):
        grant = access.let_in(
            finding.pk, person_id=people.vera.person_id, valid_until=clock.now() + timedelta(days=3), actor=people.maya,
            reason="She verifies.",
        )  # fmt: skip
    job = Job.objects.create(
        organization=org, kind="bench", state=Job.State.RUNNING, attempts=1, created_by_id=people.vera.person_id,
        created_by_account_id=people.vera.account_id,
    )  # fmt: skip
    work = DurableJob()
    work.job = job
    with work.inside():
        assert Finding.objects.filter(pk=finding.pk).exists()
    with acting(people.maya):
        access.take_back(grant.pk, actor=people.maya)
    with work.inside():
        assert not Finding.objects.filter(pk=finding.pk).exists()
        assert Finding.objects.filter(pk=scoped[1].pk).exists()


def test_a_job_that_nobody_asked_for_sees_all(org, people, scoped):
    work = DurableJob()
    work.job = Job.objects.create(organization=org, kind="sweep", state=Job.State.RUNNING, attempts=1)
    with work.inside():
        assert Finding.objects.count() == 2


def test_through_the_api(people, org, scoped):
    maya, vera = signed_in(people.maya), signed_in(people.vera)
    home = f"/api/v1/organizations/{org.slug}/findings/{scoped[2].ref}/"
    assert vera.get(home).status_code == 404
    body = {"person_id": str(people.vera.person_id), "reason": "She verifies.",
            "valid_until": (clock.now() + timedelta(days=3)).isoformat()}  # fmt: skip
    made = maya.post(f"{home}access/", body, content_type="application/json")
    assert made.status_code == 201, made.content
    assert vera.get(home).json()["is_restricted"] is True
    told = {
        seer["name"]: [reason["kind"] for reason in seer["reasons"]]
        for seer in maya.get(f"{home}access/").json()["results"]
    }
    assert told["Vera Lindholm"] == ["grant"] and "Arun Mehta" not in told
    assert maya.delete(f"{home}access/{made.json()['id']}/").status_code == 200
    assert vera.get(home).status_code == 404
    past = body | {"valid_from": (clock.now() - timedelta(days=3)).isoformat()}
    refused = maya.post(f"{home}access/", past, content_type="application/json")
    assert (refused.status_code, refused.json()["rule"]) == (422, "G-02")
