"""The ordinary way of a finding, step by step, each by the right person: tests stop where their story begins."""

import io
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from evidence import clock
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact
from evidence.intake import services as intake
from remediation.approvals import services as approvals
from remediation.approvals.models import Request
from remediation.findings import services as findings
from remediation.findings.models import Finding
from remediation.tasks import checklist
from remediation.tasks import services as tasks
from remediation.tasks.models import Task
from tests.people import People

WHY = "The retest shows it works."
ALL_YES = dict.fromkeys(checklist.KEYS, "yes")


@dataclass
class Story:
    """Maya manages and owns, Ines works, Vera verifies, Arun and Alba approve."""

    people: People
    severity: str = "medium"
    finding: Finding = field(default=None)
    task: Task = field(default=None)
    detected_at: datetime | None = None

    def reported(self, **facts):
        given = {
            "title": "Leavers kept active production logins",
            "source": "audit_report",
            "asset": "Salesforce production",
            "detected_at": self.detected_at or clock.now() - timedelta(days=1),
            "severity": self.severity,
            "criteria": ["CC6.2"],
        }
        self.finding = findings.report(actor=self.people.ivan, **{**given, **facts})
        return self

    def triaged(self, **facts):
        given = {
            "severity": self.severity,
            "rationale": "Student records are reachable by people who left.",
            "owner_id": self.people.maya.person_id,
            "assignee_id": self.people.ines.person_id,
            "duplicates_searched": True,
        }
        self.finding = findings.triage(self.finding.pk, actor=self.people.maya, **{**given, **facts})
        return self

    def analysed(self):
        self.finding = findings.analyse(
            self.finding.pk,
            actor=self.people.ines,
            root_cause_class="process",
            root_cause="Nobody compares leavers with active users.",
            scope_check="Looked at all 61 leavers since January; four were active.",
        )
        return self

    def drafted(self, *, changes_production=False, owed=(("Reconciliation", "report"),)):
        tasks.draft_plan(
            self.finding.pk, actor=self.people.maya, text="Remove leavers by SCIM.", success_test="No leaver logs in."
        )
        due = self.finding.current_due_at.date() - timedelta(days=1)
        self.task = tasks.add(
            self.finding.pk,
            actor=self.people.maya,
            title="Switch on SCIM",
            due_on=due,
            assignee_id=self.people.ines.person_id,
            changes_production=changes_production,
            owed=owed,
        )
        return self

    def planned(self, **given):
        self.drafted(**given)
        self.finding = tasks.submit_plan(self.finding.pk, actor=self.people.maya)
        return self

    def in_remediation(self):
        if self.severity in ("critical", "high"):
            self.grant("finding.approve_plan")
        return self.again()

    def evidence(self, actor=None, data=b"week,leavers\nW12,0\n") -> Artifact:
        actor = actor or self.people.ines
        received = intake.take(
            io.BytesIO(data), filename="weeks.csv", organization_id=actor.organization_id, limit_bytes=10**6
        )
        return artifacts.add(received, title="Reconciliation", kind="report", actor=actor)

    def worked(self):
        tasks.start(self.task.pk, actor=self.people.ines)
        owed = self.task.owed.first()
        tasks.attach_evidence(
            self.evidence().pk, actor=self.people.ines, task_id=self.task.pk, owed_id=owed.pk if owed else None
        )
        tasks.submit(self.task.pk, actor=self.people.ines, words="All leavers are removed within a day.")
        tasks.accept(self.task.pk, actor=self.people.maya)
        return self.again()

    def ready(self):
        self.finding = tasks.ready(self.finding.pk, actor=self.people.ines)
        return self

    def verified(self):
        self.finding = tasks.verify(
            self.finding.pk, actor=self.people.vera, test_result="Nobody logged in.", answers=ALL_YES
        )
        return self

    def closure_asked(self, **given):
        given.setdefault("design_only", True)
        tasks.request_closure(self.finding.pk, actor=self.people.maya, **given)
        return self

    def closed(self):
        self.grant("finding.close")
        return self.again()

    def until(self, step: str, **given):
        """The story from its beginning to this step."""
        for name in ORDER[: ORDER.index(step) + 1]:
            getattr(self, name)(**(given if name == step else {}))
        return self.again()

    def request(self, action: str) -> Request:
        return Request.objects.get(subject_id=self.finding.pk, action=action, state="open")

    def decide(self, action: str, who, verdict="approve"):
        return approvals.decide(self.request(action).pk, verdict=verdict, reason=WHY, actor=who)

    def grant(self, action: str):
        for who in (self.people.arun, self.people.alba):
            if not Request.objects.filter(subject_id=self.finding.pk, action=action, state="open").exists():
                break
            self.decide(action, who)
        return self.again()

    def again(self):
        self.finding.refresh_from_db()
        return self


ORDER = [
    "reported", "triaged", "analysed", "planned", "in_remediation", "worked", "ready", "verified", "closure_asked",
    "closed",
]  # fmt: skip
