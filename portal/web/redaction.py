"""Redaction through pages: choose what to mask, look at the copy, send it to somebody else; compare and decide.

The copy is made outside any transaction by a child with limits, and made anew when it is sent: what is kept is byte for
byte what was looked at.
"""

import difflib
import io
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evidence import masking, previews
from evidence.artifacts import queries, redaction, withholding
from evidence.artifacts import services as artifacts
from evidence.artifacts.models import ArtifactVersion, Redaction, RedactionMethod
from evidence.errors import Invalid, NotFound, Refused, Stale
from evidence.intake import services as intake
from evidence.masking import Box, Masked, Recipe, Way, making
from evidence.previews import pictures, texts
from portal.edge.tenancy import inside, needs, outside_transaction
from portal.web import downloads, uploads

ROWS_SPARE = 3
PICTURES = (Way.IMAGE, Way.PDF)
COUNTS = {
    "columns": "values of chosen columns",
    "words": "names and words",
    "boxes": "areas",
    "email": "e-mail addresses",
    "ssn": "numbers like a social security number",
    "id": "student or account numbers",
    "phone": "telephone numbers",
}
_REASON = {
    "label": "Why may the original not be shown?",
    "max_length": redaction.REASON_LIMIT,
    "widget": forms.Textarea({"rows": 3}),
}


