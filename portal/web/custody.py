"""The chain of custody as pages and as a PDF, for the company's people and, within their engagement, for auditors.

Auditors read who handled, opened and used what was released to them. They don't read what the evidence was used for
outside their engagement, nor the names of other engagements' auditors.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_GET

from evidence import clock
from evidence.artifacts import custody, queries
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import Artifact, ArtifactVersion, Method
from evidence.errors import NotFound
from evidence.ledger import queries as ledger
from evidence.organizations.models import Organization
from portal.accounts.models import Person
from portal.edge.tenancy import inside, needs, outside_transaction
from portal.engagements import queries as engagements
from portal.engagements.models import Engagement
from portal.packages import documents, wording
from portal.packages import queries as packages
from portal.web import downloads, history
from portal.web.components import Filter, Slice, TimelineEntry
from portal.web.history import PRODUCT
from remediation.tasks.models import Task

SIGNS = {
    "artifact.received": ("upload", "info", "uploaded version 1"),
    "artifact.version_added": ("file-plus-2", "info", "added version {number}"),
    "artifact.linked": ("link", "", "linked it"),
    "artifact.scanned": ("shield-check", "ok", "searched version {number} for malware"),
    "artifact.searched": ("scan-search", "warn", "found possible personal data in version {number}"),
    "artifact.kept": ("user-check", "info", "decided to keep version {number} as it is"),
    "artifact.accepted": ("circle-check", "ok", "accepted version {number}"),
    "artifact.returned": ("undo-2", "review", "returned version {number}"),
    "artifact.released": ("lock-open", "review", "released version {number} from quarantine"),
    "artifact.redaction_proposed": ("eye-off", "review", "made a redacted copy"),
    "artifact.redaction_approved": ("eye-off", "ok", "approved the redacted copy"),
    "artifact.redaction_refused": ("eye-off", "crit", "refused the redacted copy"),
    "artifact.redaction_unneeded": ("eye", "", "found that no redaction is needed"),
    "artifact.downloaded": ("download", "", "downloaded the original of version {number}"),
    "artifact.viewed": ("eye", "", "viewed version {number}"),
    "artifact.verified": ("shield-check", "ok", "checked the stored bytes of version {number}: unchanged"),
    "artifact.classified": ("archive", "", "changed how long it is kept"),
    "artifact.disposal_proposed": ("archive", "warn", "found that it has been kept long enough"),
    "artifact.disposal_requested": ("trash-2", "review", "asked to dispose of it"),
    "artifact.disposal_approved": ("trash-2", "warn", "approved its disposal"),
    "artifact.disposal_refused": ("circle-x", "crit", "refused its disposal"),
    "artifact.disposal_withdrawn": ("circle-minus", "", "took back the disposal"),
    "artifact.disposed": ("trash-2", "crit", "disposed of it"),
    "artifact.packaged": ("package-check", "review", "sealed version {number} into a package"),
    "artifact.custody_reported": ("file-down", "", "took the custody report"),
}
SCANS = {
    "clean": ("shield-check", "ok", "found no malware in version {number}"),
    "infected": ("octagon-alert", "crit", "found malware in version {number}"),
    "unscannable": ("shield-question-mark", "warn", "could not scan version {number}"),
}
SOURCES = (("source_system", "From"), ("query", "Query or steps"), ("note", "What is new"), ("filename", "File"))
FOUND = (("engine", "Scanner"), ("signature", "Signature"), ("reason", "Why"))
ELSEWHERE = "a record outside this engagement"
ANOTHER_AUDITOR = "An auditor of another engagement"
#: On the artifact's own page; the whole chain has a page of its own.
SHORT_ROWS = 8
#: What the PDF says of each version, so that its events need not.
ON_THE_FIRST_PAGE = frozenset({"Query or steps", "File", "SHA-256"})
#: What one PDF lists; the page goes on.
REPORT_ROWS = 2_000


@dataclass(frozen=True)
class Reader:
    """For whom a chain is told: an auditor within an engagement, or without one the company's people."""

    slug: str
    engagement: Engagement | None = None
    may_follow: bool = False

    def link(self, fact: ledger.Fact) -> str:
        """The page of the event with its proof, for those who may open it."""
        return reverse("ledger:event", args=[self.slug, fact.id]) if self.may_follow else ""


