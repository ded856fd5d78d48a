"""Reads an engagement's rows from the database into a snapshot: a bounded number of queries, findings in chunks.

Nothing internal is read: no internal comments, no drafts, no evidence in quarantine.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext

from evidence import clock
from evidence.controls import queries as control_queries
from evidence.controls.models import Category
from evidence.errors import Unavailable
from evidence.ledger import keys, notes
from evidence.ledger import models as ledger_models
from evidence.ledger import queries as ledger
from evidence.ledger import services as ledger_services
from evidence.organizations import queries as organizations
from portal.accounts.models import Membership
from portal.engagements import queries as engagements
from portal.packages import languages, letterheads, narrowing, outlines, planning, wording
from portal.packages import snapshot as s
from portal.packages.collecting import populations, risk
from portal.packages.collecting.controls import controls as controls_read
from portal.packages.collecting.exhibits import CONTROL, FINDING, TASK, Exhibits
from portal.packages.collecting.findings import Findings
from portal.packages.collecting.ground import Ground
from portal.packages.models import FINAL, Package
from portal.packages.wording import counted
from remediation.findings.models import Finding

#: A change of one of these between reading and the checkpoint would make the rows disagree with the ledger.
READ_TYPES = (
    FINDING, TASK, CONTROL, "tasks.plan", "approvals.request", "artifacts.artifact", "risk.acceptance",
    "risk.deferral", "monitoring.run", "engagements.engagement",
)  # fmt: skip

HEADINGS = {
    "CC1": "Control environment",
    "CC2": "Information and communication",
    "CC3": "Risk assessment",
    "CC4": "Monitoring",
    "CC5": "Control activities",
    "CC6": "Logical and physical access",
    "CC7": "System operations",
    "CC8": "Change management",
    "CC9": "Risk mitigation",
    "A1": "Availability",
    "C1": "Confidentiality",
    "PI1": "Processing integrity",
    "P": "Privacy",
}
MEANINGS = {
    "critical": "A criterion is not met and nothing else makes up for it, or student data is exposed.",
    "high": "A key control failed; others limit the effect.",
    "medium": "A control deviated without effect on its objective.",
    "low": "Documentation or timeliness only.",
}


class ChangedMeanwhile(Unavailable):
    """What was read is not of one ledger size."""

    code = "changed_meanwhile"


def unsealed_events(organization_id: UUID, most: int = 5000) -> list[UUID]:
    """Events that wait for their place under a checkpoint."""
    waiting = ledger_models.Queue.objects.filter(organization_id=organization_id).order_by("id")
    return list(waiting.values_list("event_id", flat=True)[:most])


def snapshot(package: Package, *, issues: tuple[s.Issue, ...]) -> s.Snapshot:
    """The rows of the package's engagement as of the newest checkpoint.

    Raises Unavailable when something in scope changed while it was read; the job then reads again.
    """
    reader = _Reader(package)
    began = clock.now()
    with languages.speaking(planning.language_of(package.chosen)):
        made = narrowing.narrowed(reader.snapshot(issues))
    _refuse_changed(package.organization_id, made.checkpoint, began)
    return made


def _refuse_changed(organization_id: UUID, checkpoint: s.Checkpoint | None, began: datetime) -> None:
    size = checkpoint.tree_size if checkpoint else 0
    newer = ledger_models.Event.objects.filter(
        organization_id=organization_id, object_type__in=READ_TYPES, at__gte=began - timedelta(minutes=2)
    ).exclude(entry__index__lt=size)
    if newer.exists():
        raise ChangedMeanwhile(
            "Something in this engagement changed while the package was being read. Nothing was built.",
            help="Build it again.",
        )


class _Reader:
    def __init__(self, package: Package) -> None:
        self.package = package
        self.ground = Ground(package)
        self.exhibits = Exhibits(self.ground)

    def snapshot(self, issues: tuple[s.Issue, ...]) -> s.Snapshot:
        # The checkpoint comes first: what is read after it may be newer and is then refused, never older.
        checkpoint = self._checkpoint()
        control_rows = list(engagements.controls(self.ground.engagement).order_by("number").select_related("owner"))
        findings = Findings(self.ground, self.exhibits).read()
        control_exhibits = self.exhibits.of(CONTROL, {row.pk: row.ref for row in control_rows})
        controls = controls_read(self.ground, control_rows, findings, control_exhibits)
        exhibits = tuple(self.exhibits.within_limit())
        finding_ids = self.ground.findings().values("pk")
        outline = outlines.BY_KEY[self.package.template]
        sampled = (
            populations.populations(self.ground, control_rows, in_full=outlines.Asks.SAMPLING in outline.asks)
            if "samples" in outline.sections
            else s.Sampling()
        )
        acceptances, deferrals = risk.acceptances(self.ground, finding_ids), risk.deferrals(self.ground, finding_ids)
        return s.Snapshot(
            organization=self._organization(),
            engagement=self._engagement(),
            identity=self._identity(issues),
            scope=self._scope(findings, controls),
            criteria=self._criteria(findings, controls),
            controls=controls,
            findings=tuple(findings),
            acceptances=acceptances,
            deferrals=deferrals,
            duties=risk.duties(self.ground, finding_ids, findings),
            exhibits=exhibits,
            checkpoint=checkpoint,
            severity_scale=self._scale(),
            previous=self._previous(checkpoint),
            template=s.restored(s.Template, self.package.chosen.get("template", {})),
            sampling=sampled,
            language=planning.language_of(self.package.chosen),
        )

    def _organization(self) -> s.Organization:
        row, shown = self.ground.organization, letterheads.in_force(self.ground.organization.pk)
        return s.Organization(
            shown.name or row.name,
            row.slug,
            row.timezone,
            row.is_sample,
            accent=shown.accent,
            logo=shown.logo_base64,
            address=tuple(shown.address.splitlines()),
        )

    def _previous(self, checkpoint: s.Checkpoint | None) -> s.Previous | None:
        """The issue before or, for a first issue, the engagement's last sealed package."""
        if checkpoint is None:
            return None
        sealed = Package.objects.filter(
            engagement=self.ground.engagement, state__in=FINAL, ledger_size__gt=0, ledger_size__lte=checkpoint.tree_size
        ).exclude(pk=self.package.pk)
        of_number = sealed.filter(number=self.package.number).order_by("-issue").first()
        before = of_number or sealed.order_by("-sealed_at").first()
        if before is None:
            return None
        note = ledger_services.checkpoint(self.ground.organization.pk, before.ledger_size)
        if note.partition("\n")[0] != checkpoint.origin:
            # After a declared loss the ledger has a new name: it does not continue what was signed before.
            return None
        return s.Previous(before.ref, before.issue, before.sha256, before.ledger_size, note)

    def _checkpoint(self) -> s.Checkpoint | None:
        standing = ledger.standing(self.ground.organization.pk)
        if not standing.note:
            return None
        known = keys.verifier_keys(self.ground.organization.pk)
        opened = notes.open_checkpoint(standing.note, known)
        key = next(key for key in known if _signed_by(standing.note, key))
        return s.Checkpoint(
            note=standing.note,
            origin=opened.origin,
            tree_size=standing.size,
            root=standing.root,
            key=str(key),
            keys=tuple(str(one) for one in known),
            signed_at=standing.sealed_at.replace(microsecond=0) if standing.sealed_at else None,
        )

    def _engagement(self) -> s.Engagement:
        row = self.ground.engagement
        return s.Engagement(
            ref=row.ref,
            title=row.title,
            kind=row.get_kind_display(),
            auditor_firm=row.auditor_firm,
            period_start=row.period_start,
            period_end=row.period_end,
            categories=tuple(_category(name) for name in row.categories),
            system_description=row.system_description,
        )

    def _identity(self, issues: tuple[s.Issue, ...]) -> s.Identity:
        package = self.package
        department = Membership.objects.filter(
            organization_id=self.ground.organization.pk, person_id=package.prepared_by_id, ended_at=None
        ).exclude(department="")
        recipients = (
            ((self.ground.engagement.auditor_firm, "Examination"),) if self.ground.engagement.auditor_firm else ()
        )
        return s.Identity(
            ref=package.ref,
            issue=package.issue,
            title=package.title,
            state="draft",
            as_of=self.ground.now,
            prepared_by=package.prepared_by.name,
            department=department.values_list("department", flat=True).first() or "",
            issues=issues,
            recipients=recipients,
        )

    def _scope(self, findings: list[s.Finding], controls: tuple[s.Control, ...]) -> s.Scope:
        row = self.ground.engagement
        return s.Scope(
            gaps=(*row.known_gaps, *self._gaps(findings, controls)),
            exclusions=(*row.exclusions, *self._left_out()),
            vendors=tuple(
                s.Vendor(
                    str(vendor.get("name", "")),
                    str(vendor.get("service", "")),
                    str(vendor.get("report", "")),
                    str(vendor.get("note", "")),
                )
                for vendor in row.vendors
            ),
            user_controls=tuple(row.user_controls),
        )

    def _gaps(self, findings: list[s.Finding], controls: tuple[s.Control, ...]) -> Iterator[str]:
        late = [f.ref for f in findings if f.is_overdue(self.ground.today)]
        if late:
            yield wording.capital(
                counted(
                    "%(number)s finding past the date: %(refs)s.",
                    "%(number)s findings past the date: %(refs)s.",
                    len(late),
                    refs=_some(late),
                )
            )
        designed = [f.ref for f in findings if f.is_closed and f.design_only]
        if designed:
            yield wording.capital(
                counted(
                    "%(number)s finding closed as design only, before the control had run often enough: %(refs)s.",
                    "%(number)s findings closed as design only, before the control had run often enough: %(refs)s.",
                    len(designed),
                    refs=_some(designed),
                )
            )
        unshown = [c.ref for c in controls if not c.due]
        if unshown:
            yield wording.capital(
                counted(
                    "%(number)s control without a recorded run: %(refs)s.",
                    "%(number)s controls without a recorded run: %(refs)s.",
                    len(unshown),
                    refs=_some(unshown),
                )
            )
        gappy = [c.ref for c in controls if c.due and c.operated < c.due]
        if gappy:
            yield wording.capital(
                counted(
                    "%(number)s control with missing or partial runs: %(refs)s.",
                    "%(number)s controls with missing or partial runs: %(refs)s.",
                    len(gappy),
                    refs=_some(gappy),
                )
            )
        unread = [e.number for e in self.exhibits.taken.values() if e.review not in ("accepted", "disposed")]
        if unread:
            yield wording.capital(
                counted(
                    "%(number)s exhibit not yet reviewed by a second person: %(refs)s.",
                    "%(number)s exhibits not yet reviewed by a second person: %(refs)s.",
                    len(unread),
                    refs=_some(sorted(unread)),
                )
            )
        if self.exhibits.left_out:
            yield wording.capital(
                counted(
                    "%(number)s linked file left out, because in quarantine, returned or being redacted: %(refs)s.",
                    "%(number)s linked files left out, because in quarantine, returned or being redacted: %(refs)s.",
                    len(self.exhibits.left_out),
                    refs=_some(sorted(self.exhibits.left_out)),
                )
            )
        if untold := self.ground.untold():
            yield wording.capital(
                counted(
                    "%(number)s finding in scope left out, because kept to those who need to know.",
                    "%(number)s findings in scope left out, because kept to those who need to know.",
                    untold,
                )
            )
        if self.ground.today < self.ground.engagement.period_end:
            yield gettext("The period runs until %(day)s; this package is of an earlier day.") % {
                "day": wording.long_day(self.ground.engagement.period_end)
            }

    def _left_out(self) -> Iterator[str]:
        own = Finding.objects.filter(organization_id=self.ground.organization.pk).exclude(state="draft")
        outside = own.exclude(engagement_scopes__engagement_id=self.ground.engagement.pk).count()
        if outside:
            yield wording.capital(
                counted(
                    "%(number)s finding of the organization outside this engagement’s scope.",
                    "%(number)s findings of the organization outside this engagement’s scope.",
                    outside,
                )
            )

    def _criteria(self, findings: list[s.Finding], controls: tuple[s.Control, ...]) -> tuple[s.Criterion, ...]:
        used = {name for row in (*findings, *controls) for name in row.criteria}
        return tuple(
            s.Criterion(row.identifier, _heading(row.identifier), row.title)
            for row in control_queries.criteria()
            if row.identifier in used
        )

    def _scale(self) -> tuple[tuple[str, str, int], ...]:
        days = organizations.policy(self.ground.organization.pk, "sla").body["remediate_days"]
        return tuple((name, MEANINGS[name], int(days[name])) for name in s.SEVERITIES)


def _signed_by(note: str, key: notes.VerifierKey) -> bool:
    try:
        notes.open_note(note, [key])
    except notes.Unsigned:
        return False
    return True


def _heading(identifier: str) -> str:
    prefix = identifier.partition(".")[0]
    return HEADINGS.get(prefix) or HEADINGS.get(prefix[:1], "Other criteria")


def _category(name: str) -> str:
    return "Security" if name == Category.COMMON else Category(name).label


def _some(refs: list[str], most: int = 12) -> str:
    if len(refs) <= most:
        return wording.listed(refs)
    return wording.and_more(wording.separated(refs[:most]), len(refs) - most)
