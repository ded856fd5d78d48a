"""The check on duties: judges all history in windows, keeps each conflict once, and opens findings for proven ones."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.canonical import canonical_bytes
from evidence.ledger import queries as ledger_queries
from evidence.ledger import services as ledger
from evidence.organizations import queries as organizations
from portal.watch.events import CONFLICT_FOUND, DUTIES_CHECKED, DUTIES_REPORTED
from portal.watch.judgements import COLUMNS, JUDGEMENTS, Judgement
from portal.watch.models import Case, Conflict, Round
from remediation.findings import services as findings
from remediation.findings.models import Finding
from remediation.sod import rulebook

WINDOW = 5_000
NAMED_IN_FINDING = 20
_FIRST = UUID(int=0)

Inside = Callable[[], AbstractContextManager[None]]
Watch = Callable[[int, int, str], object]

# An item that a judgement did not name by its public id is a finding, or has none.
_NAMED = COLUMNS.replace(
    "subject_ref",
    "coalesce(nullif(found.subject_ref, ''), (SELECT f.ref FROM findings_finding f WHERE f.id = found.subject_id), '')"
    " AS subject_ref",
)
# Keeps what a judgement answers. The key of the human being makes one conflict out of both ways to see it.
_KEEP = f"""
INSERT INTO watch_conflict (id, organization_id, kind, {COLUMNS}, voice, found_at)
SELECT gen_random_uuid(), current_organization(), %(kind)s, one.* FROM (
  SELECT DISTINCT ON (rule, subject_id, cycle, voice, is_proven) {COLUMNS}, voice, %(now)s::timestamptz AS found_at
    FROM (SELECT {_NAMED}, accounts_first_of(found.person_id) AS voice FROM ({{statement}}) AS found) AS judged
   ORDER BY rule, subject_id, cycle, voice, is_proven, act_at
) AS one
ON CONFLICT DO NOTHING RETURNING id, rule
"""  # noqa: S608


@dataclass
class Progress:
    """How far a round is."""

    judged: dict[str, int] = field(default_factory=dict)
    found: int = 0
    done: int = 0
    total: int = 0


def run_round(*, actor: Actor, inside: Inside, watch: Watch) -> dict[str, Any]:
    """Judge everything, a window at a time, each in a transaction of its own: what a cancelled round found stays found."""
    started = clock.now()
    progress = Progress()
    with inside():
        counts = {judgement.key: _count(judgement) for judgement in JUDGEMENTS}
    progress.total = sum(counts.values())
    for judgement in JUDGEMENTS:
        _judge(judgement, actor, inside, watch, progress)
    with inside():
        opened = _open_findings(actor)
        made = _record(started, progress, actor)
    watch(progress.total, progress.total, "Done")
    return {"round": str(made.pk), "judged": progress.done, "found": progress.found, "findings": opened}


def _judge(judgement: Judgement, actor: Actor, inside: Inside, watch: Watch, progress: Progress) -> None:
    after: UUID | None = _FIRST
    while after is not None:
        with inside():
            after, judged, found = _window(judgement, after, actor)
        progress.judged[judgement.key] = progress.judged.get(judgement.key, 0) + judged
        progress.done += judged
        progress.found += found
        watch(min(progress.done, progress.total), max(progress.total, 1), judgement.word)


def _window(judgement: Judgement, after: UUID, actor: Actor) -> tuple[UUID | None, int, int]:
    """Judge one window. Answers where the next begins, how many rows were judged and how many conflicts are new."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(
            f"SELECT (array_agg(id ORDER BY id DESC))[1], count(*)"  # noqa: S608
            f" FROM (SELECT id FROM {judgement.table} WHERE id > %s ORDER BY id LIMIT %s) AS part",
            [after, WINDOW],
        )
        upto, judged = cursor.fetchone()
        if upto is None:
            return None, 0, 0
        cursor.execute(
            _KEEP.replace("{statement}", judgement.statement),
            {"kind": judgement.key, "after": after, "upto": upto, "now": clock.now()},
        )
        found = cursor.fetchall()
    # The history names the rule alone: the item may be restricted.
    rows = [(conflict_id, rule, {"rule": rule}) for conflict_id, rule in found]
    if rows:
        ledger.record_many(CONFLICT_FOUND, rows=rows, object_type="watch.conflict", actor=actor)
    return (upto if judged == WINDOW else None), judged, len(rows)


def _count(judgement: Judgement) -> int:
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {judgement.table}")  # noqa: S608
        return int(cursor.fetchone()[0])