def reader_of(request: HttpRequest, engagement: Engagement | None = None) -> Reader:
    slug: str = request.organization.slug  # type: ignore[attr-defined]
    return Reader(slug, engagement, engagement is None and request.actor.may("ledger.view"))  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _Known:
    """What the facts of one page speak of: people by their names, and targets that the reader may see."""

    people: dict[UUID, str]
    seen: frozenset[str] | None = None


def entries(facts: Sequence[ledger.Fact], reader: Reader) -> list[TimelineEntry]:
    """Lines of a timeline, in the order of the facts, in as many statements for one as for all."""
    known = _Known(_names(facts), _seen(facts, reader.engagement))
    return [_entry(fact, known, reader) for fact in facts]


def _names(facts: Iterable[ledger.Fact]) -> dict[UUID, str]:
    ids = {fact.person_id for fact in facts if fact.person_id}
    ids |= {UUID(collector) for fact in facts if (collector := (fact.after or {}).get("collector"))}
    return {person.pk: person.name for person in Person.objects.filter(pk__in=ids)}


def _targets(facts: Iterable[ledger.Fact]) -> set[str]:
    told = (fact.data or {} for fact in facts)
    return {str(target["id"]) for data in told for name in ("target", "package") if (target := data.get(name))}


def _seen(facts: Iterable[ledger.Fact], here: Engagement | None) -> frozenset[str] | None:
    """The targets that were released to an auditor; None for the company's people, who see all."""
    if here is None:
        return None
    wanted = _targets(facts)
    findings = engagements.findings(here, released_only=True)
    found = [
        findings.filter(pk__in=wanted).values_list("pk", flat=True),
        engagements.controls(here, released_only=True).filter(pk__in=wanted).values_list("pk", flat=True),
        Task.objects.filter(pk__in=wanted, finding__in=findings).values_list("pk", flat=True),
        packages.released(here).filter(pk__in=wanted).values_list("pk", flat=True),
    ]
    return frozenset(str(pk) for rows in found for pk in rows)


def _entry(fact: ledger.Fact, known: _Known, reader: Reader) -> TimelineEntry:
    icon, tone, text = _said(fact, known)
    return TimelineEntry(
        at=fact.at,
        actor=_actor(fact, known, reader.engagement),
        text=text,
        icon=icon,
        tone=tone,
        index=fact.index,
        hash=fact.leaf,
        url=reader.link(fact),
        quote=fact.reason,
        details=tuple(_details(fact, known)),
    )


def _actor(fact: ledger.Fact, known: _Known, here: Engagement | None) -> str:
    theirs = (fact.data or {}).get("engagement")
    if here is not None and theirs and theirs != str(here.pk):
        return ANOTHER_AUDITOR
    if fact.person_id:
        return known.people.get(fact.person_id, "Somebody")
    return f"{PRODUCT} ({fact.system})" if fact.system else PRODUCT


def _said(fact: ledger.Fact, known: _Known) -> tuple[str, str, str]:
    data, after = fact.data or {}, fact.after or {}
    number = data.get("number") or after.get("number") or ""
    if fact.kind not in SIGNS:
        sign = history.SIGNS.get(fact.kind.rpartition(".")[2].rpartition("_")[2])
        return (sign.icon, sign.tone, history.told(fact)) if sign else ("circle-dot", "", history.told(fact))
    icon, tone, text = SIGNS[fact.kind]
    if fact.kind == "artifact.linked":
        text = f"linked it to {_target(data.get('target', {}), known)}"
    elif fact.kind == "artifact.packaged":
        text = f"sealed version {number} into {_target(data.get('package', {}), known)}"
    elif fact.kind == "artifact.scanned":
        icon, tone, text = SCANS.get(str(after.get("scan")), (icon, tone, text))
    elif fact.kind == "artifact.viewed" and data.get("page"):
        text += f", page {data['page']}"
    elif fact.kind == "artifact.verified" and not data.get("intact", True):
        return "octagon-alert", "crit", f"found that the stored bytes of version {number} differ"
    return icon, tone, text.format(number=number)


