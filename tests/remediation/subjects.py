"""A subject for tests of duties and approvals that need no finding: its content is a dictionary."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from django.db import DatabaseError, connection, transaction

from evidence.actors import Actor
from evidence.identifiers import uuid7
from remediation.approvals import services as approvals
from remediation.approvals import subjects
from remediation.approvals.models import Request

TYPE = "tests.thing"


@dataclass
class Thing:
    """Something to decide about; `heard` keeps what approvals told it."""

    id: UUID = field(default_factory=uuid7)
    ref: str = "X-001"
    severity: str = "medium"
    content: dict[str, Any] = field(default_factory=lambda: {"title": "Leavers keep their logins", "tasks": ["one"]})
    heard: list[str] = field(default_factory=list)

    def on(self) -> dict[str, Any]:
        return {"subject_type": TYPE, "subject_id": self.id, "cycle": 1}

    def ask(self, actor: Actor, action: str = "finding.close", reason: str = "") -> Request:
        return approvals.request(
            action,
            subject_ref=self.ref,
            content=self.content,
            severity=self.severity,
            actor=actor,
            reason=reason,
            **self.on(),
        )


def registered(thing: Thing, *actions: str) -> None:
    for action in actions:
        subjects.register(
            TYPE,
            action,
            content=lambda _: thing.content,
            granted=lambda request, actor: thing.heard.append("granted"),
            refused=lambda request, actor: thing.heard.append("refused"),
            ended=lambda request, actor: thing.heard.append("ended"),
            describe=lambda ids: {one: subjects.Description("Leavers keep their logins") for one in ids},
        )


def refusal_of(statement: str, parameters: list[Any] | tuple[Any, ...] = ()) -> tuple[str, str]:
    """SQLSTATE and message of a statement that the database refuses, run as the app's role; the test goes on."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, parameters)
    except DatabaseError as error:
        cause = error.__cause__
        assert isinstance(cause, psycopg.Error)
        return cause.sqlstate or "", str(cause).splitlines()[0]
    raise AssertionError("the database accepted it")