def _open_findings(actor: Actor) -> int:
    """One finding for each rule with proven conflicts that no finding is about yet; a thousand items make one, too."""
    waiting = Conflict.objects.filter(is_proven=True, case=None)
    opened = 0
    for rule in list(waiting.order_by("rule").values_list("rule", flat=True).distinct()):
        _open_finding(rule, actor)
        opened += 1
    return opened


def _open_finding(rule: str, actor: Actor) -> Finding:
    rows = Conflict.objects.filter(is_proven=True, case=None, rule=rule).order_by("id")
    named = list(rows[: NAMED_IN_FINDING + 1])
    count = rows.count()
    known = rulebook.find(rule)
    hidden = _restricted(named)
    lines = [_line(row, hidden) for row in named[:NAMED_IN_FINDING]]
    if count > NAMED_IN_FINDING:
        lines.append(f"and {count - NAMED_IN_FINDING} more, all on the page of the check on duties")
    items = "1 item" if count == 1 else f"{count:,} items"
    finding = findings.report(
        actor=Actor.system(actor.organization_id, "check on duties"),
        title=f"Segregation of duties: rule {rule} was broken on {items}",
        description=f"{known.sentence.capitalize() if known else named[0].sentence}.\n\n" + "\n".join(lines),
        source="internal",
        asset="Segregation of duties",
        detected_at=clock.now(),
        severity="high",
        rule_id=rule,
        criteria=["CC5.1"],
    )
    Case.objects.bulk_create(
        [
            Case(organization_id=actor.organization_id, conflict_id=key, finding=finding)
            for key in rows.values_list("pk", flat=True)
        ]
    )
    return finding


def _restricted(rows: Sequence[Conflict]) -> set[UUID]:
    """Items that not everybody may know of; a finding for all to read does not name them."""
    found = Finding.objects.filter(pk__in=[row.subject_id for row in rows], is_restricted=True)
    return set(found.values_list("pk", flat=True))


def _line(row: Conflict, hidden: set[UUID]) -> str:
    name = "A restricted item" if row.subject_id in hidden else row.subject_ref or row.act_type
    return f"{name}, cycle {row.cycle}: {row.sentence}"


def _record(started: datetime, progress: Progress, actor: Actor) -> Round:
    standing = ledger_queries.standing(actor.organization_id)
    made = Round.objects.create(
        organization_id=actor.organization_id,
        started_at=started,
        judged=progress.judged,
        found=progress.found,
        rules_sha256=rules_in_force(actor.organization_id).sha256,
        ledger_size=standing.size,
        ledger_root=standing.root or "",
        started_by_id=actor.person_id,
    )
    ledger.record(
        DUTIES_CHECKED,
        subject=made,
        actor=actor,
        data={"judged": progress.done, "found": progress.found, "rules_sha256": made.rules_sha256},
    )
    return made


@dataclass(frozen=True)
class RulesInForce:
    """The rules of a moment and their hash: what a report proves its decisions were judged by."""

    sha256: str
    matrix_version: int
    policies: dict[str, int]


def rules_in_force(organization_id: UUID, matrix_version: int | None = None) -> RulesInForce:
    """The hash over the matrix as the database reads it and the organization's policies on duties and quorum."""
    with connections[tenancy.alias()].cursor() as cursor:
        cursor.execute("SELECT coalesce(%s, sod_matrix_version())", [matrix_version])
        version = cursor.fetchone()[0]
        cursor.execute(
            "SELECT number, held, wanted, verdict, condition, sentence FROM sod_rule WHERE matrix_version = %s"
            " ORDER BY number, held, wanted",
            [version],
        )
        cells = [list(row) for row in cursor.fetchall()]
    policies = {kind: organizations.policy(organization_id, kind) for kind in ("sod", "quorum")}
    told = {
        "matrix": {"version": version, "cells": cells},
        "policies": {kind: {"version": one.version, "body": one.body} for kind, one in policies.items()},
    }
    digest = hashlib.sha256(canonical_bytes(told)).hexdigest()
    return RulesInForce(digest, version, {kind: one.version for kind, one in policies.items()})


@transaction.atomic
def record_report(*, actor: Actor, data: dict[str, Any]) -> None:
    """Leave the event that a report was taken, before a byte of it goes out."""
    subject = ledger.Subject("organizations.organization", actor.organization_id)
    ledger.record(DUTIES_REPORTED, subject=subject, actor=actor, data=data)