def _target(target: dict[str, Any], known: _Known) -> str:
    if known.seen is not None and str(target.get("id")) not in known.seen:
        return ELSEWHERE
    word = str(target.get("type", "")).rpartition(".")[2].replace("_", " ")
    issue = f", issue {target['issue']}" if target.get("issue") else ""
    closing = ", given to close it" if target.get("closing") else ""
    return f"{word} {target.get('ref') or ''}{issue}".strip() + closing


def _details(fact: ledger.Fact, known: _Known) -> Iterable[tuple[str, str]]:
    data, after = fact.data or {}, fact.after or {}
    yield from ((word, fact.texts[name]) for name, word in SOURCES if fact.texts.get(name))
    if after.get("method"):
        yield "Produced", Method(after["method"]).label if after["method"] in Method.values else after["method"]
    if collector := after.get("collector"):
        yield "Collected by", known.people.get(UUID(collector), "Somebody")
    if after.get("collected_at"):
        yield "Collected at", f"{wording.moment(datetime.fromisoformat(after['collected_at']))} UTC"
    if after.get("row_count") is not None:
        yield "Rows", f"{after['row_count']:,}"
    yield from ((word, str(data[name])) for name, word in FOUND if data.get(name))
    if digest := data.get("sha256") or after.get("sha256"):
        yield "SHA-256", digest
    if digest := data.get("report_sha256"):
        yield "SHA-256 of the PDF", digest
    yield from (("Erased", name) for name in fact.erased)


def short(artifact: Artifact, reader: Reader) -> dict[str, Any]:
    """What the artifact's page shows of its chain: the newest events, and how many there are."""
    page = custody.chain(artifact.pk, limit=SHORT_ROWS)
    return {"entries": entries(page.facts, reader), "total": custody.summary(artifact.pk).total}


def _page(request: HttpRequest, artifact: Artifact, reader: Reader) -> dict[str, Any]:
    group = request.GET.get("show", "")
    page = custody.chain(artifact.pk, group=group, after=request.GET.get("after", ""))
    summary = custody.summary(artifact.pk)
    more = ""
    if page.next:
        params = request.GET.copy()
        params["after"] = page.next
        more = f"?{params.urlencode()}"
    choices = [(name, f"{one.word} ({summary.by_group[name]})") for name, one in custody.GROUPS.items()]
    total = summary.by_group[group] if group else summary.total
    return {
        "artifact": artifact,
        "version": artifact.latest,
        "entries": entries(page.facts, reader),
        "filters": [Filter("show", "Show", choices)],
        "page": Slice(len(page.facts), total if not request.GET.get("after") else None, more, "events"),
        "parts": [(one.word, one.question, summary.by_group[name], name) for name, one in custody.GROUPS.items()],
        "group": group,
        "total": summary.total,
    }


@require_GET
@needs("evidence.view")
def chain(request: HttpRequest, ref: str) -> HttpResponse:
    """The whole chain, newest first, fifty at a time, narrowed to one kind of act when asked."""
    found = queries.artifact(ref)
    return render(request, "evidence/custody.html", _page(request, found, reader_of(request)))


@outside_transaction
@require_GET
@needs("evidence.view")
def report(request: HttpRequest, ref: str) -> HttpResponseBase:
    """The chain as a PDF; the event that it was made carries the file's SHA-256 and is left before a byte goes out."""
    with inside(request):
        found = queries.artifact(ref)
        document = _document(request, found, reader_of(request))
    printed = documents.printed(document)
    with inside(request):
        artifacts.record_custody_report(found.pk, **_told(printed, document), actor=request.actor)  # type: ignore[attr-defined]
    return attachment(printed, found)


def report_of(request: HttpRequest, found: Artifact, here: Engagement) -> tuple[documents.Printed, dict[str, Any]]:
    """An auditor's PDF, and what its event says; the auditor's page leaves the event on its own narrow path."""
    document = _document(request, found, reader_of(request, here))
    printed = documents.printed(document)
    return printed, _told(printed, document)


def page_of(request: HttpRequest, found: Artifact, here: Engagement) -> dict[str, Any]:
    """An auditor's page of the chain."""
    return _page(request, found, reader_of(request, here))


