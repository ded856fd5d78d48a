"""Everything that can be done to a finding from its page: one form and one service each."""

from typing import Any
from uuid import UUID

from django import forms

from evidence.actors import Actor
from evidence.artifacts.models import Artifact
from evidence.controls.models import Control
from evidence.errors import Invalid
from portal.access import queries as access_queries
from portal.access import services as access
from portal.web.acts import Act, ActForm, people_choices, person, tokens
from remediation.approvals import queries as approvals
from remediation.findings import queries as finding_queries
from remediation.findings import services as findings
from remediation.findings.models import Finding
from remediation.findings.services.restriction import may_keep
from remediation.findings.states import (
    OPEN,
    UNTRIAGED,
    AuditRating,
    LinkKind,
    Rejection,
    RootCause,
    Severity,
    Source,
    State,
)
from remediation.findings.transitions import BEFORE_VERIFICATION, WORKABLE
from remediation.risk import queries as risk_queries
from remediation.risk import services as risk
from remediation.tasks import checklist
from remediation.tasks import services as tasks
from remediation.tasks.models import PlanState
from remediation.tasks.services import plans

DAY = forms.DateInput({"type": "date"})
CRITERIA = {"list": "criteria", "placeholder": "CC6.2, CC6.3"}
CONTROLS = {"list": "controls", "placeholder": "AC-01"}
IN_SCOPE = [state for state in OPEN if state not in UNTRIAGED]


def lines(label: str, *, rows: int = 3, required: bool = True, help_text: str = "") -> forms.CharField:
    return forms.CharField(label=label, required=required, help_text=help_text, widget=forms.Textarea({"rows": rows}))


def control_ids(text: str, actor: Actor) -> list[Any]:
    """Controls named by their public ids. Raises Invalid for one that does not exist."""
    wanted = set(tokens(text))
    found = dict(Control.objects.filter(organization_id=actor.organization_id, ref__in=wanted).values_list("ref", "pk"))
    if missing := sorted(wanted - found.keys()):
        raise Invalid("There is no such control.", fields={"controls": [f"There is no control {missing[0]} here."]})
    return list(found.values())


def finding_id(ref: str, actor: Actor, field: str) -> Any:
    """Another finding named by its public id. Raises Invalid."""
    number = finding_queries.number_of(ref)
    pk = (
        Finding.objects.filter(organization_id=actor.organization_id, number=number)
        .values_list("pk", flat=True)
        .first()
        if number is not None
        else None
    )
    if pk is None:
        raise Invalid("There is no such finding.", fields={field: [f"There is no finding {ref[:20]} here."]})
    return pk


class FactsForm(ActForm):
    """What a finder knows."""

    title = forms.CharField(max_length=300, label="Title", help_text="What is wrong, and where.")
    description = lines("What was found", rows=5, required=False)
    source = forms.ChoiceField(choices=Source.choices, label="Source", initial=Source.INTERNAL)
    source_ref = forms.CharField(max_length=200, required=False, label="Where it says so", help_text="Report and page.")
    asset = forms.CharField(max_length=500, required=False, label="System or process", help_text="Needed to report it.")
    detected_at = forms.DateTimeField(
        required=False,
        label="Detected (UTC)",
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="The clock starts here.",
    )
    severity = forms.ChoiceField(choices=Severity.choices, initial=Severity.MEDIUM, label="Severity as you see it")
    audit_rating = forms.ChoiceField(
        choices=[("", "None"), *AuditRating.choices], required=False, label="Auditor's rating"
    )
    cvss_vector = forms.CharField(max_length=200, required=False, label="CVSS vector")
    kev = forms.BooleanField(required=False, label="Known to be exploited", help_text="Makes it critical.")
    criteria = forms.CharField(required=False, label="Criteria", widget=forms.TextInput(CRITERIA))
    controls = forms.CharField(required=False, label="Controls", widget=forms.TextInput(CONTROLS))

    def facts(self) -> dict[str, Any]:
        given = {name: value for name, value in self.cleaned_data.items() if name != "version"}
        given["criteria"] = tokens(given["criteria"])
        given["controls"] = control_ids(given["controls"], self.actor)  # type: ignore[arg-type]
        return given


