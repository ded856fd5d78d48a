"""My work, and the page of one task with the forms that move it."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_http_methods

from evidence import clock
from evidence.actors import Actor
from evidence.ledger import queries as ledger
from portal.edge.tenancy import needs
from portal.web import acts, history, shell
from portal.web.acts import Act, ActForm, people_choices, person
from portal.web.finding_acts import DAY, EvidenceForm, PlainForm, artifact_id, lines
from remediation.findings.states import OPEN, State
from remediation.monitoring import queries as monitoring
from remediation.tasks import queries
from remediation.tasks import services as tasks
from remediation.tasks.models import Task, TaskState

app_name = "tasks"
WORKED_ON = (TaskState.TODO, TaskState.IN_PROGRESS, TaskState.RETURNED)


@shell.count("me")
def waiting(request: HttpRequest) -> int:
    return queries.open_count(request.actor)  # type: ignore[attr-defined]


class WordsForm(ActForm):
    words = lines("What is missing")


class SubmitForm(ActForm):
    words = lines("Words to whoever judges it", rows=2, required=False)


class ChangeForm(ActForm):
    change_ticket = forms.CharField(max_length=200, required=False, label="Change ticket")
    pull_request = forms.CharField(max_length=500, required=False, label="Pull request")
    deploy = forms.CharField(max_length=500, required=False, label="Deployment")

    def prepare(self) -> None:
        if self.subject is not None and not self.is_bound:
            for name in ("change_ticket", "pull_request", "deploy"):
                self.initial.setdefault(name, getattr(self.subject, name))


class EditForm(ActForm):
    title = forms.CharField(max_length=300, label="Task")
    details = lines("Details", required=False)
    due_on = forms.DateField(label="Due", widget=DAY)
    changes_production = forms.BooleanField(required=False, label="It changes production")

    def prepare(self) -> None:
        if self.subject is not None and not self.is_bound:
            for name in ("title", "details", "due_on", "changes_production"):
                self.initial.setdefault(name, getattr(self.subject, name))


class AssignForm(ActForm):
    assignee = forms.ChoiceField(label="Assignee")

    def prepare(self) -> None:
        self.fields["assignee"].choices = people_choices(self.actor, roles=("engineer", "manager"), none="Choose")  # type: ignore[attr-defined, arg-type]


class OwedForm(EvidenceForm):
    owed = forms.ChoiceField(label="It answers", required=False)

    def prepare(self) -> None:
        rows = self.subject.owed.all() if self.subject is not None else []
        self.fields["owed"].choices = [("", "Nothing it owes")] + [(str(row.pk), row.title) for row in rows]  # type: ignore[attr-defined]


def _mine(task: Task, actor: Actor) -> bool:
    return task.assignee_id == actor.person_id and actor.may("tasks.work") and task.cycle == task.finding.cycle


def _judges(task: Task, actor: Actor) -> bool:
    return (
        task.state == TaskState.SUBMITTED
        and (actor.may("tasks.manage") or actor.may("findings.verify"))
        and actor.person_id not in (task.assignee_id, task.submitted_by_id)
    )


def _managed(task: Task, actor: Actor) -> bool:
    return actor.may("tasks.manage") and task.state != TaskState.DONE and task.finding.state in OPEN


def _attach(task: Task, form: Any, actor: Actor) -> Any:
    return tasks.attach_evidence(
        artifact_id(form.cleaned_data["artifact"], actor), actor=actor, task_id=task.pk,
        owed_id=person(form.cleaned_data["owed"]),
    )  # fmt: skip


ACTS: tuple[Act, ...] = (
    Act("start", "Start", PlainForm,
        lambda task, actor: _mine(task, actor) and task.finding.state == State.IN_REMEDIATION
        and task.state in (TaskState.TODO, TaskState.RETURNED),
        lambda task, form, actor: tasks.start(task.pk, actor=actor, expected_version=form.expected_version),
        "{ref} is started.", icon="play", group="next"),
    Act("submit", "Hand in", SubmitForm,
        lambda task, actor: _mine(task, actor) and task.state in (TaskState.IN_PROGRESS, TaskState.RETURNED),
        lambda task, form, actor: tasks.submit(
            task.pk, actor=actor, words=form.cleaned_data["words"], expected_version=form.expected_version),
        "{ref} is handed in.", icon="send", group="next",
        hint="Every owed piece of evidence is there, and a change of production is referenced."),
    Act("accept", "Accept as done", SubmitForm, _judges,
        lambda task, form, actor: tasks.accept(
            task.pk, actor=actor, words=form.cleaned_data["words"], expected_version=form.expected_version),
        "{ref} is done.", icon="circle-check", group="next"),
    Act("give-back", "Return it", WordsForm, _judges,
        lambda task, form, actor: tasks.give_back(
            task.pk, actor=actor, words=form.cleaned_data["words"], expected_version=form.expected_version),
        "{ref} went back with your words.", icon="undo-2", group="next"),
    Act("attach", "Attach evidence", OwedForm,
        lambda task, actor: actor.may("evidence.upload") and task.state in WORKED_ON
        and (task.assignee_id == actor.person_id or actor.may("tasks.manage")),
        _attach, "The evidence is attached to {ref}.", icon="paperclip", group="evidence",
        hint="Whoever brought a version of it does not verify or approve this finding later."),
    Act("change", "Name the change", ChangeForm,
        lambda task, actor: task.state in WORKED_ON
        and (_mine(task, actor) or actor.may("tasks.manage")),
        lambda task, form, actor: tasks.refer_to_change(
            task.pk, actor=actor, expected_version=form.expected_version,
            **{name: form.cleaned_data[name] for name in ("change_ticket", "pull_request", "deploy")}),
        "The change behind {ref} is named.", icon="git-pull-request"),
    Act("assign", "Assign", AssignForm, _managed,
        lambda task, form, actor: tasks.assign(
            task.pk, actor=actor, assignee_id=person(form.cleaned_data["assignee"]),  # type: ignore[arg-type]
            expected_version=form.expected_version),
        "{ref} is assigned.", icon="user-plus"),
    Act("edit", "Edit", EditForm, _managed,
        lambda task, form, actor: tasks.edit(
            task.pk, actor=actor, expected_version=form.expected_version,
            **{name: form.cleaned_data[name] for name in ("title", "details", "due_on", "changes_production")}),
        "{ref} is saved.", icon="pencil"),
)  # fmt: skip


@require_GET
def mine(request: HttpRequest) -> HttpResponse:
    """One's own tasks: returned first, then by date, then what waits on others."""
    actor = request.actor  # type: ignore[attr-defined]
    actor.require("findings.view")
    work = queries.my_work(actor)
    today = clock.today(request.organization.timezone)  # type: ignore[attr-defined]
    context = {
        "work": work,
        "runs": monitoring.due_for(actor.organization_id, actor.person_id, today) if actor.person_id else [],
        "today": today,
    }
    return render(request, "tasks/mine.html", context)


