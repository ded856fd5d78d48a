"""A manager sees what a colleague sees: by reading alone, for a quarter of an hour, and it is kept."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.utils import DatabaseError

from evidence import clock, tenancy
from evidence.errors import DutyConflict, NotAllowed
from evidence.ledger.models import Event
from portal.access import services as access
from portal.accounts import viewing
from portal.accounts.models import Viewing
from remediation.findings import services as findings
from remediation.findings.models import Finding
from tests.contracts.test_access_matrix import signed_in
from tests.contracts.world import Marked
from tests.people import give


@pytest.fixture
def maya(people, org):
    """Maya's browser, looking through the eyes of Ines."""
    client = signed_in(people.maya)
    client.post(f"/o/{org.slug}/settings/people/{people.ines.person_id}/view-as", {"reason": "She sees no tasks."})
    return client


def test_it_shows_the_colleagues_pages_under_a_banner(maya, people, org):
    Marked(people).until("in_remediation")
    page = maya.get(f"/o/{org.slug}/me")
    assert page.status_code == 200
    assert b"You see what Ines Duarte sees" in page.content
    assert b"Switch on SCIM" in page.content
    assert maya.get(f"/o/{org.slug}/triage").status_code == 404, "an engineer has no triage inbox"


def test_nothing_can_be_done_in_the_others_name(maya, people, org):
    story = Marked(people).until("triaged")
    before, said = Event.objects.count(), story.finding.comments.count()
    home = f"/o/{org.slug}/findings/{story.finding.ref}"
    answer = maya.post(f"{home}/do/comment", {"body": "As Ines."})
    assert answer.status_code == 403
    assert b"through somebody else" in answer.content
    assert Event.objects.count() == before
    assert story.finding.comments.count() == said


def test_the_connection_can_only_read(people, org):
    with tenancy.reading_as_auditor(), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        Finding.objects.update(title="x")


def test_what_is_restricted_shows_only_when_both_are_let_in(maya, people, org):
    story = Marked(people)
    story.reported().triaged(owner_id=people.ivan.person_id)
    home = f"/o/{org.slug}/findings/{story.finding.ref}"
    assert maya.get(home).status_code == 200
    with tenancy.entered(org.pk, people.edda.person_id):
        edda = people.edda.__class__(**{**people.edda.__dict__, "rights": people.maya.rights})
        findings.restrict(story.finding.pk, actor=edda, reason="Under investigation.")
    assert maya.get(home).status_code == 404, "Ines works on it, and Maya is not let in"
    with tenancy.entered(org.pk, people.edda.person_id):
        access.let_in(
            story.finding.pk, person_id=people.maya.person_id, actor=edda, reason="Now she is.",
            valid_until=clock.now() + timedelta(days=2),
        )  # fmt: skip
    assert maya.get(home).status_code == 200


def test_it_is_kept_at_its_start_and_its_end(maya, people, org):
    assert Event.objects.get(kind="viewing.started").actor_person_id == people.maya.person_id
    assert maya.post(f"/o/{org.slug}/viewing/end").status_code == 302
    assert Event.objects.get(kind="viewing.ended").actor_person_id == people.maya.person_id
    page = maya.get(f"/o/{org.slug}/triage")
    assert page.status_code == 200 and b"You see what" not in page.content


def test_it_ends_by_itself_after_a_quarter_of_an_hour(maya, people, org):
    Viewing.objects.get()
    with clock.at(clock.now() + timedelta(minutes=14)):
        assert b"You see what" in maya.get(f"/o/{org.slug}/findings").content
    with clock.at(clock.now() + timedelta(minutes=16)):
        assert viewing.end_overdue(org.pk) == 1
        assert Event.objects.get(kind="viewing.ended").actor_system == "viewing"
    assert b"You see what" not in maya.get(f"/o/{org.slug}/triage").content


def test_it_ends_with_the_viewers_own_role(maya, people, org):
    from portal.accounts.models import Membership

    Membership.objects.filter(person_id=people.maya.person_id).update(ended_at=clock.now())
    join = give(org, people.maya.person_id, "engineer")
    assert b"You see what" not in maya.get(f"/o/{org.slug}/findings").content
    assert join.role == "engineer" and not Viewing.objects.filter(ended_at=None).exists()


@pytest.mark.rule("V-01", by="python")
@pytest.mark.parametrize("who", ["maya", "adam", "otto"])
def test_not_through_the_eyes_of(people, who):
    with pytest.raises(DutyConflict) as refused:
        viewing.start(getattr(people, who).person_id, actor=people.maya, reason="To see.")
    assert refused.value.rule == "V-01"
    assert not Viewing.objects.exists()


def test_only_a_manager_looks_through_others_eyes(people):
    with pytest.raises(NotAllowed):
        viewing.start(people.ines.person_id, actor=people.arun, reason="To see.")


@pytest.mark.rule("V-02", "V-03", by="python")
def test_the_service_sets_the_end_and_ends_one_once(people):
    made = viewing.start(people.ines.person_id, actor=people.maya, reason="To see.")
    assert made.ends_at - made.started_at == timedelta(minutes=15)
    ended = viewing.end(made.pk, actor=people.maya).ended_at
    assert viewing.end(made.pk, actor=people.maya).ended_at == ended


def row(people, **changes):
    now = clock.now()
    given = {
        "organization_id": people.maya.organization_id, "viewer_id": people.maya.person_id, "reason": "To see.",
        "account_id": people.maya.account_id, "person_id": people.ines.person_id, "started_at": now,
        "ends_at": now + timedelta(minutes=15),
    }  # fmt: skip
    with transaction.atomic():
        return Viewing.objects.create(**given | changes)


@pytest.mark.rule("V-01", by="database")
def test_the_database_knows_through_whose_eyes(people):
    for someone in (people.maya, people.adam, people.otto):
        with pytest.raises(DatabaseError, match=r"\[V-01\]"):
            row(people, person_id=someone.person_id)


@pytest.mark.rule("V-02", by="database")
def test_the_database_knows_how_long(people):
    with pytest.raises(DatabaseError, match=r"\[V-02\]"):
        row(people, ends_at=clock.now() + timedelta(hours=1))


@pytest.mark.rule("V-03", by="database")
def test_the_database_keeps_what_was(people):
    row(people)
    with pytest.raises(DatabaseError, match=r"\[V-03\]"), transaction.atomic():
        Viewing.objects.update(ends_at=clock.now() + timedelta(hours=1))
