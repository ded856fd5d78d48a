"""The whole life of a finding through its services, and what stops it on the way."""

from datetime import timedelta

import pytest

from evidence import clock
from evidence.errors import DutyConflict, Invalid, NotAllowed, NotFound, Stale, WrongState
from evidence.ledger.models import Event
from remediation.approvals.models import Request
from remediation.findings import services as findings
from remediation.findings.models import Comment, FindingLink
from remediation.findings.states import State
from remediation.sod.models import Hand
from remediation.tasks import checklist
from remediation.tasks import services as tasks
from tests.remediation.story import Story


def kinds(finding):
    return list(Event.objects.filter(object_id=finding.pk).order_by("object_version").values_list("kind", flat=True))


def test_a_medium_finding_goes_its_whole_way_and_each_step_is_recorded(story):
    finding = story.until("closed").finding
    assert finding.state == State.CLOSED
    assert finding.closed_at and finding.verified_at and finding.remediated_at
    assert finding.design_only
    steps = [kind for kind in kinds(finding) if not kind.startswith(("plan.", "approval.", "finding.evidence"))]
    assert steps == [
        "finding.reported", "finding.triaged", "finding.mapped", "finding.analysed", "finding.planned",
        "finding.remediation_started", "finding.ready_for_verification", "finding.verification_recorded",
        "finding.verified", "finding.closure_asked", "finding.closed",
    ]  # fmt: skip


@pytest.mark.parametrize("severity", ["critical", "high"])
def test_a_severe_finding_needs_its_plan_approved_and_two_people_to_close(people, story, severity):
    story.severity = severity
    story.until("planned")
    assert story.finding.state == State.PLANNED
    story.in_remediation()
    assert story.finding.state == State.IN_REMEDIATION
    story.worked().ready().verified().closure_asked()
    story.decide("finding.close", people.arun)
    assert story.again().finding.state == State.VERIFIED
    story.decide("finding.close", people.alba)
    assert story.again().finding.state == State.CLOSED


def test_the_hands_of_everyone_stay_on_the_cycle(people, story):
    story.until("closed")
    hands = set(Hand.objects.filter(subject_id=story.finding.pk).values_list("person_id", "duty"))
    assert {
        (people.ivan.person_id, "finder"), (people.maya.person_id, "owner"), (people.maya.person_id, "triager"),
        (people.ines.person_id, "implementer"), (people.ines.person_id, "uploader"),
        (people.vera.person_id, "verifier"), (people.arun.person_id, "approver"),
    } == hands  # fmt: skip


def test_triage_needs_a_rationale_an_owner_a_criterion_and_a_search_for_duplicates(people, story):
    story.reported(criteria=[])
    with pytest.raises(Invalid) as refusal:
        findings.triage(
            story.finding.pk, actor=people.maya, severity="high", rationale=" ", owner_id=None,
            duplicates_searched=False,
        )  # fmt: skip
    assert set(refusal.value.fields) == {"rationale", "owner", "criteria", "duplicates_searched"}
    assert kinds(story.finding) == ["finding.reported"]
    assert story.again().finding.state == State.REPORTED


def test_an_engineer_cannot_triage(people, story):
    story.reported()
    with pytest.raises(NotAllowed):
        findings.triage(
            story.finding.pk, actor=people.ines, severity="high", rationale="Because", duplicates_searched=True,
            owner_id=people.maya.person_id,
        )  # fmt: skip


def test_an_unknown_finding_is_not_found(people, story):
    with pytest.raises(NotFound):
        findings.reopen(people.maya.person_id, actor=people.maya, reason="It is back.")


def test_a_stale_version_changes_nothing(people, story):
    story.until("triaged")
    with pytest.raises(Stale):
        findings.reassign(story.finding.pk, actor=people.maya, assignee_id=people.ivan.person_id, expected_version=1)
    assert story.again().finding.assignee_id == people.ines.person_id