class DraftForm(FactsForm):
    def prepare(self) -> None:
        if self.subject is None or self.is_bound:
            return
        for name in ("title", "description", "source", "source_ref", "asset", "detected_at", "severity",
                     "audit_rating", "cvss_vector", "kev"):  # fmt: skip
            self.initial.setdefault(name, getattr(self.subject, name))
        self.initial["criteria"] = ", ".join(row.criterion_id for row in self.subject.criterion_rows.all())
        self.initial["controls"] = ", ".join(
            row.control.ref for row in self.subject.control_rows.select_related("control")
        )


class TriageForm(ActForm):
    """Severity with its rationale, who answers for it, what it touches."""

    severity = forms.ChoiceField(choices=Severity.choices, label="Severity")
    owner = forms.ChoiceField(label="Owner", help_text="Answers for it; does not verify or approve it.")
    assignee = forms.ChoiceField(label="Assignee", required=False, help_text="Carries out the fix.")
    rationale = lines("Why this severity", rows=2, help_text="What could happen, to which data.")
    criteria = forms.CharField(required=False, label="Criteria", widget=forms.TextInput(CRITERIA))
    controls = forms.CharField(required=False, label="Controls", widget=forms.TextInput(CONTROLS))
    note = lines("Note to the owner", rows=3, required=False)
    duplicates_searched = forms.BooleanField(required=False, label="I looked for duplicates")

    def prepare(self) -> None:
        self.fields["owner"].choices = people_choices(self.actor, none="Choose")  # type: ignore[attr-defined, arg-type]
        self.fields["assignee"].choices = people_choices(  # type: ignore[attr-defined]
            self.actor,  # type: ignore[arg-type]
            roles=("engineer", "manager"),
            none="Later",
        )
        if self.subject is not None and not self.is_bound:
            self.initial.setdefault("severity", self.subject.severity)


class RejectForm(ActForm):
    kind = forms.ChoiceField(choices=Rejection.choices, widget=forms.RadioSelect, label="What it is instead")
    reason = lines("Reason")
    proof = lines("What shows it", rows=2, required=False, help_text="Where a stranger can see it.")
    duplicate_of = forms.CharField(required=False, label="Repeats", widget=forms.TextInput({"placeholder": "F-012"}))


class AnalysisForm(ActForm):
    root_cause_class = forms.ChoiceField(choices=RootCause.choices, label="Kind of cause")
    root_cause = lines("Root cause", rows=5, help_text="Why it could happen, not only what happened.")
    scope_check = lines("Where else?", rows=3, help_text="Where you looked for the same weakness, and what you saw.")


class PlanForm(ActForm):
    text = lines("What will be done", rows=5)
    success_test = lines(
        "How anyone will see that it worked", required=False, help_text="Written before the work; then it stands."
    )
    residual_risk = lines("What may still happen afterwards", rows=2, required=False)

    def prepare(self) -> None:
        plan = plans.standing(self.subject) if self.subject is not None else None
        if plan is not None and not self.is_bound:
            for name in ("text", "success_test", "residual_risk"):
                self.initial.setdefault(name, getattr(plan, name))


class TaskForm(ActForm):
    title = forms.CharField(max_length=300, label="Task")
    details = lines("Details", required=False)
    assignee = forms.ChoiceField(label="Assignee", required=False)
    due_on = forms.DateField(label="Due", widget=DAY)
    changes_production = forms.BooleanField(
        required=False, label="It changes production", help_text="Then it names ticket, pull request and deployment."
    )
    owed = lines("Evidence it owes", required=False, help_text="One piece a line, such as “Profile metadata after”.")

    def prepare(self) -> None:
        self.fields["assignee"].choices = people_choices(  # type: ignore[attr-defined]
            self.actor,  # type: ignore[arg-type]
            roles=("engineer", "manager"),
            none="Nobody yet",
        )
        if self.subject is not None and not self.is_bound:
            self.initial.setdefault("due_on", self.subject.current_due_at.date())
            self.initial.setdefault("assignee", str(self.subject.assignee_id or ""))