@require_GET
@needs("findings.view")
def detail(request: HttpRequest, ref: str) -> HttpResponse:
    """One task: what it owes, what was said, and what its reader may do next."""
    actor = request.actor  # type: ignore[attr-defined]
    task = queries.find(actor, ref)
    facts = ledger.history("tasks.task", task.pk)
    offered = acts.offered(ACTS, task, actor)
    context = {
        "task": task,
        "finding": task.finding,
        "acts": {group: [act for act in offered if act.group == group] for group in ("next", "evidence", "more")},
        "timeline": history.entries(facts[::-1], request.organization.slug),
        "notes": list(task.notes.all()),
        "missing": [row for row in task.owed.all() if row.artifact_id is None],
    }
    return render(request, "tasks/detail.html", context)


@require_http_methods(["GET", "POST"])
@needs("findings.view")
def act(request: HttpRequest, ref: str, verb: str) -> HttpResponse:
    """One form, one service: /tasks/T-081/do/submit."""
    task = queries.find(request.actor, ref)  # type: ignore[attr-defined]
    to = reverse("tasks:detail", args=[request.organization.slug, task.ref])  # type: ignore[attr-defined]
    return acts.carry_out(
        request, acts.find(ACTS, verb), task, template="tasks/act.html", context={"task": task}, to=to
    )


urlpatterns = [
    path("me", mine, name="mine"),
    path("tasks/<str:ref>", detail, name="detail"),
    path("tasks/<str:ref>/do/<slug:verb>", act, name="act"),
]