def test_only_owner_or_assignee_write_the_root_cause(people, story):
    story.until("triaged")
    with pytest.raises(NotAllowed):
        findings.analyse(
            story.finding.pk, actor=people.ivan, root_cause_class="people", root_cause="x", scope_check="y"
        )


def test_the_plan_needs_a_success_test_and_a_task_that_ends_in_time(people, story):
    story.until("analysed")
    tasks.draft_plan(story.finding.pk, actor=people.maya, text="Do it.")
    with pytest.raises(Invalid, match="not complete"):
        tasks.submit_plan(story.finding.pk, actor=people.maya)
    plan = story.finding.plans.get()
    tasks.edit_plan(plan.pk, actor=people.maya, text="Do it.", success_test="Nobody gets in.")
    with pytest.raises(Invalid, match="no task"):
        tasks.submit_plan(story.finding.pk, actor=people.maya)
    late = story.finding.current_due_at.date() + timedelta(days=2)
    tasks.add(story.finding.pk, actor=people.maya, title="Too late", due_on=late)
    with pytest.raises(Invalid, match="due after the finding"):
        tasks.submit_plan(story.finding.pk, actor=people.maya)


def test_a_success_test_stands_once_work_began(people, story):
    story.until("in_remediation")
    plan = story.finding.plans.get()
    with pytest.raises(WrongState):
        tasks.edit_plan(plan.pk, actor=people.maya, text="Other", success_test="Easier")


def test_a_plan_that_changes_after_it_was_submitted_must_be_submitted_again(people, story):
    story.severity = "high"
    story.until("planned")
    plan = story.finding.plans.get()
    tasks.edit_plan(plan.pk, actor=people.maya, text="Something else.", success_test="The same.")
    assert Request.objects.get(action="finding.approve_plan").state == "void"
    tasks.submit_plan(story.finding.pk, actor=people.maya)
    story.in_remediation()
    assert story.finding.state == State.IN_REMEDIATION


def test_a_refused_plan_goes_back_and_can_be_submitted_again(people, story):
    story.severity = "high"
    story.until("planned")
    story.decide("finding.approve_plan", people.arun, "reject")
    assert story.again().finding.state == State.PLANNED
    assert story.finding.plans.get().state == "refused"
    tasks.submit_plan(story.finding.pk, actor=people.maya)
    assert story.in_remediation().finding.state == State.IN_REMEDIATION


def test_nobody_hands_over_a_fix_that_is_not_whole(people, story):
    story.until("in_remediation")
    with pytest.raises(Invalid) as refusal:
        tasks.ready(story.finding.pk, actor=people.ines)
    assert set(refusal.value.fields) == {"tasks", "evidence"}


def test_a_change_of_production_names_ticket_pull_request_and_deployment(people, story):
    story.reported().triaged().analysed().planned(changes_production=True, owed=()).in_remediation()
    tasks.start(story.task.pk, actor=people.ines)
    with pytest.raises(Invalid) as refusal:
        tasks.submit(story.task.pk, actor=people.ines)
    assert set(refusal.value.fields) == {"change_ticket", "pull_request", "deploy"}
    tasks.refer_to_change(
        story.task.pk, actor=people.ines, change_ticket="CHG-1", pull_request="acme/crm#12", deploy="2026-11-20 #88"
    )
    assert tasks.submit(story.task.pk, actor=people.ines).state == "submitted"


def test_a_task_comes_back_with_words_and_goes_again(people, story):
    story.until("in_remediation")
    tasks.start(story.task.pk, actor=people.ines)
    tasks.attach_evidence(
        story.evidence().pk, actor=people.ines, task_id=story.task.pk, owed_id=story.task.owed.get().pk
    )
    tasks.submit(story.task.pk, actor=people.ines)
    with pytest.raises(Invalid):
        tasks.give_back(story.task.pk, actor=people.maya, words="")
    tasks.give_back(story.task.pk, actor=people.maya, words="The export has no run date.")
    assert tasks.submit(story.task.pk, actor=people.ines).state == "submitted"
    assert [note.kind for note in story.task.notes.order_by("at", "id")] == ["submitted", "returned", "submitted"]