class PlainForm(ActForm):
    """Only a confirmation."""


class ReasonForm(ActForm):
    reason = lines("Reason")


class VerifyForm(ActForm):
    test_result = lines("What the success test showed")
    sample = lines("Sample", rows=2, required=False, help_text="Which items you looked at, if not all.")

    def prepare(self) -> None:
        for question in checklist.QUESTIONS:
            self.fields[question.key] = forms.ChoiceField(
                label=question.words,
                required=False,
                widget=forms.RadioSelect,
                choices=[("yes", "Yes"), ("no", "No"), ("not_applicable", "Does not apply")],
            )

    def answers(self) -> dict[str, str]:
        return {key: self.cleaned_data[key] for key in checklist.KEYS if self.cleaned_data.get(key)}


class ReturnForm(ActForm):
    reason = lines("What is missing")
    task_ids = forms.MultipleChoiceField(
        required=False, label="Tasks that come back", widget=forms.CheckboxSelectMultiple
    )

    def prepare(self) -> None:
        rows = self.subject.tasks.filter(cycle=self.subject.cycle, state="done") if self.subject is not None else []
        self.fields["task_ids"].choices = [(str(row.pk), str(row)) for row in rows]  # type: ignore[attr-defined]


class ClosureForm(ActForm):
    reason = lines("Words for the approvers", rows=2, required=False)
    design_only = forms.BooleanField(
        required=False,
        label="Close as “design only”",
        help_text="The fix is there; the control has not run often enough to show that it operates.",
    )


class ReopenForm(ActForm):
    reason = lines("What brings it back")
    owner = forms.ChoiceField(label="Owner", required=False)

    def prepare(self) -> None:
        self.fields["owner"].choices = people_choices(self.actor, none="As before")  # type: ignore[attr-defined, arg-type]


class AcceptanceForm(ActForm):
    reason = lines("Why it is not fixed now")
    residual_risk = lines("What can still happen", rows=2)
    compensating = lines("What keeps the risk down meanwhile", rows=2)
    expires_on = forms.DateField(label="Until", widget=DAY)

    def prepare(self) -> None:
        if self.subject is not None:
            latest = risk_queries.latest_expiry(self.subject.organization_id, self.subject.severity)
            self.fields["expires_on"].help_text = f"At most until {latest:%d %b %Y} for this severity."
            self.fields["expires_on"].widget.attrs["max"] = latest.isoformat()


class DeferralForm(ActForm):
    new_due_on = forms.DateField(label="New date", widget=DAY)
    reason = lines("Reason")
    vendor = forms.CharField(max_length=200, required=False, label="Waiting for a vendor")
    check_in_on = forms.DateField(
        required=False, label="Next check-in with the vendor", widget=DAY, help_text="Within 30 days."
    )


class SeverityForm(ActForm):
    severity = forms.ChoiceField(choices=Severity.choices, label="New severity")
    rationale = lines("What is known now")

    def prepare(self) -> None:
        if self.subject is not None and not self.is_bound:
            self.initial.setdefault("severity", self.subject.severity)


class DueForm(ActForm):
    due_on = forms.DateField(label="New date", widget=DAY)
    reason = lines("Reason")


class AssignForm(ActForm):
    owner = forms.ChoiceField(label="Owner", required=False)
    assignee = forms.ChoiceField(label="Assignee", required=False)
    reason = lines("Reason", rows=2, required=False)

    def prepare(self) -> None:
        self.fields["owner"].choices = people_choices(self.actor, none="As it is")  # type: ignore[attr-defined, arg-type]
        self.fields["assignee"].choices = people_choices(self.actor, none="As it is")  # type: ignore[attr-defined, arg-type]


class ScopeForm(ActForm):
    criteria = forms.CharField(required=False, label="Criteria", widget=forms.TextInput(CRITERIA))
    controls = forms.CharField(required=False, label="Controls", widget=forms.TextInput(CONTROLS))


