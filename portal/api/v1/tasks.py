"""`tasks/`: the work, and the steps of a finding that hang on it: plan, hand over, verify, ask to close, risk."""

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from evidence.errors import Invalid, NotFound
from portal.api.steps import Act, Empty, ReasonIn, call, checked, step
from portal.api.v1.findings import PersonOut, finding_step
from portal.api.views import NounView, versioned
from remediation.findings import queries as findings
from remediation.risk import services as risk
from remediation.tasks import checklist
from remediation.tasks import services as tasks
from remediation.tasks.models import Task, TaskState


class OwedOut(serializers.Serializer):
    id = serializers.UUIDField()
    title = serializers.CharField()
    artifact = serializers.CharField(allow_null=True, help_text="The evidence given for it, by its public id.")


class TaskOut(serializers.Serializer):
    id = serializers.UUIDField()
    ref = serializers.CharField()
    number = serializers.IntegerField()
    version = serializers.IntegerField()
    finding = serializers.CharField()
    title = serializers.CharField()
    details = serializers.CharField()
    state = serializers.ChoiceField(choices=TaskState.choices)
    assignee = PersonOut(allow_null=True)
    due_on = serializers.DateField()
    changes_production = serializers.BooleanField()
    change_ticket = serializers.CharField()
    pull_request = serializers.CharField()
    deploy = serializers.CharField()
    owed = OwedOut(many=True)


class TaskPage(serializers.Serializer):
    results = TaskOut(many=True)
    next = serializers.CharField(allow_null=True)


class OwedIn(serializers.Serializer):
    title = serializers.CharField(max_length=200)
    kind = serializers.CharField(max_length=12)


class TaskIn(serializers.Serializer):
    title = serializers.CharField(max_length=300)
    due_on = serializers.DateField()
    assignee_id = serializers.UUIDField(required=False)
    details = serializers.CharField(required=False, default="", max_length=20000, allow_blank=True)
    changes_production = serializers.BooleanField(default=False)
    owed = OwedIn(many=True, required=False)


class WordsIn(serializers.Serializer):
    words = serializers.CharField(required=False, default="", max_length=5000, allow_blank=True)


class NeededWordsIn(serializers.Serializer):
    words = serializers.CharField(max_length=5000)


class ChangeIn(serializers.Serializer):
    change_ticket = serializers.CharField(required=False, default="", max_length=200, allow_blank=True)
    pull_request = serializers.CharField(required=False, default="", max_length=500, allow_blank=True)
    deploy = serializers.CharField(required=False, default="", max_length=500, allow_blank=True)


class AssignIn(serializers.Serializer):
    assignee_id = serializers.UUIDField()


class AttachIn(serializers.Serializer):
    artifact = serializers.CharField(max_length=16, help_text="The evidence's public id.")
    owed = serializers.UUIDField(required=False, help_text="What the task owes that this is.")


class PlanIn(serializers.Serializer):
    text = serializers.CharField(max_length=20000)
    success_test = serializers.CharField(required=False, default="", max_length=5000, allow_blank=True)
    residual_risk = serializers.CharField(required=False, default="", max_length=5000, allow_blank=True)


class VerifyIn(serializers.Serializer):
    test_result = serializers.CharField(max_length=20000)
    answers = serializers.DictField(
        child=serializers.ChoiceField(choices=checklist.ANSWERS), help_text=f"Keys: {', '.join(checklist.KEYS)}."
    )
    sample = serializers.CharField(required=False, default="", max_length=5000, allow_blank=True)


class ClosureIn(serializers.Serializer):
    reason = serializers.CharField(required=False, default="", max_length=5000, allow_blank=True)
    design_only = serializers.BooleanField(default=False)


class AcceptanceIn(serializers.Serializer):
    reason = serializers.CharField(max_length=5000)
    residual_risk = serializers.CharField(max_length=5000)
    compensating = serializers.CharField(max_length=5000)
    expires_on = serializers.DateField()


class DeferralIn(serializers.Serializer):
    reason = serializers.CharField(max_length=5000)
    new_due_on = serializers.DateField()
    vendor = serializers.CharField(required=False, default="", max_length=200, allow_blank=True)
    check_in_on = serializers.DateField(required=False, allow_null=True, default=None)


def shown(task: Task) -> dict[str, Any]:
    """A task with its finding, assignee and owed items at hand."""
    names = ("id", "ref", "number", "version", "title", "details", "state", "due_on", "changes_production",
             "change_ticket", "pull_request", "deploy")  # fmt: skip
    return {
        **{name: getattr(task, name) for name in names},
        "finding": task.finding.ref,
        "assignee": {"id": task.assignee_id, "name": task.assignee.name} if task.assignee else None,
        "owed": [
            {"id": row.pk, "title": row.title, "artifact": row.artifact.ref if row.artifact else None}
            for row in task.owed.all()
        ],
    }


def _rows(view: NounView) -> Any:
    return (
        Task.objects.filter(organization_id=view.actor.organization_id)
        .select_related("finding", "assignee")
        .prefetch_related("owed__artifact")
    )


def _find(view: NounView, ref: str) -> Task:
    found: Task | None = _rows(view).filter(ref=ref).first()
    if found is None:
        raise NotFound(f"There is no task {ref[:20]} here.")
    return found


def _answer(view: NounView, result: Any) -> Response:
    row = result if isinstance(result, Task) else result.task
    found = _find(view, row.ref)
    return versioned(shown(found), found.version)