def test_nobody_accepts_their_own_task(org, people, story):
    story.reported().triaged().analysed().drafted()
    tasks.assign(story.task.pk, actor=people.maya, assignee_id=people.maya.person_id)
    assert story.task.owed.count() == 1
    story.task.refresh_from_db()
    with pytest.raises(DutyConflict):
        tasks.accept(story.task.pk, actor=people.maya)


@pytest.mark.parametrize("who", ["ines", "maya"])
def test_whoever_worked_or_owned_cannot_verify(people, story, who, monkeypatch):
    story.until("ready")
    actor = getattr(people, who)
    monkeypatch.setattr(type(actor), "may", lambda self, permission, obj=None: True)
    with pytest.raises(DutyConflict):
        tasks.verify(story.finding.pk, actor=actor, test_result="Fine.", answers=dict.fromkeys(checklist.KEYS, "yes"))
    assert story.again().finding.state == State.READY_FOR_VERIFICATION


def test_a_verifier_who_brought_a_newer_version_of_the_evidence_is_refused(people, story):
    import io

    from evidence.artifacts import services as artifacts
    from evidence.artifacts.models import Artifact
    from evidence.intake import services as intake

    story.until("ready")
    artifact = Artifact.objects.get()
    received = intake.take(
        io.BytesIO(b"week,leavers\nW12,0\nW13,0\n"), filename="weeks.csv", limit_bytes=10**6,
        organization_id=people.vera.organization_id,
    )  # fmt: skip
    allowed = _with(people.vera, "evidence.upload")
    artifacts.add_version(artifact.pk, received, version=artifact.version, actor=allowed)
    with pytest.raises(DutyConflict, match="uploaded the closing evidence"):
        story.verified()


def _with(actor, *permissions):
    from dataclasses import replace

    class Rights:
        def has_perm(self, perm, obj=None):
            return perm in permissions

    return replace(actor, rights=Rights())


def test_a_verification_answers_every_question(people, story):
    story.until("ready")
    with pytest.raises(Invalid) as refusal:
        tasks.verify(story.finding.pk, actor=people.vera, test_result="", answers={"relevant": "yes"})
    assert set(refusal.value.fields) == {"test_result", "checklist"}
    short = {**dict.fromkeys(checklist.KEYS, "yes"), "complete": "no"}
    with pytest.raises(Invalid, match="not complete"):
        tasks.verify(story.finding.pk, actor=people.vera, test_result="Fine", answers=short)


def test_a_verifier_returns_work_with_words(people, story):
    story.until("ready")
    tasks.return_to_work(
        story.finding.pk, actor=people.vera, reason="The sample misses March.", task_ids=[story.task.pk]
    )
    assert story.again().finding.state == State.IN_REMEDIATION
    story.task.refresh_from_db()
    assert story.task.state == "returned"
    tasks.submit(story.task.pk, actor=people.ines)
    tasks.accept(story.task.pk, actor=people.maya)
    story.ready().verified()
    assert story.finding.state == State.VERIFIED


def test_fixed_is_not_yet_operating(people, story):
    story.until("verified")
    with pytest.raises(Invalid, match="operates"):
        tasks.request_closure(story.finding.pk, actor=people.maya)


def test_new_evidence_versions_void_a_closure_request(people, story):
    story.until("closure_asked")
    with pytest.raises(WrongState):
        tasks.attach_evidence(story.evidence(data=b"more\n").pk, actor=people.ines, finding_id=story.finding.pk)