class NarrowForm(ScopeForm):
    reason = lines("Why they do not belong", rows=2)


class CommentForm(ActForm):
    body = lines("Comment")
    internal = forms.BooleanField(
        required=False, initial=True, label="Internal", help_text="Never shown to an auditor."
    )


class LinkForm(ActForm):
    other = forms.CharField(max_length=16, label="Finding", widget=forms.TextInput({"placeholder": "F-012"}))
    kind = forms.ChoiceField(
        choices=[(LinkKind.RELATED, "Related to"), (LinkKind.CAUSED_BY, "Same cause as")], label="How"
    )


class EvidenceForm(ActForm):
    artifact = forms.CharField(max_length=16, label="Evidence", widget=forms.TextInput({"placeholder": "E-014"}))


def artifact_id(ref: str, actor: Actor) -> Any:
    """An artifact named by its public id. Raises Invalid."""
    prefix, _, digits = ref.strip().upper().partition("-")
    if prefix == "E" and digits.isdigit() and len(digits) < 10:
        found = Artifact.objects.filter(organization_id=actor.organization_id, number=int(digits))
        if pk := found.values_list("pk", flat=True).first():
            return pk
    raise Invalid("There is no such evidence.", fields={"artifact": [f"There is no evidence {ref[:20]} here."]})


def _fits(permission: str, *states: State, also: Any = None) -> Any:
    def fits(finding: Finding, actor: Actor) -> bool:
        return (
            (not states or finding.state in states)
            and actor.may(permission, finding)
            and (also is None or bool(also(finding, actor)))
        )

    return fits


def _is_mine(finding: Finding, actor: Actor) -> bool:
    return actor.person_id in (finding.owner_id, finding.assignee_id)


def _has_no_plan(finding: Finding, actor: Actor) -> bool:
    plan = plans.standing(finding)
    return plan is None or plan.work_started_at is not None


def _has_open_plan(finding: Finding, actor: Actor) -> bool:
    plan = plans.standing(finding)
    return plan is not None and plan.work_started_at is None


def _can_submit(finding: Finding, actor: Actor) -> bool:
    plan = plans.standing(finding)
    if plan is None or plan.state == PlanState.SUBMITTED:
        return False
    return finding.state in (State.ANALYSED, State.PLANNED) or not plans.is_approved(finding)


def _asks_nothing(action: str) -> Any:
    """Offered only while no request of this kind is open about the finding."""
    return lambda finding, actor: approvals.open_request("findings.finding", finding.pk, finding.cycle, action) is None


def _has_plan(finding: Finding, actor: Actor) -> bool:
    return plans.standing(finding) is not None


def _works_on(finding: Finding, actor: Actor) -> bool:
    return (
        actor.person_id == finding.assignee_id
        or finding.tasks.filter(cycle=finding.cycle, assignee_id=actor.person_id).exists()
    )


def _edit_plan(finding: Finding, form: Any, actor: Actor) -> Any:
    plan = plans.standing(finding)
    data = {name: form.cleaned_data[name] for name in ("text", "success_test", "residual_risk")}
    return tasks.edit_plan(plan.pk, actor=actor, **data)  # type: ignore[union-attr]


def _triage(finding: Finding, form: Any, actor: Actor) -> Any:
    data = form.cleaned_data
    return findings.triage(
        finding.pk,
        actor=actor,
        severity=data["severity"],
        rationale=data["rationale"],
        owner_id=person(data["owner"]),
        assignee_id=person(data["assignee"]),
        criteria=tokens(data["criteria"]),
        controls=control_ids(data["controls"], actor),
        duplicates_searched=data["duplicates_searched"],
        note=data["note"],
        expected_version=form.expected_version,
    )


def _reject(finding: Finding, form: Any, actor: Actor) -> Any:
    data = form.cleaned_data
    other = finding_id(data["duplicate_of"], actor, "duplicate_of") if data["kind"] == Rejection.DUPLICATE else None
    return findings.propose_rejection(
        finding.pk, actor=actor, kind=data["kind"], reason=data["reason"], proof=data["proof"], duplicate_of_id=other,
        expected_version=form.expected_version,
    )  # fmt: skip