def _told(printed: documents.Printed, document: documents.Document) -> dict[str, Any]:
    size = len(printed.content)
    return {"sha256": printed.sha256, "size": size, "ledger_size": document.data["ledger"]["size"]}


def attachment(printed: documents.Printed, found: Artifact) -> HttpResponseBase:
    response = HttpResponse(printed.content, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{found.ref}-custody.pdf"'
    response["X-SHA256"] = printed.sha256
    return downloads.private(response)


def _document(request: HttpRequest, found: Artifact, reader: Reader) -> documents.Document:
    group = request.GET.get("show", "")
    page = custody.chain(found.pk, group=group, limit=REPORT_ROWS)
    summary = custody.summary(found.pk)
    organization = Organization.objects.get(pk=found.organization_id)
    standing, now = ledger.standing(organization.pk), clock.now()
    data = {
        "artifact": _facts(found),
        "versions": [_version(row) for row in found.versions.all()],
        "events": [_row(entry) for entry in reversed(entries(page.facts, reader))],
        "parts": [
            {"word": one.word, "question": one.question, "count": summary.by_group[name]}
            for name, one in custody.GROUPS.items()
        ],
        "total": summary.total,
        "only": custody.GROUPS[group].word if group else "",
        "cut": bool(page.next),
        "engagement": f"{reader.engagement.ref} {reader.engagement.title}" if reader.engagement else "",
        "ledger": {"size": standing.size, "root": standing.root, "note": standing.note, "waiting": standing.waiting},
        "made_at": wording.moment(now),
        "made_by": request.actor.name,  # type: ignore[attr-defined]
        "organization_id": str(organization.pk),
    }
    return documents.Document(
        template="packages/custody.html",
        title=f"Chain of custody of {found.ref}",
        subject=f"{organization.name}: who collected, handled, opened and used {found.ref}",
        organization=organization.name,
        foot=f"Chain of custody · {found.ref} · {wording.moment(now)}",
        at=now,
        data=data,
    )


def _facts(found: Artifact) -> dict[str, Any]:
    return {
        "ref": found.ref,
        "title": found.title,
        "kind": found.get_kind_display(),
        "state": found.get_state_display(),
    }


def _version(row: ArtifactVersion) -> dict[str, Any]:
    covers = ""
    if row.period_from and row.period_to:
        covers = f"{wording.day(row.period_from)} to {wording.day(row.period_to)}"
    elif row.as_of:
        covers = f"true at {wording.moment(row.as_of)}"
    return {
        "number": row.number,
        "filename": row.filename,
        "mime": row.mime,
        "size": row.size,
        "sha256": row.sha256,
        "scan": row.get_scan_state_display(),
        "covers": covers or "Not stated",
        "source": row.source_system or "Not stated",
        "method": row.get_method_display(),
        "query": row.query[:4000],
        "query_cut": len(row.query) > 4000,
        "rows": row.row_count,
        "collected_at": wording.moment(row.collected_at),
        "collected_by": row.collector.name if row.collector else PRODUCT,
        "received_at": wording.moment(row.received_at),
        "received_by": row.uploaded_by.name if row.uploaded_by else PRODUCT,
    }


def _row(entry: TimelineEntry) -> dict[str, Any]:
    return {
        "number": entry.index,
        "at": wording.moment(entry.at),
        "actor": entry.actor,
        "text": entry.text,
        "reason": entry.quote[:1000],
        "details": [[word, value[:300]] for word, value in entry.details if word not in ON_THE_FIRST_PAGE],
        "hash": entry.hash[:16],
    }


def version_of(here: Engagement, ref: str) -> Artifact:
    """An artifact that was released to an engagement, with its versions. Raises NotFound."""
    released = engagements.artifacts(here, released_only=True).filter(ref=ref).values_list("pk", flat=True).first()
    if released is None:
        raise NotFound(f"There is no evidence {ref[:20]} in this engagement.")
    return queries.artifact(released)


urlpatterns = [
    path("evidence/<str:ref>/custody", chain, name="custody"),
    path("evidence/<str:ref>/custody.pdf", report, name="custody_report"),
]