def test_reopening_starts_a_new_cycle_and_old_approvals_count_no_more(people, story):
    story.until("closed")
    findings.reopen(story.finding.pk, actor=people.vera, reason="A leaver logged in again.")
    story.again()
    assert (story.finding.state, story.finding.cycle) == (State.TRIAGED, 2)
    assert story.finding.closed_at is None and story.finding.root_cause == ""
    findings.reassign(story.finding.pk, actor=people.maya, assignee_id=people.ines.person_id)
    story.again().analysed().planned().in_remediation().worked().ready().verified()
    assert story.finding.state == State.VERIFIED
    assert Request.objects.filter(action="finding.close", state="granted", cycle=1).exists()
    with pytest.raises(WrongState):
        findings.reopen(story.finding.pk, actor=people.vera, reason="Not closed")


def test_reopening_within_90_days_keeps_the_clock_and_later_starts_it_anew(people, story):
    story.until("closed")
    due = story.finding.current_due_at
    with clock.at(clock.now() + timedelta(days=89)):
        findings.reopen(story.finding.pk, actor=people.vera, reason="It is back.")
    assert story.again().finding.current_due_at == due


def test_reopening_after_90_days_starts_the_clock_anew(people, story):
    story.until("closed")
    later = clock.now() + timedelta(days=91)
    with clock.at(later):
        findings.reopen(story.finding.pk, actor=people.vera, reason="It is back.")
    assert story.again().finding.clock_started_at == later
    assert story.finding.current_due_at > later


def test_a_rejection_is_proposed_and_confirmed_by_another(people, story):
    story.reported()
    with pytest.raises(Invalid):
        findings.propose_rejection(story.finding.pk, actor=people.maya, kind="false_positive", reason="No such page")
    findings.propose_rejection(
        story.finding.pk, actor=people.maya, kind="false_positive", reason="No such page.", proof="Ticket 12 shows it."
    )
    assert story.again().finding.state == State.REPORTED
    story.grant("finding.reject")
    assert story.finding.state == State.REJECTED


def test_a_duplicate_points_at_a_live_finding(people, story):
    first = story.until("triaged").finding
    second = Story(people).reported()
    findings.mark_duplicate(second.finding.pk, first.pk, actor=people.maya, reason="The same logins.")
    second.grant("finding.reject")
    assert second.finding.duplicate_of_id == first.pk
    assert FindingLink.objects.get().other_id == first.pk
    third = Story(people).reported()
    with pytest.raises(Invalid):
        findings.mark_duplicate(third.finding.pk, second.finding.pk, actor=people.maya, reason="The same.")


def test_a_refused_rejection_leaves_the_finding_where_it_was(people, story):
    story.reported()
    findings.propose_rejection(
        story.finding.pk, actor=people.maya, kind="out_of_scope", reason="Not ours.", proof="The contract."
    )
    story.decide("finding.reject", people.arun, "reject")
    assert story.again().finding.state == State.REPORTED
    assert story.finding.proposals.get().outcome == "refused"


def test_a_rejected_finding_without_owner_is_reopened_with_one(people, story):
    story.reported()
    findings.propose_rejection(
        story.finding.pk, actor=people.maya, kind="out_of_scope", reason="Not ours.", proof="The contract."
    )
    story.grant("finding.reject")
    with pytest.raises(Invalid):
        findings.reopen(story.finding.pk, actor=people.maya, reason="It is ours.")
    findings.reopen(story.finding.pk, actor=people.maya, reason="It is ours.", owner_id=people.maya.person_id)
    assert story.again().finding.state == State.TRIAGED


def test_a_rise_of_severity_counts_at_once_and_keeps_the_clock(people, story):
    story.until("triaged")
    detected = story.finding.clock_started_at
    findings.change_severity(story.finding.pk, actor=people.maya, severity="critical", rationale="It is exploited.")
    story.again()
    assert story.finding.severity == "critical" and story.finding.original_severity == "medium"
    assert (story.finding.current_due_at - detected).days in (15, 16)


def test_a_cut_of_severity_is_decided_by_another(people, story):
    story.until("triaged")
    findings.change_severity(story.finding.pk, actor=people.maya, severity="low", rationale="Only a sandbox.")
    assert story.again().finding.severity == "medium"
    story.grant("finding.change_severity")
    assert story.finding.severity == "low"
    assert story.finding.current_due_at == story.finding.due_at