def _add_task(finding: Finding, form: Any, actor: Actor) -> Any:
    data = form.cleaned_data
    return tasks.add(
        finding.pk, actor=actor, title=data["title"], details=data["details"], due_on=data["due_on"],
        assignee_id=person(data["assignee"]), changes_production=data["changes_production"],
        owed=[(line.strip(), "") for line in data["owed"].splitlines() if line.strip()],
    )  # fmt: skip


def _given(form: Any, *names: str) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in names}


def _versioned(service: Any, *names: str) -> Any:
    """Call a service of (finding id, actor, expected version) with these fields of the form."""
    return lambda finding, form, actor: service(
        finding.pk, actor=actor, expected_version=form.expected_version, **_given(form, *names)
    )


class LetInForm(ActForm):
    """Whom, until which day, and why."""

    whom = forms.ChoiceField(label="Person or team")
    until = forms.DateField(label="Until, inclusive", widget=DAY)
    reason = lines("Why they need to know", rows=2)

    def prepare(self) -> None:
        self.fields["whom"].choices = [  # type: ignore[attr-defined]
            ("", "Choose"),
            ("Teams", [(f"team:{team.pk}", team.name) for team in access_queries.teams(self.actor)]),  # type: ignore[arg-type]
            ("People", [(f"person:{pk}", name) for pk, name in access_queries.can_be_let_in(self.actor)]),  # type: ignore[arg-type]
        ]


def _let_in(finding: Finding, form: Any, actor: Actor) -> Any:
    data = form.cleaned_data
    kind, _, key = data["whom"].partition(":")
    given = {"valid_until": access_queries.end_of(data["until"], actor), "reason": data["reason"], "actor": actor}
    if kind == "team":
        return access.let_team_in(finding.pk, team_id=UUID(key), **given)
    return access.let_in(finding.pk, person_id=UUID(key), **given)


