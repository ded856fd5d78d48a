"""Plans, tasks with the evidence they owe, what was said when work came back, and verifications."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from evidence import clock
from evidence.controls.models import EvidenceKind
from evidence.organizations.models import TenantModel, VersionedModel
from remediation.findings.models import Finding


class PlanState(models.TextChoices):
    DRAFT = "draft", "Draft"
    SUBMITTED = "submitted", "Waiting for approval"
    APPROVED = "approved", "Approved"
    REFUSED = "refused", "Sent back"
    SUPERSEDED = "superseded", "Superseded"


class TaskState(models.TextChoices):
    TODO = "todo", "To do"
    IN_PROGRESS = "in_progress", "In progress"
    SUBMITTED = "submitted", "Submitted"
    RETURNED = "returned", "Returned"
    DONE = "done", "Done"


class Plan(VersionedModel):
    """How a finding will be fixed in one cycle, and the test that will show it, written before the work.

    A plan whose work began is not rewritten: a new one supersedes it.
    """

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="plans", db_index=False)
    cycle = models.PositiveIntegerField()
    text = models.TextField()
    success_test = models.TextField()
    residual_risk = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=PlanState.choices, default=PlanState.DRAFT)
    written_by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    submitted_at = models.DateTimeField(null=True, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    work_started_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["finding", "cycle"], condition=~Q(state=PlanState.SUPERSEDED), name="plan_one_stands_per_cycle"
            ),
            models.CheckConstraint(condition=Q(state__in=PlanState.values), name="plan_state_known"),
            models.CheckConstraint(
                condition=Q(state=PlanState.DRAFT) | ~Q(success_test=""), name="plan_has_success_test"
            ),
        ]


class Task(VersionedModel):
    """One piece of the work. What changes production names its ticket, its pull request and its deployment."""

    ref = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="tasks", db_index=False)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="tasks", db_index=False)
    cycle = models.PositiveIntegerField()
    title = models.CharField(max_length=300)
    details = models.TextField(blank=True)
    assignee = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    due_on = models.DateField()
    state = models.CharField(max_length=12, choices=TaskState.choices, default=TaskState.TODO)
    state_since = models.DateTimeField(default=clock.now)
    changes_production = models.BooleanField(default=False)
    change_ticket = models.CharField(max_length=200, blank=True)
    pull_request = models.CharField(max_length=500, blank=True)
    deploy = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    submitted_by = models.ForeignKey(
        settings.PERSON_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "number"], name="task_number_once"),
            models.CheckConstraint(condition=Q(state__in=TaskState.values), name="task_state_known"),
            models.CheckConstraint(
                condition=~Q(state=TaskState.DONE) | Q(done_at__isnull=False), name="task_done_has_date"
            ),
            models.CheckConstraint(
                condition=~Q(state=TaskState.DONE, changes_production=True)
                | (~Q(change_ticket="") & ~Q(pull_request="") & ~Q(deploy="")),
                name="task_change_is_referenced",
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "assignee", "due_on"],
                condition=~Q(state=TaskState.DONE),
                name="task_open_by_who",
            ),
            models.Index(fields=["finding", "cycle", "number"], name="task_by_finding"),
            models.Index(fields=["plan"], name="task_by_plan"),
            models.Index(fields=["organization", "state", "due_on"], name="task_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.title}"


class OwedItem(TenantModel):
    """One piece of evidence that a task owes, and the artifact that answers it."""

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="owed", db_index=False)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=12, choices=EvidenceKind, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    artifact = models.ForeignKey(
        "artifacts.Artifact", null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        ordering = ["position", "id"]
        indexes = [models.Index(fields=["task", "position"], name="owed_by_task")]


class TaskNote(TenantModel):
    """What was said when a task was handed in or came back. Append-only."""

    class Kind(models.TextChoices):
        SUBMITTED = "submitted", "Handed in"
        RETURNED = "returned", "Returned"
        ACCEPTED = "accepted", "Accepted"

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="notes", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    by = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    words = models.TextField(blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["task", "at"], name="note_by_task")]


class Verification(TenantModel):
    """An independent person's judgement of the fix: the success test, and whether the evidence is enough.

    Append-only: a second look is a second row.
    """

    class Result(models.TextChoices):
        PASSED = "passed", "Passed"
        FAILED = "failed", "Failed"

    finding = models.ForeignKey(Finding, on_delete=models.PROTECT, related_name="verifications", db_index=False)
    cycle = models.PositiveIntegerField()
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+", db_index=False)
    verifier = models.ForeignKey(settings.PERSON_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    result = models.CharField(max_length=6, choices=Result.choices)
    test_result = models.TextField()
    # checklist.py names the questions; the answers are kept with the words they were asked in.
    checklist = models.JSONField(default=dict)
    sample = models.TextField(blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["finding", "cycle", "at"], name="verification_by_finding")]
