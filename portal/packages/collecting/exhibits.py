"""The evidence that a package's findings and controls use: each once, by its own number."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

from django.utils.translation import gettext

from evidence.artifacts import holding, withholding
from evidence.artifacts.models import Artifact, ArtifactLink
from evidence.organizations import queries as settings_of
from evidence.retention import queries as retention
from portal.packages import snapshot as s
from portal.packages.collecting.ground import Ground
from remediation.findings.models import Finding
from remediation.tasks.models import OwedItem, Task

#: What is in quarantine or was returned is no evidence, and what a redaction keeps back stays at home; what was disposed of is named with its hash; what nobody has reviewed yet is shown as such.
SHOWN_STATES = ("received", "accepted", "disposed")
FINDING, TASK, CONTROL = "findings.finding", "tasks.task", "controls.control"


class Exhibits:
    """Gathers exhibits while findings and controls are read."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.taken: dict[str, s.Exhibit] = {}
        self.left_out: set[str] = set()

    def of_findings(self, rows: list[Finding], tasks: dict[UUID, list[Task]]) -> dict[UUID, set[str]]:
        refs = {row.pk: row.ref for row in rows}
        found: dict[UUID, set[str]] = defaultdict(set)
        for finding_id, numbers in self.of(FINDING, refs).items():
            found[finding_id].update(numbers)
        of_task = {task.pk: task.finding_id for many in tasks.values() for task in many}
        by_task = {pk: refs[finding_id] for pk, finding_id in of_task.items()}
        for task_id, numbers in self.of(TASK, by_task).items():
            found[of_task[task_id]].update(numbers)
        owed = OwedItem.objects.filter(task_id__in=of_task, artifact__isnull=False).values_list(
            "task_id", "artifact_id"
        )
        wanted: dict[UUID, set[UUID]] = defaultdict(set)
        for task_id, artifact_id in owed:
            wanted[artifact_id].add(of_task[task_id])
        for artifact_id, number in self._take({pk: [refs[f] for f in fs] for pk, fs in wanted.items()}).items():
            for finding_id in wanted[artifact_id]:
                found[finding_id].add(number)
        return found

    def of(self, target_type: str, refs: dict[UUID, str]) -> dict[UUID, list[str]]:
        """Exhibit numbers by the thing they are linked to."""
        links = list(
            ArtifactLink.objects.filter(
                organization_id=self.ground.organization.pk, target_type=target_type, target_id__in=list(refs)
            ).values_list("artifact_id", "target_id")
        )
        users: dict[UUID, list[str]] = defaultdict(list)
        for artifact_id, target_id in links:
            users[artifact_id].append(refs[target_id])
        numbers = self._take(users, of_controls=target_type == CONTROL)
        found: dict[UUID, list[str]] = defaultdict(list)
        for artifact_id, target_id in links:
            if artifact_id in numbers and numbers[artifact_id] not in found[target_id]:
                found[target_id].append(numbers[artifact_id])
        return {target: sorted(many) for target, many in found.items()}

    def _take(self, users: dict[UUID, list[str]], *, of_controls: bool = False) -> dict[UUID, str]:
        """Puts artifacts that may be shown among the exhibits; answers their numbers."""
        if not users:
            return {}
        numbers: dict[UUID, str] = {}
        rows = list(
            Artifact.objects.filter(pk__in=list(users)).select_related("latest__blob").prefetch_related("latest__scans")
        )
        kept_back = withholding.kept_back_among(row.latest_id for row in rows if row.latest_id)
        gone = [row.latest.pk for row in rows if row.latest and row.latest.blob.erased_at]
        disposed = retention.disposals_of_files(gone) if gone else {}
        showable = set(holding.showable(Artifact.objects.filter(pk__in=list(users))).values_list("pk", flat=True))
        for row in sorted(rows, key=lambda row: row.number):
            unfit = row.latest is None or row.pk not in showable or row.latest_id in kept_back
            if row.state not in SHOWN_STATES or unfit:
                self.left_out.add(row.ref)
                continue
            self.ground.names.learn([row.latest.collector_id, row.latest.uploaded_by_id])
            before = self.taken.get(row.ref)
            findings = set(before.findings if before else ()) | (set() if of_controls else set(users[row.pk]))
            controls = set(before.controls if before else ()) | (set(users[row.pk]) if of_controls else set())
            taken = self._row(row, tuple(sorted(findings)), tuple(sorted(controls)))
            if row.latest.pk in gone:
                taken = dataclasses.replace(taken, review="disposed", not_attached=_gone(disposed.get(row.latest.pk)))
            self.taken[row.ref] = taken
            numbers[row.pk] = row.ref
        return numbers

    def _row(self, row: Artifact, findings: tuple[str, ...], controls: tuple[str, ...]) -> s.Exhibit:
        version = row.latest
        return s.Exhibit(
            number=row.ref,
            title=row.title,
            kind=row.kind,
            filename=version.filename,
            size=version.size,
            sha256=version.sha256,
            media_type=version.mime,
            collected_at=version.collected_at or version.received_at,
            collected_by=self.ground.names[version.collector_id] or self.ground.names[version.uploaded_by_id],
            period_start=version.period_from,
            period_end=version.period_to,
            as_of=self.ground.day(version.as_of),
            source_system=version.source_system,
            query=version.query,
            row_count=version.row_count,
            scan=version.scan_state,
            review=row.state,
            version=version.number,
            findings=findings,
            controls=controls,
        )

    def within_limit(self) -> Iterator[s.Exhibit]:
        """Attaches the smaller files first, until the limit; the rest are named with their hash and stay in the vault."""
        limit = 1_000_000 * int(settings_of.policy(self.ground.organization.pk, "packages").body["attached_megabytes"])
        exhibits = sorted(self.taken.values(), key=_exhibit_key)
        taken, inside = 0, set()
        for exhibit in sorted(exhibits, key=lambda row: (row.size, row.number)):
            if exhibit.not_attached:
                continue
            if taken + exhibit.size > limit:
                break
            taken += exhibit.size
            inside.add(exhibit.number)
        for exhibit in exhibits:
            if exhibit.number in inside or exhibit.not_attached:
                yield exhibit
            else:
                yield dataclasses.replace(exhibit, not_attached=gettext("too large, kept in the portal’s vault"))


def _gone(disposal: str | None) -> str:
    if not disposal:
        return gettext("disposed of")
    return gettext("disposed of, certificate %(certificate)s") % {"certificate": disposal}


def _exhibit_key(exhibit: s.Exhibit) -> tuple[int, str]:
    digits = exhibit.number.rpartition("-")[2]
    return (int(digits) if digits.isdigit() else 0, exhibit.number)