ACTS: tuple[Act, ...] = (
    Act("restrict", "Restrict to those who need to know", ReasonForm,
        lambda finding, actor: not finding.is_restricted and actor.may("findings.restrict"),
        _versioned(findings.restrict, "reason"), "{ref} is restricted.", icon="lock",
        hint="From then on only its owner, those who work on it, you, and whom you let in see it and what hangs on it."),
    Act("let-in", "Let somebody in", LetInForm,
        lambda finding, actor: finding.is_restricted and may_keep(finding, actor=actor), _let_in,
        "They are let in to {ref}. It works with their next request.", icon="user-plus",
        hint="A dated grant with your name on it. You can take it back at any time."),
    Act("lift-restriction", "Lift the restriction", ReasonForm,
        lambda finding, actor: finding.is_restricted and may_keep(finding, actor=actor),
        _versioned(findings.lift_restriction, "reason"), "{ref} is open to everybody who may read findings.",
        icon="lock-open"),
    Act("report", "Report it", PlainForm, _fits("findings.report", State.DRAFT),
        _versioned(findings.report_draft), "{ref} is reported.", icon="flag", group="next",
        hint="Its facts must be complete. You become its finder."),
    Act("edit", "Edit the draft", DraftForm, _fits("findings.report", State.DRAFT),
        lambda finding, form, actor: findings.edit_draft(
            finding.pk, actor=actor, expected_version=form.expected_version, **form.facts()),
        "The draft of {ref} is saved.", icon="pencil"),
    Act("triage", "Triage", TriageForm, _fits("findings.triage", State.REPORTED), _triage,
        "{ref} is triaged.", icon="list-filter", group="next"),
    Act("analyse", "Write the root cause", AnalysisForm, _fits("findings.analyse", State.TRIAGED, also=_is_mine),
        _versioned(findings.analyse, "root_cause_class", "root_cause", "scope_check"),
        "The root cause of {ref} is recorded.", icon="search-check", group="next"),
    Act("plan", "Write the plan", PlanForm, _fits("findings.plan", State.ANALYSED, also=_has_no_plan),
        _versioned(tasks.draft_plan, "text", "success_test", "residual_risk"),
        "The plan of {ref} is drafted.", icon="file-pen-line", group="next"),
    Act("edit-plan", "Edit the plan", PlanForm,
        _fits("findings.plan", State.ANALYSED, State.PLANNED, also=_has_open_plan), _edit_plan,
        "The plan of {ref} is saved.", icon="pencil", group="plan",
        hint="A request that is open about it becomes void; submit the plan again."),
    Act("add-task", "Add a task", TaskForm,
        _fits("tasks.manage", State.ANALYSED, State.PLANNED, State.IN_REMEDIATION, also=_has_plan), _add_task,
        "The task is added.", icon="plus", group="tasks"),
    Act("submit-plan", "Submit the plan", PlainForm,
        _fits("findings.plan", State.ANALYSED, State.PLANNED, State.IN_REMEDIATION, also=_can_submit),
        _versioned(tasks.submit_plan), "The plan of {ref} is submitted.", icon="send", group="next",
        hint="For Critical and High it waits for approval by somebody who does not work on it; otherwise work opens."),
    Act("ready", "Hand over for verification", PlainForm,
        _fits("tasks.work", State.IN_REMEDIATION, also=_works_on), _versioned(tasks.ready),
        "{ref} waits for verification.", icon="send", group="next",
        hint="All tasks are done, evidence is attached, and changes of production are referenced."),
    Act("attach", "Attach evidence", EvidenceForm, _fits("evidence.upload", *BEFORE_VERIFICATION),
        lambda finding, form, actor: tasks.attach_evidence(
            artifact_id(form.cleaned_data["artifact"], actor), actor=actor, finding_id=finding.pk),
        "The evidence is attached to {ref}.", icon="paperclip", group="evidence",
        hint="Whoever brought a version of it does not verify or approve this finding later."),
    Act("verify", "Record the verification", VerifyForm, _fits("findings.verify", State.READY_FOR_VERIFICATION),
        lambda finding, form, actor: tasks.verify(
            finding.pk, actor=actor, answers=form.answers(), expected_version=form.expected_version,
            **_given(form, "test_result", "sample")),
        "{ref} is verified.", icon="badge-check", group="next"),
    Act("return", "Return to work", ReturnForm, _fits("findings.verify", State.READY_FOR_VERIFICATION),
        _versioned(tasks.return_to_work, "reason", "task_ids"), "{ref} is back in work.", icon="undo-2", group="next"),
    Act("request-closure", "Ask for closure", ClosureForm, _fits("findings.plan", State.VERIFIED, also=_asks_nothing("finding.close")),
        _versioned(tasks.request_closure, "reason", "design_only"), "The closure of {ref} waits for a decision.",
        icon="stamp", group="next"),
    Act("reopen", "Reopen", ReopenForm, _fits("findings.reopen", State.CLOSED, State.REJECTED),
        lambda finding, form, actor: findings.reopen(
            finding.pk, actor=actor, reason=form.cleaned_data["reason"], owner_id=person(form.cleaned_data["owner"]),
            expected_version=form.expected_version),
        "{ref} is open again, in a new cycle.", icon="rotate-ccw", group="next",
        hint="Approvals of this cycle stay in the history and count no more."),
    Act("end-acceptance", "End the risk acceptance", ReasonForm, _fits("risk.accept", State.RISK_ACCEPTED),
        _versioned(risk.end_acceptance, "reason"), "{ref} is back in triage.", icon="shield-x", group="next"),
    Act("still-there", "It is still there", ReasonForm,
        _fits("findings.triage", also=lambda finding, actor: finding.proposed_fixed_at is not None),
        lambda finding, form, actor: findings.still_there(finding.pk, actor=actor, **_given(form, "reason")),
        "The hint is answered.", icon="flag"),
    Act("looks-fixed", "It looks fixed", ReasonForm,
        _fits("findings.triage", also=lambda finding, actor: finding.proposed_fixed_at is not None),
        lambda finding, form, actor: findings.confirm_fixed(finding.pk, actor=actor, **_given(form, "reason")),
        "The hint is answered; tasks, evidence and verification still follow.", icon="check"),
    Act("comment", "Comment", CommentForm, _fits("findings.comment"),
        lambda finding, form, actor: findings.comment(finding.pk, actor=actor, **_given(form, "body", "internal")),
        "The comment is kept.", icon="message-square-text", group="comment"),
    Act("assign", "Reassign", AssignForm, _fits("findings.assign", *IN_SCOPE),
        lambda finding, form, actor: findings.reassign(
            finding.pk, actor=actor, owner_id=person(form.cleaned_data["owner"]),
            assignee_id=person(form.cleaned_data["assignee"]), reason=form.cleaned_data["reason"],
            expected_version=form.expected_version),
        "{ref}: done, or waiting for a decision when it is late in its life.", icon="user-plus"),
    Act("severity", "Change severity", SeverityForm, _fits("findings.triage", *IN_SCOPE),
        _versioned(findings.change_severity, "severity", "rationale"),
        "{ref}: a rise counts at once, a cut waits for a decision.", icon="signal-high",
        hint="A rise counts at once. A cut is decided by somebody else. The clock does not restart."),
    Act("due", "Move the due date", DueForm,
        _fits("findings.assign", *IN_SCOPE, also=_asks_nothing("finding.move_due")),
        _versioned(findings.move_due, "due_on", "reason"), "The new date of {ref} waits for a decision.",
        icon="calendar-clock", hint="Somebody else decides. The original date stays beside the new one."),
    Act("map", "Add criteria or controls", ScopeForm, _fits("findings.triage", *OPEN),
        lambda finding, form, actor: findings.map_to(
            finding.pk, actor=actor, criteria=tokens(form.cleaned_data["criteria"]),
            controls=control_ids(form.cleaned_data["controls"], actor), expected_version=form.expected_version),
        "{ref} is mapped.", icon="link"),
    Act("narrow", "Take criteria or controls away", NarrowForm, _fits("findings.triage", *IN_SCOPE),
        lambda finding, form, actor: findings.narrow_scope(
            finding.pk, actor=actor, reason=form.cleaned_data["reason"],
            criteria=tokens(form.cleaned_data["criteria"]),
            controls=control_ids(form.cleaned_data["controls"], actor), expected_version=form.expected_version),
        "The narrower scope of {ref} waits for a decision.", icon="minus"),
    Act("link", "Link another finding", LinkForm, _fits("findings.comment"),
        lambda finding, form, actor: findings.link(
            finding.pk, finding_id(form.cleaned_data["other"], actor, "other"), actor=actor,
            kind=form.cleaned_data["kind"]),
        "The findings are linked.", icon="link"),
    Act("reject", "Propose to reject", RejectForm,
        _fits("findings.propose_rejection", State.REPORTED, State.TRIAGED, also=_asks_nothing("finding.reject")),
        _reject,
        "The rejection of {ref} waits for a decision.", icon="circle-slash", is_danger=True,
        hint="A false positive, a duplicate, or out of scope. An approver confirms it."),
    Act("defer", "Ask to defer", DeferralForm, _fits("findings.defer_request", *WORKABLE),
        _versioned(risk.ask_deferral, "new_due_on", "reason", "vendor", "check_in_on"),
        "The deferral of {ref} waits for a decision.", icon="calendar-clock",
        hint="Before the due date. A deferred finding is still open."),
    Act("accept-risk", "Ask to accept the risk", AcceptanceForm,
        _fits("findings.accept_risk_request", *BEFORE_VERIFICATION,
              also=lambda finding, actor: actor.person_id != finding.assignee_id),
        _versioned(risk.ask_acceptance, "reason", "residual_risk", "compensating", "expires_on"),
        "The acceptance of {ref} waits for a decision.", icon="shield",
        hint="Somebody with authority decides; it always ends. An accepted risk is still open."),
)  # fmt: skip
