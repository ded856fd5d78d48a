"""Every address of the portal, read from the resolver, and what a test puts into its blanks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver

from portal.web import controls, finding_acts, tasks
from tests.contracts.world import World

# An address that takes a verb is as many addresses as there are verbs.
VERBS = {
    "findings:act": [act.verb for act in finding_acts.ACTS],
    "tasks:act": [act.verb for act in tasks.ACTS],
    "controls:act": [act.verb for act in controls.ACTS],
}
# The kit shows components with invented data; it is not there in production.
KIT = "ui_kit:"


@dataclass(frozen=True)
class Address:
    """One pattern. `key` is its name, with the verb where it takes one."""

    key: str
    name: str
    blanks: tuple[str, ...]
    is_api: bool
    verb: str = ""

    def url(self, world: World, ref: str = "") -> str:
        values = {blank: self._value(world, blank, ref) for blank in self.blanks}
        return reverse(self.name, kwargs=values)

    def _value(self, world: World, blank: str, ref: str) -> Any:
        if blank == "verb":
            return self.verb
        if blank == "ref" and ref:
            return ref
        area = self.name.removeprefix("api-").replace(":", "-").split("-")[0]
        for place in (f"{self.name}.{blank}", f"{area}.{blank}", blank):
            if place in BLANKS:
                return BLANKS[place](world)
        raise LookupError(f"{self.name} has a blank {blank} that no test knows how to fill; add it to BLANKS")


BLANKS: dict[str, Callable[[World], Any]] = {
    "organization": lambda world: world.slug,
    "slug": lambda world: world.slug,
    "secret": lambda world: "no-such-secret",
    "item": lambda world: world.request.pk,
    "proposal_id": lambda world: world.proposal.pk,
    "waiver_id": lambda world: world.waiver.pk,
    "delegations.item": lambda world: world.delegation.pk,
    "emergency.item": lambda world: world.emergency.pk,
    "emergency_id": lambda world: world.emergency.pk,
    "absence": lambda world: world.absence.pk,
    "delegation_id": lambda world: world.delegation.pk,
    "request_id": lambda world: world.request.pk,
    "person": lambda world: world.people.ivan.person_id,
    "asked": lambda world: world.role_request.pk,
    "made": lambda world: world.report.pk,
    "claim": lambda world: world.claim.pk,
    "membership": lambda world: membership_of(world.people.ivan),
    "session": lambda world: world.job.pk,
    "key": lambda world: 0,
    "token": lambda world: world.token.pk,
    "review": lambda world: world.access_review.pk,
    "line": lambda world: world.review_line.pk,
    "index": lambda world: 0,
    "event": lambda world: world.event.pk,
    "tree": lambda world: world.organization.pk,
    "level": lambda world: 0,
    "stamp": lambda world: world.stamp.pk,
    "object_type": lambda world: "findings.finding",
    "object_id": lambda world: world.findings["closed"].finding.pk,
    "blob": lambda world: world.blob.pk,
    "imports.kind": lambda world: "csv",
    "settings.kind": lambda world: "uploads",
    "findings.ref": lambda world: world.findings["closed"].finding.ref,
    "finding.ref": lambda world: world.findings["closed"].finding.ref,
    "triage.ref": lambda world: world.findings["reported"].finding.ref,
    "tasks.ref": lambda world: world.findings["in_remediation"].task.ref,
    "task.ref": lambda world: world.findings["in_remediation"].task.ref,
    "controls.ref": lambda world: world.control.ref,
    "run": lambda world: world.run.pk,
    "job": lambda world: world.job.pk,
    "evidence.ref": lambda world: world.evidence.ref,
    "redaction_id": lambda world: world.redaction.pk,
    "evidence:redaction.ref": lambda world: world.redacted.ref,
    "retention:disposal.ref": lambda world: world.disposal.ref,
    "retention:run.ref": lambda world: world.disposal.ref,
    "retention:certificate.ref": lambda world: world.certificate.disposal.ref,
    "retention:certificate_pdf.ref": lambda world: world.certificate.disposal.ref,
    "retention:hold.ref": lambda world: world.hold.ref,
    "retention.ref": lambda world: world.picture.ref,
    "access:finding.ref": lambda world: world.findings["closed"].finding.ref,
    "access:artifact.ref": lambda world: world.evidence.ref,
    "access:engagement.ref": lambda world: world.engagement.ref,
    "access:take_back.grant": lambda world: world.let_in.pk,
    "engagements:revoke_team.grant": lambda world: world.team_grant.pk,
    "api-finding-grant.grant": lambda world: world.let_in.pk,
    "team": lambda world: world.team.pk,
    "place": lambda world: world.place_in_team.pk,
    "published:tile.place": lambda world: "000.p/1",
    "number": lambda world: 1,
    "page": lambda world: 1,
    "filename": lambda world: "weeks.csv",
    "upload": lambda world: world.upload.pk,
    "engagements.ref": lambda world: world.engagement.ref,
    "engagement": lambda world: world.engagement.ref,
    "engagement.ref": lambda world: world.engagement.ref,
    "package.ref": lambda world: world.package.pk,
    "path": lambda world: "poam.xlsx",
    "grant": lambda world: world.grant.pk,
    "package": lambda world: world.package.pk,
    "link": lambda world: world.link.pk,
    "package_links:list.package": lambda world: world.sealed.pk,
    "package_links:release.package": lambda world: world.sealed.pk,
    "packages:supersede.package": lambda world: world.sealed.pk,
    "api-package-supersede.ref": lambda world: world.sealed.pk,
    "api-package-release.ref": lambda world: world.sealed.pk,
    "api-package-changes.ref": lambda world: world.sealed.pk,
    "api-package-links.ref": lambda world: world.sealed.pk,
    "api-package-link.ref": lambda world: world.sealed.pk,
    "api-package-link-uses.ref": lambda world: world.sealed.pk,
    "api-package-link-revoke.ref": lambda world: world.sealed.pk,
    "auditor:finding.ref": lambda world: world.findings["closed"].finding.ref,
    "auditor:artifact.ref": lambda world: world.evidence.ref,
    "auditor:picture.ref": lambda world: world.picture.ref,
    "auditor:download.ref": lambda world: world.evidence.ref,
    "auditor:custody.ref": lambda world: world.evidence.ref,
    "auditor:custody_report.ref": lambda world: world.evidence.ref,
}


# Blanks of the API that mean the same in whichever address they stand.
SAME_EVERYWHERE = ("absence", "asked", "claim", "delegation_id", "emergency_id", "grant", "line", "link", "path", "place", "review",
                   "session", "team", "waiver_id")  # fmt: skip


def membership_of(someone: Any) -> Any:
    from portal.accounts.models import Membership

    return Membership.objects.get(person_id=someone.person_id).pk


def addresses() -> list[Address]:
    """All of them, in the resolver's order."""
    found = []
    for route, pattern, spaces in patterns(get_resolver().url_patterns):
        name = ":".join((*spaces, pattern.name or route))
        if name.startswith(KIT):
            continue
        blanks = tuple(_blanks(route, pattern))
        for verb in VERBS.get(name, [""]):
            key = f"{name}/{verb}" if verb else name
            found.append(Address(key, name, blanks, route.startswith("api/"), verb))
    return found


def patterns(listed: list, route: str = "", spaces: tuple[str, ...] = ()) -> Iterator[tuple[str, URLPattern, tuple]]:
    for pattern in listed:
        here = route + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = (*spaces, pattern.namespace) if pattern.namespace else spaces
            yield from patterns(pattern.url_patterns, here, inner)
        else:
            yield here, pattern, spaces


def _blanks(route: str, pattern: URLPattern) -> Iterator[str]:
    for piece in route.split("<")[1:]:
        yield piece.split(">")[0].split(":")[-1]