def test_a_change_of_severity_voids_the_approval_of_the_plan(people, story):
    story.severity = "high"
    story.until("worked")
    findings.change_severity(story.finding.pk, actor=people.maya, severity="critical", rationale="It is exploited.")
    with pytest.raises(Invalid) as refusal:
        tasks.ready(story.finding.pk, actor=people.ines)
    assert "plan" in refusal.value.fields
    tasks.submit_plan(story.finding.pk, actor=people.maya)
    story.grant("finding.approve_plan")
    assert story.ready().finding.state == State.READY_FOR_VERIFICATION


def test_a_due_date_moves_by_a_decision_and_the_original_stays(people, story):
    story.until("triaged")
    due = story.finding.due_at
    day = due.date() + timedelta(days=20)
    findings.move_due(story.finding.pk, actor=people.maya, due_on=day, reason="The vendor ships in May.")
    assert story.again().finding.current_due_at == due
    story.grant("finding.move_due")
    assert (story.finding.current_due_at.date(), story.finding.due_at) == (day, due)


def test_late_reassignment_is_a_request(people, story):
    story.until("ready")
    findings.reassign(
        story.finding.pk, actor=people.maya, assignee_id=people.ivan.person_id, reason="Ines is on leave."
    )
    assert story.again().finding.assignee_id == people.ines.person_id
    story.grant("finding.reassign")
    assert story.finding.assignee_id == people.ivan.person_id


def test_narrowing_the_scope_is_a_request_and_voids_the_plan(people, story):
    story.severity = "high"
    story.reported(criteria=["CC6.2", "CC6.3"]).triaged().analysed().planned().in_remediation()
    findings.narrow_scope(story.finding.pk, actor=people.maya, criteria=["CC6.3"], reason="It was never about roles.")
    story.grant("finding.narrow_scope")
    assert [row.criterion_id for row in story.finding.criterion_rows.all()] == ["CC6.2"]
    assert Request.objects.get(action="finding.approve_plan").state == "void"


def test_a_known_exploited_weakness_is_reported_as_critical(story):
    assert story.reported(kev=True, severity="low").finding.severity == "critical"


def test_comments_and_links_are_kept(people, story):
    first = story.until("triaged").finding
    other = Story(people).reported().finding
    findings.comment(first.pk, actor=people.ines, body="Look at the SSO log.", internal=False)
    findings.link(first.pk, other.pk, actor=people.ines)
    findings.link(first.pk, other.pk, actor=people.ines)
    assert Comment.objects.get().body == "Look at the SSO log."
    assert FindingLink.objects.count() == 1
    with pytest.raises(Invalid):
        findings.link(first.pk, first.pk, actor=people.ines)


def test_silence_of_a_scanner_proposes_and_closes_nothing(people, story):
    story.until("triaged")
    assert findings.propose_fixed([story.finding.pk], actor=people.maya) == 1
    assert findings.propose_fixed([story.finding.pk], actor=people.maya) == 0
    assert story.again().finding.state == State.TRIAGED
    findings.still_there(story.finding.pk, actor=people.maya, reason="Seen by hand.")
    assert story.again().finding.proposed_fixed_at is None


def test_a_draft_is_completed_before_it_is_reported(people, story):
    finding = findings.draft(actor=people.ines, title="Guest user reads records")
    with pytest.raises(Invalid) as refusal:
        findings.report_draft(finding.pk, actor=people.ines)
    assert set(refusal.value.fields) == {"asset"}
    findings.edit_draft(
        finding.pk, actor=people.ines, title="Guest user reads records", asset="Experience site", severity="high",
        detected_at=clock.now(), criteria=["CC6.1"],
    )  # fmt: skip
    assert findings.report_draft(finding.pk, actor=people.ines).state == State.REPORTED


def test_public_numbers_run_on(people):
    refs = [Story(people).reported().finding.ref for _ in range(3)]
    assert refs == ["F-001", "F-002", "F-003"]
