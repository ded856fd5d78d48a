"""A restricted finding and all that hangs on it is there for those let in, and for nobody else, in every table."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from evidence import clock, tenancy
from evidence.artifacts.models import Artifact, ArtifactLink, ArtifactVersion
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, WrongState
from evidence.ledger.models import Event, EventText
from portal.access import services as access
from portal.access.models import FindingGrant
from remediation.approvals.models import Request
from remediation.findings import queries
from remediation.findings import services as findings
from remediation.findings.models import Comment, Finding, FindingCriterion, Occurrence, Restriction
from remediation.sod.models import Hand
from remediation.tasks.models import OwedItem, Plan, Task, Verification
from tests.contracts.world import Marked

IN_A_MONTH = timedelta(days=30)


@pytest.fixture
def story(people):
    told = Marked(people).until("closure_asked")
    findings.comment(told.finding.pk, actor=people.maya, body="The attacker used a shared key.")
    with acting(people.maya):
        findings.restrict(told.finding.pk, actor=people.maya, reason="An investigation is under way.")
    return told


def acting(someone):
    """Inside the organization as this person, as their request would be."""
    return tenancy.entered(someone.organization_id, someone.person_id)


def seen_by(actor, finding):
    """What each table shows this person of the finding."""
    with acting(actor):
        return rows_of(finding)


def rows_of(finding):
    tasks = Task.objects.filter(finding_id=finding.pk)
    of_it = {"finding_id": finding.pk}
    return {
        "finding": Finding.objects.filter(pk=finding.pk).count(),
        "restriction": Restriction.objects.filter(**of_it).count(),
        "comment": Comment.objects.filter(**of_it).count(),
        "criterion": FindingCriterion.objects.filter(**of_it).count(),
        "plan": Plan.objects.filter(**of_it).count(),
        "task": tasks.count(),
        "owed": OwedItem.objects.count(),
        "verification": Verification.objects.filter(**of_it).count(),
        "request": Request.objects.filter(subject_id=finding.pk).count(),
        "hand": Hand.objects.filter(subject_id=finding.pk).count(),
        "event": Event.objects.filter(object_id=finding.pk).count(),
        "words": EventText.objects.filter(event__object_id=finding.pk).count(),
        "link": ArtifactLink.objects.count(),
        "artifact": Artifact.objects.count(),
        "version": ArtifactVersion.objects.count(),
    }


class TestWhoSees:
    def test_owner_implementer_and_who_restricted_it_see_all(self, people, story):
        with tenancy.entered(people.maya.organization_id, system=True):
            everything = rows_of(story.finding)
        assert all(everything.values()), everything
        for someone in (people.maya, people.ines):
            assert seen_by(someone, story.finding) == everything

    @pytest.mark.parametrize("who", ["vera", "arun", "alba", "edda", "adam", "ivan", "otto"])
    def test_others_find_no_row_in_any_table(self, people, story, who):
        assert not any(seen_by(getattr(people, who), story.finding).values())

    def test_nobody_in_particular_sees_nothing(self, people, story):
        with tenancy.entered(people.maya.organization_id):
            assert not any(rows_of(story.finding).values())

    def test_the_auditors_role_is_held_to_it_as_well(self, people, story):
        with acting(people.otto), tenancy.reading_as_auditor():
            assert not any(rows_of(story.finding).values())

    def test_a_finding_that_is_not_restricted_is_there_for_all(self, people, story):
        other = Marked(people).until("triaged")
        for who in ("vera", "edda"):
            assert seen_by(getattr(people, who), other.finding)["finding"] == 1

    def test_evidence_that_serves_something_else_too_stays(self, people, story):
        with tenancy.entered(people.maya.organization_id, system=True):
            shared = Artifact.objects.get()
            other = Marked(people).until("in_remediation")
            ArtifactLink.objects.create(
                organization_id=shared.organization_id, artifact=shared, target_type="findings.finding",
                target_id=other.finding.pk, linked_by_id=people.maya.person_id,
            )  # fmt: skip
        with acting(people.vera):
            assert Artifact.objects.filter(pk=shared.pk).exists()
            assert ArtifactLink.objects.filter(artifact=shared).count() == 1

    def test_search_counts_and_pages_leave_it_out(self, people, story):
        with acting(people.vera):
            assert queries.page(people.vera, queries.Filters(text="Leavers")).rows == []
            assert queries.count(people.vera).number == 0
            with pytest.raises(NotFound):
                queries.find(people.vera, story.finding.ref)
        with acting(people.maya):
            [row] = queries.page(people.maya, queries.Filters(text="Leavers")).rows
            assert row.is_restricted


class TestLettingIn:
    def let_in(self, people, story, who=None, **given):
        given = {"valid_until": clock.now() + IN_A_MONTH, "reason": "She verifies the fix."} | given
        who = who or people.vera
        with acting(people.maya):
            return access.let_in(story.finding.pk, person_id=who.person_id, actor=people.maya, **given)

    def test_who_is_let_in_sees_it_until_it_is_taken_back(self, people, story):
        grant = self.let_in(people, story)
        assert seen_by(people.vera, story.finding)["finding"] == 1
        assert seen_by(people.arun, story.finding)["finding"] == 0
        with acting(people.maya):
            access.take_back(grant.pk, actor=people.maya, reason="Done.")
        assert seen_by(people.vera, story.finding)["finding"] == 0

    def test_it_holds_between_its_dates_alone(self, people, story):
        self.let_in(people, story, valid_from=clock.now() + timedelta(days=1))
        assert seen_by(people.vera, story.finding)["finding"] == 0

    def test_an_inactive_account_is_let_in_nowhere(self, people, story):
        grant = self.let_in(people, story)
        type(grant.user).objects.filter(pk=grant.user_id).update(is_active=False)
        assert seen_by(people.vera, story.finding)["finding"] == 0

    def test_letting_in_is_in_the_history_of_the_finding(self, people, story):
        self.let_in(people, story)
        with acting(people.maya):
            event = Event.objects.get(kind="finding.let_in")
            assert event.object_id == story.finding.pk
            assert EventText.objects.get(event=event, field="reason").text == "She verifies the fix."

    @pytest.mark.rule("G-01", by="python")
    def test_nobody_lets_themselves_in(self, people, story):
        with pytest.raises(DutyConflict) as refused:
            self.let_in(people, story, people.maya)
        assert refused.value.rule == "G-01"

    @pytest.mark.rule("G-02", by="python")
    def test_a_grant_is_not_backdated(self, people, story):
        with pytest.raises(Invalid) as refused:
            self.let_in(people, story, valid_from=clock.now() - timedelta(days=1))
        assert refused.value.rule == "G-02"

    @pytest.mark.rule("G-03", by="python")
    def test_a_grant_does_not_end_before_it_begins(self, people, story):
        with pytest.raises(Invalid) as refused:
            self.let_in(people, story, valid_until=clock.now() - timedelta(minutes=1))
        assert refused.value.rule == "G-03"

    @pytest.mark.rule("G-07", by="python")
    def test_only_who_sees_it_lets_others_in(self, people, story, org):
        other = replace(people.maya, person_id=people.edda.person_id, account_id=people.edda.account_id)
        with acting(other), pytest.raises(NotFound):
            access.let_in(
                story.finding.pk, person_id=people.vera.person_id, actor=other, reason="Why not.",
                valid_until=clock.now() + IN_A_MONTH,
            )  # fmt: skip
        with acting(people.ivan):
            assert not FindingGrant.objects.exists()

    def test_who_is_let_in_without_the_right_lets_nobody_in(self, people, story, org):
        self.let_in(people, story)
        with acting(people.vera), pytest.raises(NotAllowed):
            access.let_in(
                story.finding.pk, person_id=people.arun.person_id, actor=people.vera, reason="Also.",
                valid_until=clock.now() + IN_A_MONTH,
            )  # fmt: skip

    def test_only_a_role_that_reads_findings_can_be_let_in(self, people, story):
        with pytest.raises(Invalid, match="role reads no findings"):
            self.let_in(people, story, people.adam)

    def test_what_is_not_restricted_needs_nobody_let_in(self, people):
        open_one = Marked(people).until("triaged")
        with pytest.raises(WrongState):
            self.let_in(people, open_one)


class TestRestricting:
    def test_only_a_manager_restricts(self, people):
        told = Marked(people).until("triaged")
        with pytest.raises(NotAllowed):
            findings.restrict(told.finding.pk, actor=people.ines, reason="No.")

    def test_it_needs_a_reason(self, people):
        told = Marked(people).until("triaged")
        with acting(people.maya), pytest.raises(Invalid):
            findings.restrict(told.finding.pk, actor=people.maya, reason=" ")
        assert not Finding.objects.get(pk=told.finding.pk).is_restricted

    def test_lifting_it_shows_it_to_all_again(self, people, story):
        with acting(people.maya):
            findings.lift_restriction(story.finding.pk, actor=people.maya, reason="The investigation is over.")
        assert seen_by(people.arun, story.finding)["finding"] == 1

    def test_the_mark_and_the_restriction_never_part(self, people, story):
        with tenancy.entered(people.maya.organization_id, system=True), connection.cursor() as cursor:
            for statement in (
                "UPDATE findings_finding SET is_restricted = false WHERE id = %s",
                "DELETE FROM findings_restriction WHERE finding_id = %s",
            ):
                with pytest.raises(DatabaseError), transaction.atomic():
                    cursor.execute(statement, [story.finding.pk])

    def test_who_is_not_let_in_cannot_change_it_by_sql(self, people, story):
        with acting(people.arun), connection.cursor() as cursor:
            cursor.execute("UPDATE findings_finding SET title = 'x' WHERE id = %s", [story.finding.pk])
            assert cursor.rowcount == 0
            with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
                Comment.objects.create(
                    organization_id=people.arun.organization_id, finding_id=story.finding.pk, body="Seen.",
                    author_id=people.arun.person_id,
                )  # fmt: skip


def test_importing_it_again_finds_the_same_weakness(people, org):
    import io

    from remediation.importers import services as importers
    from tests.contracts.world import sarif

    importers.run_import(io.BytesIO(sarif("", "one")), actor=people.maya, name="scan.sarif")
    [finding] = Finding.objects.all()
    with acting(people.maya):
        findings.restrict(finding.pk, actor=people.maya, reason="Not for everybody.")
    with acting(people.edda):
        assert not Finding.objects.exists()
        other = replace(people.edda, rights=people.maya.rights)
        _, counts = importers.run_import(io.BytesIO(sarif("", "one", "two")), actor=other, name="scan.sarif")
        assert counts.outcomes["created"] == 1
        assert list(Finding.objects.values_list("rule_id", flat=True)) == ["two"]
        assert not Occurrence.objects.filter(finding=finding).exists()
    with acting(people.maya):
        assert Occurrence.objects.filter(finding=finding).count() == 2
