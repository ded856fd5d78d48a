"""Every component in every state, for tests and for people who build pages. Not served unless a setting says so."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path

from evidence import clock
from evidence.actors import Actor
from evidence.errors import (
    DutyConflict,
    Invalid,
    NotAllowed,
    NotFound,
    Refused,
    Stale,
    TooLarge,
    Unavailable,
    WrongState,
)
from portal.edge.tenancy import Entered, outside_transaction
from portal.web import vocabulary
from portal.web.components import (
    ApprovalPanel,
    BurnDown,
    Candidate,
    Cell,
    DecisionLine,
    FileRow,
    Filter,
    HeatMap,
    HeatRow,
    OwnAct,
    PaletteGroup,
    PaletteItem,
    Segment,
    Slice,
    Step,
    TimelineEntry,
    View,
)
from portal.web.shell import GROUPS, Alarm, Item, Place, Shell

app_name = "ui_kit"
NOW = datetime(2026, 11, 24, 9, 40, tzinfo=UTC)
NOBODY = UUID(int=0)
HASH = "7b1e0c549fd2a6713a8be0cd40f5127ec88d4b166e02f9a391d7550b2f8ec904"
COUNTS = {"triage": 10, "me": 4, "approvals": 3, "findings": 14, "evidence": 212, "requests": 9}


class KitItem(Item):
    @property
    def count(self) -> int | None:  # type: ignore[override]
        return COUNTS.get(self.place.key)


class KitShell(Shell):
    """The frame with every place in it, whatever pages exist."""

    @cached_property
    def groups(self) -> list[tuple[str, list[Item]]]:
        return [(word, [self._kit_item(place) for place in places]) for word, places in GROUPS]

    def _kit_item(self, place: Place) -> Item:
        return KitItem(place, f"/ui-kit/?{place.key}", place.key == "findings", self.request)

    @cached_property
    def alarms(self) -> list[Alarm]:
        text = "Sealing packages is stopped. Do not edit the database."
        return [Alarm("History check failed at event #3012.", text, "#", "Incident steps")] if self._wants_alarm else []

    @property
    def _wants_alarm(self) -> bool:
        return "alarm" in self.request.GET

    @cached_property
    def palette_url(self) -> str:
        return "/ui-kit/palette"

    @cached_property
    def notifications_url(self) -> str:
        return "#"

    @cached_property
    def notices(self) -> int:
        return 3

    @cached_property
    def session_seconds(self) -> int:
        return int(self.request.GET.get("session", 0))

    @cached_property
    def session_ends(self) -> int:
        return int(self.request.GET.get("ends", 3600))

    @property
    def keep_url(self) -> str:  # type: ignore[override]
        return "/ui-kit/fragment"

    @property
    def sign_in_url(self) -> str:  # type: ignore[override]
        return "/ui-kit/public"

    @cached_property
    def auditor_tabs(self) -> list[tuple[str, str, bool]]:
        words = ("Engagement", "Requests", "Samples", "Controls", "Evidence", "Packages", "Event history")
        return [(word, "#", word == "Engagement") for word in words]


class KitForm(forms.Form):
    title = forms.CharField(help_text="What the auditor would call it.")
    due = forms.DateField(label="Fix due", widget=forms.DateInput(attrs={"type": "date"}))
    owner = forms.ChoiceField(choices=[("1", "Marcus Odell"), ("2", "Aisha Bello")])
    note = forms.CharField(widget=forms.Textarea, required=False)
    file = forms.FileField(required=False)
    position = forms.ChoiceField(
        choices=[("day", "A point in time"), ("period", "A period")], widget=forms.RadioSelect, label="What it covers"
    )
    tell = forms.BooleanField(required=False, label="Tell the owner", help_text="By e-mail, without the text.")


def _dressed(request: HttpRequest, auditor: bool = False) -> dict[str, Any]:
    roles, words = (("auditor",), ()) if auditor else (("manager",), ("Compliance",))
    request.organization = Entered(NOBODY, "kit", "Lumenroll", "UTC", True, roles, words)  # type: ignore[attr-defined]
    request.actor = Actor.system(NOBODY, "Helen Carver" if auditor else "Priya Raman")  # type: ignore[attr-defined]
    frame = KitShell(request)
    return {"shell": frame, "nav": frame.groups, "access_ends": date(2027, 4, 30)}


def _heat(mini: bool = False) -> HeatMap:
    letters = {
        "o": "operated", "p": "partial", "m": "missed", "w": "pending", ".": "not_due", "s": "scheduled", " ": "blank",
    }  # fmt: skip
    rows = [
        ("AC-01", "Leaver access removed in 24 h", "ooooomoooooowsssssssssssss", "92%"),
        ("AC-02", "Quarterly user access review", "....m.......w            s", "0%"),
        ("AC-05", "MFA enforced on Salesforce prod", "ooooooooooooosssssssssssss", "100%"),
        ("AC-07", "Connected App owner review", "..m...p....o.  s   s   s  ", "50%"),
        ("AC-09", "Guest user profile check", "mmppoooooooopsssssssssssss", "73%"),
        ("CM-01", "Independent deploy approval", "pmpoomooooooosssssssssssss", "77%"),
        ("IR-01", "Incident response tabletop", "............w         s   ", "n/a"),
    ]
    return HeatMap(
        label="Coverage by control and week" + (", lowest" if mini else ""),
        weeks=[str(number) for number in range(1, 27)],
        now=12,
        groups=() if mini else (("Sep", 5), ("Oct", 4), ("Nov", 4), ("Dec", 5), ("Jan", 4), ("Feb", 4)),
        mini=mini,
        identifier="coverage-mini" if mini else "coverage",
        rows=[
            HeatRow(
                ref,
                title,
                [
                    Cell(letters[one], "" if one in " ." or mini else "#", "6 of 7 runs" if one == "p" else "")
                    for one in pattern
                ],
                "" if mini else "#",
                score,
                score in {"0%", "50%"},
            )
            for ref, title, pattern, score in rows
        ],
    )


def _panel(blocked: bool) -> ApprovalPanel:
    candidates = (
        Candidate("dana", "Dana Whitfield", "free", "Control owner AC-01, usually answers in 5 h", suggested=True),
        Candidate("wes", "Wes Lindqvist", "away", "CISO, away until 26 Nov"),
        Candidate("marcus", "Marcus Odell", "ineligible", "Did the fix"),
    )
    first = DecisionLine("Tomás Herrera", "approve", "Technical review", NOW - timedelta(hours=18))
    if not blocked:
        return ApprovalPanel(
            "Closure", 2, 1, (first, DecisionLine("Control owner", "waiting", "Dana Whitfield or you")),
            sentence="You took no part in this finding, so you can decide.", decide_url="#", content_sha256=HASH,
            content_url="#", changed="The plan is at version 3; you last saw version 2.",
            expires_at=NOW + timedelta(days=9),
        )  # fmt: skip
    return ApprovalPanel(
        "Approval", 2, 1, (first, DecisionLine("Control owner", "waiting", "Dana Whitfield or Wes Lindqvist")),
        blocked=True, heading="You cannot approve this closure",
        sentence="You are Priya Raman, and two of your own acts are part of it.", rule="S-04",
        rule_note="who plans may not approve the closure.",
        acts=(
            OwnAct("You wrote plan v2", date(2026, 9, 18), 2207, "#"),
            OwnAct("You accepted evidence E-191", date(2026, 8, 22), 1830, "#", "file-check-2"),
        ),
        candidates=candidates, ask_url="#", answer_note="Dana usually answers in 5 h.",
        exception_note="Ask the executive for an exception with a reason and an end date. The auditor sees it.",
    )  # fmt: skip


def _timeline() -> list[TimelineEntry]:
    return [
        TimelineEntry(NOW, "Priya Raman", "sent it for approval", "eye", "review", 4471, HASH, "#"),
        TimelineEntry(NOW - timedelta(hours=17), "Tomás Herrera", "approved the technical review", "circle-check", "ok", 4468, HASH[::-1]),
        TimelineEntry(NOW - timedelta(hours=22), "Marcus Odell", "added E-208, weeks 1 to 12", "file-check-2", "info", 4459, HASH,
                      details=(("Size", "18,204 bytes"), ("Query", "SELECT Id FROM User WHERE IsActive = true"))),
        TimelineEntry(NOW - timedelta(days=4), "Dana Whitfield", "returned E-202:", "undo-2", "warn", 4431, HASH[::-1], quote="Export has no run date."),
        TimelineEntry(NOW - timedelta(days=44), "AC-01", "was missed in week 6", "circle-x", "crit", 4190, HASH),
    ]  # fmt: skip


def _files() -> list[FileRow]:
    done = (("Hashed", "done"), ("Sent", "done"), ("Hash matches", "done"), ("Scanned", "done"))
    return [
        FileRow("AdmissionsHelp-guest-profile-after.xml", 48_120, "ready", sha256=HASH, stages=done, url="#"),
        FileRow("aura-endpoint-retest.mp4", 352_000_000, sent=218_000_000, stages=(("Hashed", "done"), ("Sending 62%", "now"), ("Verify", ""), ("Scan", ""))),
        FileRow("secure-guest-access.png", 612_000, "check", stages=(("Hash matches", "done"), ("3 possible student names found", "warn"))),
        FileRow("site-export.zip", 4_100_000, "refused", message="The archive has a password, so it cannot be scanned. Nothing was stored. Export it without a password and add it again."),
    ]  # fmt: skip


def _findings() -> list[dict[str, Any]]:
    rows = [
        ("F-041", "critical", "Guest user can read Applicant__c via a public site", "Salesforce · 3 objects, 41,208 records reachable", "CC6.1", "Pen test", "2 d"),
        ("F-042", "high", "Full-scope tokens on 11 Connected Apps, 4 ownerless", "Salesforce · OAuth usage report 21 Nov", "CC6.6", "Auditor", "3 d"),
        ("F-043", "high", "LTI service account password shared by three engineers", "Canvas integration · interview, 19 Nov", "CC6.1", "Auditor", "5 d"),
        ("F-044", "medium", "FAFSA fields unmasked in the UAT sandbox after refresh", "Salesforce UAT · refresh of 9 Nov", "C1.1", "Self-reported", "6 d"),
        ("F-048", "low", "Two of 14 subprocessor reviews lack a reviewer name", "Vendor register", "CC9.2", "Auditor", "9 d"),
    ]  # fmt: skip
    return [dict(zip(("ref", "severity", "title", "sub", "code", "source", "age"), row, strict=True)) for row in rows]


def _burndown() -> BurnDown:
    counts = [22, 24, 24, 23, 21, 21, 19, 18, 17, 16, 15, 14]
    start, end = date(2026, 8, 31), date(2027, 2, 28)
    return BurnDown(
        "Open findings", [(start + timedelta(days=round(number * 85 / 11)), value) for number, value in enumerate(counts)],
        [(date(2026, 9, 14), 24), (date(2027, 1, 31), 0)], [(NOW.date(), 14), (date(2027, 1, 20), 4), (end, 0)], NOW.date(),
    )  # fmt: skip


def _context(request: HttpRequest) -> dict[str, Any]:
    bound = KitForm({"title": "Leavers", "due": "soon", "owner": "1", "position": "day"})
    return _dressed(request) | {
        "vocabularies": [(kind, list(words)) for kind, words in vocabulary.VOCABULARIES.items()],
        "severities": [*vocabulary.SEVERITIES, ""],
        "heat": _heat(),
        "heat_mini": _heat(mini=True),
        "burndown": _burndown(),
        "blocked": _panel(blocked=True),
        "open_panel": _panel(blocked=False),
        "timeline": _timeline(),
        "files": _files(),
        "findings": _findings(),
        "form": KitForm(prefix="plain"),
        "refused_form": bound,
        "steps": [
            Step("Reported", "done"), Step("Root cause", "done"), Step("Plan approved", "done"),
            Step("Fix deployed", "done"), Step("Evidence in", "done"), Step("Approval", "now"),
            Step("Operating 8 weeks"), Step("Auditor retest"), Step("Closed"),
        ],
        "tabs": [View("To triage", "#", 10, True), View("Returned to us", "#", 2), View("All open", "#", 14), View("Overdue", "#", 3)],
        "filters": [
            Filter("period", "Period", (("re-audit", "re-audit"),), "re-audit"),
            Filter("severity", "Severity", (("critical", "Critical"), ("high", "High"))),
            Filter("criteria", "Criteria", (("CC6", "CC6"), ("CC7", "CC7"))),
        ],
        "slice": Slice(50, 112, "?after=x", "findings"),
        "due_segments": [Segment("overdue", 3, "crit"), Segment("due within 7 days", 4, "warn"), Segment("on track", 7, "ok")],
        "causes": [Segment("Process design", 9), Segment("Missing owner", 5), Segment("Tool failure", 2)],
        "covered": [(date(2026, 9, 1), date(2026, 10, 4), "ok"), (date(2026, 10, 5), date(2026, 10, 11), "crit"), (date(2026, 10, 12), date(2026, 11, 22), "ok")],
        "period": (date(2026, 9, 1), date(2027, 2, 28)),
        "now": NOW,
        "soon": NOW + timedelta(days=5, hours=4),
        "later": NOW + timedelta(days=16),
        "start": NOW - timedelta(days=14),
        "recent": NOW - timedelta(days=1),
        "past": NOW - timedelta(days=6),
        "hash": HASH,
        "amount": Decimal("1840000.00"),
    }  # fmt: skip


@outside_transaction
def kit(request: HttpRequest) -> HttpResponse:
    with clock.at(NOW):
        return render(request, "ui_kit/kit.html", _context(request))


@outside_transaction
def queue(request: HttpRequest) -> HttpResponse:
    with clock.at(NOW):
        return render(request, "ui_kit/queue.html", _context(request))


@outside_transaction
def auditor(request: HttpRequest) -> HttpResponse:
    with clock.at(NOW):
        return render(request, "ui_kit/auditor.html", _context(request) | _dressed(request, auditor=True))


@outside_transaction
def public(request: HttpRequest) -> HttpResponse:
    return render(request, "ui_kit/public.html", {"form": KitForm()})


@outside_transaction
def printed(request: HttpRequest) -> HttpResponse:
    with clock.at(NOW):
        return render(request, "ui_kit/print.html", _context(request))


REFUSALS: dict[str, Refused] = {
    "duty": DutyConflict(
        "You uploaded the closing evidence on 3 March, so someone else must approve.", rule="S-07",
        acts=["You uploaded E-208 on 3 March 2026 (event #4459)"], help="These can: Dana Whitfield, Wes Lindqvist.",
    ),
    "state": WrongState("The finding is closed; only an open one can be planned."),
    "right": NotAllowed("Your role does not include “findings.triage” here."),
    "missing": NotFound("There is nothing here, or nothing you may see."),
    "stale": Stale("Dana Whitfield changed this 2 minutes ago."),
    "invalid": Invalid("The due date does not fit.", fields={"due": ["Choose a date before 28 Feb 2027."]}),
    "large": TooLarge("The file has 3.1 GB; the limit is 2 GB."),
    "away": Unavailable("The file store does not answer."),
}  # fmt: skip


@outside_transaction
def error(request: HttpRequest, name: str) -> HttpResponse:
    """An error page by its number, or a refusal by its name, inside the staff frame."""
    context = {} if "public" in request.GET else _dressed(request)
    if name in REFUSALS:
        return render(request, "errors/refused.html", context | {"refusal": REFUSALS[name]})
    if name not in {"400", "403", "404", "409", "412", "413", "422", "429", "500", "503"}:
        raise Http404
    return render(request, f"errors/{name}.html", context)


@outside_transaction
def palette(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").lower()
    items = [
        ("Findings", PaletteItem("/ui-kit/queue", "Leavers kept Salesforce logins", "F-017")),
        ("Controls and evidence", PaletteItem("/ui-kit/", "Leaver access removed in 24 h", "AC-01", "shield-check")),
        ("Controls and evidence", PaletteItem("/ui-kit/", "AC-01 reconciliation", "E-208", "file")),
        ("Commands", PaletteItem("/ui-kit/", "Upload evidence for AC-01", icon="upload", key="U")),
        ("Commands", PaletteItem("", "Approve F-017", icon="stamp", refused="You wrote its plan")),
    ]
    groups: dict[str, list[PaletteItem]] = {}
    for word, item in items:
        if text in f"{item.ref} {item.word}".lower():
            groups.setdefault(word, []).append(item)
    found = [PaletteGroup(word, few) for word, few in groups.items()]
    return render(request, "ui/palette_results.html", {"groups": found})


@outside_transaction
def fragment(request: HttpRequest) -> HttpResponse:
    """Answers of htmx: rows, a refused form, a refusal."""
    kind = request.GET.get("kind", "rows")
    if kind == "refusal":
        return render(request, "errors/fragment.html", {"refusal": REFUSALS["duty"]}, status=409)
    if kind == "form":
        bound = KitForm({"title": "", "due": "soon"})
        bound.is_valid()
        return render(request, "ui_kit/_form.html", {"refused_form": bound}, status=422)
    return HttpResponse('<p id="target" data-announce="11 findings">11 findings</p>')


@outside_transaction
def signed_out(request: HttpRequest) -> HttpResponse:
    """As when the session has ended: every request ends at the sign-in page."""
    return redirect("/ui-kit/public")


@outside_transaction
def upload(request: HttpRequest) -> HttpResponse:
    """Takes a file and forgets it."""
    given = request.FILES.get("file")
    if given is None or given.name is None or given.name.endswith(".zip"):
        return HttpResponse("The archive has a password. Nothing was stored.", status=422, content_type="text/plain")
    with clock.at(NOW):
        row = FileRow(given.name, given.size, "ready", sha256=HASH, stages=(("Sent", "done"), ("Scanned", "done")))
        return render(request, "ui_kit/_row.html", {"row": row})


urlpatterns = [
    path("", kit, name="kit"),
    path("queue", queue, name="queue"),
    path("auditor", auditor, name="auditor"),
    path("public", public, name="public"),
    path("print", printed, name="print"),
    path("errors/<str:name>", error, name="error"),
    path("palette", palette, name="palette"),
    path("fragment", fragment, name="fragment"),
    path("signed-out", signed_out, name="signed_out"),
    path("upload", upload, name="upload"),
]