class MaskForm(forms.Form):
    """What to mask in text, a table or a workbook."""

    columns = forms.MultipleChoiceField(
        label="Columns to mask as a whole", required=False, widget=forms.CheckboxSelectMultiple
    )
    patterns = forms.MultipleChoiceField(
        label="Mask wherever it stands",
        required=False,
        choices=list(masking.PATTERNS.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    words = forms.CharField(
        label="Names and words to mask",
        required=False,
        max_length=10_000,
        widget=forms.Textarea({"rows": 3}),
        help_text="One a line. They are not kept with the copy.",
    )
    numbered = forms.BooleanField(
        label="Number the masks, so that the same value can be told from others", required=False
    )

    def __init__(self, *args: Any, shape: masking.Shape, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if shape.columns:
            self.fields["columns"].choices = shape.columns  # type: ignore[attr-defined]
        else:
            del self.fields["columns"]

    def recipe(self) -> Recipe:
        given = self.cleaned_data
        return Recipe(
            columns=tuple(given.get("columns", ())),
            patterns=tuple(given["patterns"]),
            words=tuple(line.strip() for line in given["words"].splitlines() if line.strip()),
            numbered=given["numbered"],
        )


class BoxForm(forms.Form):
    """One black area, in per cent of the page from its upper left corner."""

    page = forms.IntegerField(label="Page", min_value=1, max_value=60, required=False)
    x = forms.DecimalField(label="Left, %", min_value=0, max_value=100, max_digits=4, decimal_places=1, required=False)
    y = forms.DecimalField(label="Top, %", min_value=0, max_value=100, max_digits=4, decimal_places=1, required=False)
    width = forms.DecimalField(
        label="Width, %", min_value=0, max_value=100, max_digits=4, decimal_places=1, required=False
    )
    height = forms.DecimalField(
        label="Height, %", min_value=0, max_value=100, max_digits=4, decimal_places=1, required=False
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        parts = [given.get(name) for name in ("page", "x", "y", "width", "height")]
        if any(part is not None for part in parts) and not all(part is not None for part in parts):
            raise forms.ValidationError("Give all five figures of an area, or none.")
        if parts[3] is not None and (not parts[3] or not parts[4]):
            raise forms.ValidationError("An area has a width and a height.")
        return given

    def box(self) -> Box | None:
        given = self.cleaned_data
        if given.get("page") is None:
            return None
        return Box(given["page"], *(int(given[name] * 10) for name in ("x", "y", "width", "height")))


class ReasonForm(forms.Form):
    reason = forms.CharField(**_REASON)


@outside_transaction
@require_http_methods(["GET", "POST"])
@needs("evidence.redact")
def redact(request: HttpRequest, ref: str, number: int | None = None) -> HttpResponseBase:
    """Choose what to mask, look at the copy, send it to somebody else for approval."""
    with inside(request):
        version = queries.version(ref, number)
        redaction.require_open(version, actor=request.actor)  # type: ignore[attr-defined]
        artifacts.record_view(version.pk, actor=request.actor)  # type: ignore[attr-defined]
    way = masking.way_of(version.mime)
    if way is None or version.size > making.MAX_BYTES:
        return _page(request, version, way=None)
    try:
        shape = making.shape(version.blob, way)
    except making.CantMask as refusal:
        return _page(request, version, way=None, trouble=refusal)
    return _boxes(request, version, way, shape) if way in PICTURES else _values(request, version, way, shape)


def _values(request: HttpRequest, version: ArtifactVersion, way: Way, shape: masking.Shape) -> HttpResponseBase:
    form = MaskForm(request.POST or None, shape=shape)
    reason = ReasonForm(request.POST if _sends(request) else None, initial={"reason": request.POST.get("reason", "")})
    context = {"way": way, "form": form, "reason": reason, "shape": shape}
    if request.method != "POST" or not form.is_valid():
        return _page(request, version, **context, status=422 if form.is_bound else 200)
    try:
        made = _worth(making.masked(version.blob, way, form.recipe()))
    except Invalid as refusal:
        _onto(form, refusal)
        return _page(request, version, **context, status=422)
    if not _sends(request) or not reason.is_valid():
        return _page(request, version, **context, made=made, status=422 if reason.is_bound else 200)
    recipe = form.recipe()
    told = {"counts": made.counts, "patterns": list(recipe.patterns), "columns": len(recipe.columns)}
    return _send(request, version, made, method=RedactionMethod.MASK, recipe=told, reason=reason)


def _boxes(request: HttpRequest, version: ArtifactVersion, way: Way, shape: masking.Shape) -> HttpResponseBase:
    forms_ = _box_forms(request.POST if request.method == "POST" else None)
    reason = ReasonForm(request.POST if _sends(request) else None, initial={"reason": request.POST.get("reason", "")})
    page = max(1, min(shape.pages or 1, _number(request.POST.get("look", "") or request.GET.get("look", ""), 1)))
    context: dict[str, Any] = {"way": way, "boxes": forms_, "reason": reason, "shape": shape, "look": page}
    context["pages"] = range(1, min(shape.pages, 60) + 1)
    if request.method != "POST":
        return _page(request, version, **context, picture=_picture_url(request, version, page, []))
    if not all(form.is_valid() for form in forms_):
        return _page(request, version, **context, picture=_picture_url(request, version, page, []), status=422)
    boxes = [box for form in forms_ if (box := form.box())]
    context["picture"] = _picture_url(request, version, page, boxes)
    context["drawn"] = bool(boxes)
    if outside := [box.page for box in boxes if box.page > shape.pages]:
        context["trouble"] = Invalid(f"There is no page {outside[0]}: the file has {shape.pages}.")
        return _page(request, version, **context, status=422)
    if not _sends(request) or not reason.is_valid():
        return _page(request, version, **context, status=422 if reason.is_bound else 200)
    try:
        made = making.boxed(version.blob, way, boxes)
    except Refused as refusal:
        return _page(request, version, **{**context, "trouble": refusal}, status=refusal.status)
    told = {"counts": made.counts, "pages": sorted({box.page for box in boxes})}
    return _send(request, version, made, method=RedactionMethod.BOXES, recipe=told, reason=reason, looked_at=False)


def _send(
    request: HttpRequest,
    version: ArtifactVersion,
    made: Masked,
    *,
    method: str,
    recipe: dict[str, Any],
    reason: ReasonForm,
    looked_at: bool = True,
) -> HttpResponseBase:
    if looked_at and request.POST.get("sha256", "") != made.sha256:
        raise Stale(
            "The copy is not the one you looked at: something of the order changed since. Nothing was kept.",
            help="Look at the copy again, then send it.",
        )
    received = intake.take(
        io.BytesIO(made.data),
        filename=f"{version.artifact.ref}-v{version.number}-redacted{made.extension}",
        organization_id=version.organization_id,
        limit_bytes=max(1, len(made.data)),
    )
    return _proposed(request, version, received, method=method, recipe=recipe, reason=reason.cleaned_data["reason"])


@csrf_exempt  # checked below, once the body's files go into the vault instead of temporary files
@outside_transaction
@require_POST
@needs("evidence.redact")
def upload(request: HttpRequest, ref: str, number: int) -> HttpResponseBase:
    """A copy that a person masked themselves."""
    handler = uploads.sealing_form(request)
    try:
        files = [file for field in request.FILES for file in request.FILES.getlist(field)]
        forged = CsrfViewMiddleware(_nobody).process_view(request, _nobody, (), {})
        handler.refuse_incomplete()
    except BaseException:
        handler.abandon()
        raise
    if forged is not None:
        handler.abandon()
        return forged
    try:
        with inside(request):
            version = queries.version(ref, number)
            redaction.require_open(version, actor=request.actor)  # type: ignore[attr-defined]
        if len(files) != 1:
            raise Invalid("Choose one file: the masked copy.", fields={"file": ["One file is needed."]})
        received = uploads.examined(files[0])
    except BaseException:
        handler.abandon()
        raise
    reason = request.POST.get("reason", "")
    return _proposed(request, version, received, method=RedactionMethod.UPLOAD, recipe={}, reason=reason)


def _proposed(
    request: HttpRequest,
    version: ArtifactVersion,
    received: intake.Received,
    *,
    method: str,
    recipe: dict[str, Any],
    reason: str,
) -> HttpResponse:
    try:
        with inside(request):
            made = redaction.propose(
                version.pk, received, actor=request.actor, method=method, recipe=recipe, reason=reason  # type: ignore[attr-defined]
            )  # fmt: skip
            messages.success(
                request, f"The copy is version {made.redacted.number}. Somebody else decides whether it stands."
            )
    except Refused as refusal:
        uploads.discarding([received], refusal)
        raise
    return redirect("evidence:redaction", request.organization.slug, version.artifact.ref, made.pk)  # type: ignore[attr-defined]


@outside_transaction
@require_GET
@needs("evidence.redact")
def picture(request: HttpRequest, ref: str, number: int, page: int) -> HttpResponseBase:
    """One page with the areas asked for in the address, and lines that help to place them."""
    with inside(request):
        version = queries.version(ref, number)
        artifacts.record_view(version.pk, actor=request.actor, page=page)  # type: ignore[attr-defined]
    way = masking.way_of(version.mime)
    if way not in PICTURES:
        raise pictures.NoPicture("Files of this kind have no pages to show.")
    boxes = [box for text in request.GET.getlist("box") if (box := _box_of(text))]
    png = making.drawn(version.blob, way, boxes, page)
    return downloads.private(HttpResponse(png, content_type="image/png"))


@require_http_methods(["GET", "POST"])
@needs("evidence.view")
def decide(request: HttpRequest, ref: str, redaction_id: UUID) -> HttpResponse:
    """A redacted copy beside its original, and somebody else's decision."""
    artifact = queries.artifact(ref)
    found = redaction.redaction(artifact, redaction_id)
    actor = request.actor  # type: ignore[attr-defined]
    if request.method == "POST":
        actor.require("evidence.review", artifact)
        verdict = request.POST.get("verdict", "")
        redaction.decide(found.pk, verdict=verdict, actor=actor, reason=request.POST.get("reason", "")[:2000])
        messages.success(request, "Your decision is recorded.")
        return redirect("evidence:artifact", organization=request.organization.slug, ref=ref)  # type: ignore[attr-defined]
    may_compare = actor.may(withholding.ORIGINAL, artifact)
    context = {
        "artifact": artifact,
        "redaction": found,
        "decision": redaction.decision_of(found),
        "counts": [(COUNTS.get(name, name), count) for name, count in found.recipe.get("counts", {}).items()],
        "may_decide": redaction.may_decide(found, actor=actor),
        "own_acts": redaction.own_acts(found, actor=actor) if actor.may("evidence.review", artifact) else [],
        "may_compare": may_compare,
        **(_compared(actor, found) if may_compare else {}),
    }
    return render(request, "evidence/redaction.html", context)


def _compared(actor: Any, found: Redaction) -> dict[str, Any]:
    """What stands on both sides: lines with their difference, or pages to look at."""
    kinds = [previews.kind_of(version.mime) for version in (found.original, found.redacted)]
    readable = {previews.Kind.TABLE, previews.Kind.TEXT, previews.Kind.JSON}
    if found.original.blob.erased_at is not None:
        return {"is_erased": True}
    if all(kind in readable for kind in kinds):
        for version in (found.original, found.redacted):
            artifacts.record_view(version.pk, actor=actor)
        before, after = (
            list(_lines(version, kind)) for version, kind in zip((found.original, found.redacted), kinds, strict=True)
        )
        return {"difference": list(_difference(before, after))}
    drawn = {previews.Kind.IMAGE, previews.Kind.PDF}
    return {"is_picture": all(kind in drawn for kind in kinds)}


def _lines(version: ArtifactVersion, kind: previews.Kind) -> Iterator[str]:
    shown = texts.shown(version.blob, kind)
    if shown.kind is previews.Kind.TABLE:
        yield " | ".join(shown.head)
        yield from (" | ".join(row) for row in shown.rows)
    else:
        yield from shown.text.splitlines()


def _difference(before: list[str], after: list[str]) -> Iterator[tuple[str, str]]:
    """Lines as ("-", text), ("+", text) or (" ", text)."""
    matched = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    for tag, a, b, c, d in matched.get_opcodes():
        if tag == "equal":
            yield from ((" ", line) for line in before[a:b])
        else:
            yield from (("-", line) for line in before[a:b])
            yield from (("+", line) for line in after[c:d])


def _page(
    request: HttpRequest, version: ArtifactVersion, *, way: Way | None, status: int = 200, **context: Any
) -> HttpResponse:
    if made := context.get("made"):
        context["counts"] = [(COUNTS.get(name, name), count) for name, count in made.counts.items()]
    with inside(request):
        return render(
            request,
            "evidence/redact.html",
            {
                "artifact": version.artifact,
                "version": version,
                "way": way or "",
                "is_pages": way in PICTURES,
                "limit": making.MAX_BYTES,
                **context,
            },
            status=status,
        )


def _worth(made: Masked) -> Masked:
    if not sum(made.counts.values()):
        raise Invalid(
            "Nothing in the file fits what you chose, so nothing was masked.", fields={"patterns": ["Choose more."]}
        )
    return made


def _onto(form: forms.Form, refusal: Invalid) -> None:
    form.add_error(None, refusal.message)
    for name, words in refusal.fields.items():
        form.add_error(name if name in form.fields else None, words)


def _sends(request: HttpRequest) -> bool:
    return request.method == "POST" and request.POST.get("do") == "send"


def _box_forms(data: QueryDict | None) -> list[BoxForm]:
    """The rows that were filled, and some empty ones."""
    if data is None:
        return [BoxForm(prefix=f"b{index}") for index in range(ROWS_SPARE)]
    given = [index for index in range(making.MAX_BOXES) if data.get(f"b{index}-page") or data.get(f"b{index}-x")]
    filled = [BoxForm(data, prefix=f"b{index}") for index in given]
    start = given[-1] + 1 if given else 0
    spare = [BoxForm({}, prefix=f"b{start + index}") for index in range(ROWS_SPARE)]
    return [*filled, *spare]


def _picture_url(request: HttpRequest, version: ArtifactVersion, page: int, boxes: list[Box]) -> str:
    query = QueryDict(mutable=True)
    query.setlist("box", [f"{b.page},{b.x},{b.y},{b.width},{b.height}" for b in boxes if b.page == page])
    address = reverse(
        "evidence:redact_page", args=[request.organization.slug, version.artifact.ref, version.number, page]  # type: ignore[attr-defined]
    )  # fmt: skip
    return f"{address}?{query.urlencode()}" if query else address


def _box_of(text: str) -> Box | None:
    parts = text.split(",")
    if len(parts) != 5 or not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):
        raise NotFound("There is no such area.")
    page, x, y, width, height = map(int, parts)
    return Box(page, min(x, 1000), min(y, 1000), min(width, 1000), min(height, 1000))


def _number(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else otherwise


def _nobody(request: HttpRequest) -> HttpResponse:
    raise AssertionError("only stands in for a view that needs its token")


urlpatterns = [
    path("evidence/<str:ref>/redact", redact, name="redact"),
    path("evidence/<str:ref>/v/<int:number>/redact", redact, name="redact"),
    path("evidence/<str:ref>/v/<int:number>/redact/upload", upload, name="redact_upload"),
    path("evidence/<str:ref>/v/<int:number>/redact/page/<int:page>", picture, name="redact_page"),
    path("evidence/<str:ref>/redactions/<uuid:redaction_id>", decide, name="redaction"),
]