class TasksView(NounView):
    permission_needed = {"GET": "findings.view"}

    @extend_schema(
        operation_id="organizations_tasks_list",
        responses=TaskPage,
        parameters=[
            OpenApiParameter("assignee", str, description="A person's id, or “me”."),
            OpenApiParameter("state", str, many=True, enum=TaskState.values),
            OpenApiParameter("finding", str, description="A finding's public id."),
            OpenApiParameter("cursor", str),
            OpenApiParameter("limit", int),
        ],
    )
    def get(self, request: Request) -> Response:
        """Tasks by number."""
        rows = _rows(self)
        asked = request.query_params
        if asked.get("assignee") == "me":
            rows = rows.filter(assignee_id=self.actor.person_id)
        elif asked.get("assignee"):
            given = checked_uuid(asked["assignee"], "assignee")
            rows = rows.filter(assignee_id=given)
        states = [state for state in asked.getlist("state") if state in TaskState.values]
        if states:
            rows = rows.filter(state__in=states)
        if asked.get("finding"):
            rows = rows.filter(finding_id=findings.find(self.actor, asked["finding"]).pk)
        return self.page(rows, lambda found: [shown(task) for task in found], key="number")


def checked_uuid(text: str, field: str) -> str:
    """The text, when it is a UUID; else Invalid naming the field."""
    try:
        return str(serializers.UUIDField().to_internal_value(text))
    except serializers.ValidationError as error:
        raise Invalid("The filter names nobody.", fields={field: ["A person's id."]}) from error


class TaskView(NounView):
    permission_needed = {"*": "findings.view"}

    @extend_schema(responses=TaskOut)
    def get(self, request: Request, ref: str) -> Response:
        """One task. ETag holds its version."""
        found = _find(self, ref)
        return versioned(shown(found), found.version)


class FindingTasksView(NounView):
    permission_needed = {"POST": "tasks.manage"}

    @extend_schema(request=TaskIn, responses={201: TaskOut}, operation_id="findings_add_task")
    def post(self, request: Request, ref: str) -> Response:
        """Add a task to a finding's plan."""
        given = checked(TaskIn, request)
        owed = [(item["title"], item["kind"]) for item in given.pop("owed", [])]
        finding = findings.find(self.actor, ref)

        def act() -> Response:
            made = tasks.add(finding.pk, actor=self.actor, owed=owed, **given)
            found = _find(self, made.ref)
            return versioned(shown(found), found.version, 201)

        return self.once(act)


def task_step(verb: str, body: type[serializers.Serializer], act: Act, *, conditional: bool = True) -> Any:
    return step(
        "tasks", verb, body, act, conditional=conditional, permission="findings.view", out=TaskOut, find=_find,
        answer=_answer,
    )  # fmt: skip


def _attach(view: NounView, task: Task, given: dict[str, Any]) -> Task:
    tasks.attach_evidence(_artifact(given["artifact"]), actor=view.actor, task_id=task.pk, owed_id=given.get("owed"))
    return task


def _artifact(ref: str) -> Any:
    from evidence.artifacts import queries as artifacts

    return artifacts.artifact(ref).pk


def _attach_finding(view: NounView, finding: Any, given: dict[str, Any]) -> Any:
    tasks.attach_evidence(_artifact(given["artifact"]), actor=view.actor, finding_id=finding.pk)
    return finding


def _plan(view: NounView, finding: Any, given: dict[str, Any]) -> Any:
    tasks.draft_plan(finding.pk, actor=view.actor, **given)
    return finding


def _ask(service: Any) -> Act:
    def act(view: NounView, finding: Any, given: dict[str, Any]) -> Any:
        row = service(finding.pk, actor=view.actor, **given)
        return getattr(row, "request", row)

    return act


def _finding(verb: str, body: type[serializers.Serializer], act: Act, address: str, **more: Any) -> Any:
    view = finding_step(verb, body, act, **more)
    return path(f"findings/<str:ref>/{address}/", view, name=f"api-finding-{address}")


def _task(verb: str, body: type[serializers.Serializer], act: Act, address: str, **more: Any) -> Any:
    return path(f"tasks/<str:ref>/{address}/", task_step(verb, body, act, **more), name=f"api-task-{address}")


urlpatterns = [
    path("tasks/", TasksView.as_view(), name="api-tasks"),
    path("tasks/<str:ref>/", TaskView.as_view(), name="api-task"),
    _task("assign", AssignIn, call(tasks.assign), "assign"),
    _task("start", Empty, call(tasks.start), "start"),
    _task("refer_to_change", ChangeIn, call(tasks.refer_to_change), "change"),
    _task("submit", WordsIn, call(tasks.submit), "submit"),
    _task("give_back", NeededWordsIn, call(tasks.give_back), "return"),
    _task("accept", WordsIn, call(tasks.accept), "accept"),
    _task("attach", AttachIn, _attach, "evidence", conditional=False),
    path("findings/<str:ref>/tasks/", FindingTasksView.as_view(), name="api-finding-tasks"),
    _finding("plan", PlanIn, _plan, "plan"),
    _finding("submit_plan", Empty, call(tasks.submit_plan), "submit-plan"),
    _finding("attach", AttachIn, _attach_finding, "evidence", conditional=False),
    _finding("ready", Empty, call(tasks.ready), "ready"),
    _finding("verify", VerifyIn, call(tasks.verify), "verify"),
    _finding("return", ReasonIn, call(tasks.return_to_work), "return"),
    _finding("request_closure", ClosureIn, _ask(tasks.request_closure), "close"),
    _finding("accept_risk", AcceptanceIn, _ask(risk.ask_acceptance), "accept-risk"),
    _finding("defer", DeferralIn, _ask(risk.ask_deferral), "defer"),
]
