"""The form in which a package is planned: what every template needs, and what the chosen one asks for."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django import forms

from portal.engagements.models import Engagement
from portal.packages import forms as kept_forms
from portal.packages import languages, outlines, planning, sampling, sections
from portal.packages.models import Package, Paper
from portal.packages.outlines import Asks, Outline

PLACE = "place_"
BOARD, OUTSIDE, AUDITOR = "For the board", "For customers and others outside", "For the auditor"
WHOLE = {"rows": 4}


def grouped() -> list[tuple[str, list[Outline]]]:
    """The templates by whom they are for."""
    found: dict[str, list[Outline]] = {AUDITOR: [], BOARD: [], OUTSIDE: []}
    for outline in outlines.OUTLINES:
        found[BOARD if outline.key == "board" else AUDITOR if outline.tells_people else OUTSIDE].append(outline)
    return list(found.items())


def carried(outline: Outline) -> list[kept_forms.Form]:
    """The forms that are attached to a package of this template."""
    return [form for form in kept_forms.FORMS if form.path in outline.forms]


class PlanForm(forms.Form):
    """`outline` decides which fields there are; a section without a place is left out."""

    template = forms.ChoiceField(choices=outlines.CHOICES, widget=forms.HiddenInput)
    engagement = forms.ModelChoiceField(Engagement.objects.none(), label="Engagement", empty_label=None)
    title = forms.CharField(
        max_length=200, required=False, label="Title", help_text="Left empty, it is named for its engagement."
    )
    paper = forms.ChoiceField(
        choices=[("", "As the organization’s documents"), *Paper.choices], required=False, label="Paper"
    )
    with_restricted = forms.BooleanField(
        required=False,
        label="Tell restricted findings that I am let in to",
        help_text="Whoever reads the package reads them. Unticked, it says how many were left out, never which.",
    )

    def __init__(self, *args: Any, organization_id: UUID, outline: Outline, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.outline = outline
        rows = Engagement.objects.filter(organization_id=organization_id).order_by("-number")
        self.fields["engagement"].queryset = rows  # type: ignore[attr-defined]
        self.fields["template"].initial = outline.key
        for asked in Asks:
            if asked in outline.asks:
                self.fields |= ASKED[asked]()
        if len(spoken := languages.choices()) > 1:
            self.fields["language"] = forms.ChoiceField(choices=spoken, required=False, label="Language")
        for place, subject in enumerate(outline.movable, 1):
            self.fields[PLACE + subject] = forms.IntegerField(
                required=False, min_value=1, max_value=99, initial=place, label=sections.by_subject()[subject].title
            )

    @property
    def asked(self) -> list[forms.BoundField]:
        names = [name for asked in Asks if asked in self.outline.asks for name in ASKED[asked]()]
        return [self[name] for name in (*names, *(["language"] if "language" in self.fields else []))]

    @property
    def places(self) -> list[forms.BoundField]:
        return [self[PLACE + subject] for subject in self.outline.movable]

    @property
    def has_wrong_place(self) -> bool:
        """Then the list of sections stands open."""
        return any(name.startswith(PLACE) for name in self.errors)

    @property
    def fixed(self) -> list[str]:
        return [
            sections.by_subject()[subject].title for subject in self.outline.sections if subject in self.outline.fixed
        ]

    def wishes(self) -> planning.Wishes:
        facts = self.cleaned_data
        named = set(planning.Wishes.__dataclass_fields__) - {"sections"}
        given = {name: facts[name] for name in named & facts.keys() if facts[name]}
        return planning.Wishes(sections=self._sections(), **given)

    def _sections(self) -> tuple[str, ...]:
        """None when every section is where the template has it, or the form named no places at all."""
        if not any(name.startswith(PLACE) for name in self.data):
            return ()
        placed = [(self.cleaned_data[PLACE + subject], subject) for subject in self.outline.movable]
        ordered = tuple(subject for place, subject in sorted(placed, key=lambda pair: pair[0] or 0) if place)
        if ordered == self.outline.movable:
            return ()
        # Only the frame is left when every place was emptied.
        return ordered or tuple(subject for subject in self.outline.sections if subject in self.outline.fixed)


class NextForm(PlanForm):
    """The next issue of a package: it begins with every choice of the issue before."""

    planned = forms.CharField(widget=forms.HiddenInput, initial="1")
    change = forms.CharField(max_length=200, label="What changes")

    def __init__(self, data: Any = None, *, package: Package) -> None:
        wishes = planning.wishes_of(package.chosen)
        outline = outlines.BY_KEY[package.template]
        initial = {**asdict(wishes), "title": package.title, "paper": package.paper, "with_restricted": package.with_restricted}  # fmt: skip
        if wishes.sections:
            kept = [subject for subject in wishes.sections if subject in outline.movable]
            initial |= {PLACE + subject: kept.index(subject) + 1 if subject in kept else None for subject in outline.movable}  # fmt: skip
        super().__init__(data, organization_id=package.organization_id, outline=outline, initial=initial)
        del self.fields["template"], self.fields["engagement"]


def _finding() -> dict[str, forms.Field]:
    return {
        "finding": forms.CharField(max_length=16, label="Finding", help_text="Its reference, such as F-001."),
    }


def _letter() -> dict[str, forms.Field]:
    return {
        "to": forms.CharField(
            max_length=planning.LINES * (planning.LINE + 2),
            label="To",
            help_text="Name and address, a line each.",
            widget=forms.Textarea(attrs=WHOLE),
        ),
        "salutation": forms.CharField(max_length=planning.LINE, label="Salutation", initial="Dear Sir or Madam"),
        "signed_by": forms.CharField(max_length=planning.LINE, label="Signed by"),
        "signed_as": forms.CharField(max_length=planning.LINE, required=False, label="Signed as"),
    }


def _changes() -> dict[str, forms.Field]:
    return {
        "report": forms.CharField(
            max_length=planning.LINE,
            label="Report that it continues",
            help_text="Kind, firm and date of the last report.",
        ),
        "changes": forms.CharField(
            max_length=planning.TEXT,
            label="Changes since the period ended",
            help_text="Every change that a reader should know. If management knows of none, write that.",
            widget=forms.Textarea(attrs=WHOLE),
        ),
    }


def _sampling() -> dict[str, forms.Field]:
    return {
        "risk": forms.ChoiceField(choices=[(risk, risk.capitalize()) for risk in sampling.RISKS], label="Risk"),
        "seed": forms.CharField(
            max_length=planning.SEED,
            required=False,
            label="Seed",
            help_text="Given after the populations were hashed, by somebody who does not operate the control. Without one, nothing is drawn.",
        ),
        "seed_from": forms.CharField(max_length=planning.LINE, required=False, label="Seed given by"),
    }


def _statement() -> dict[str, forms.Field]:
    return {
        "statement": forms.CharField(
            max_length=planning.TEXT,
            required=False,
            label="Statement of management",
            help_text="Printed in your words and marked as management’s statement.",
            widget=forms.Textarea(attrs=WHOLE),
        ),
    }


ASKED = {
    Asks.FINDING: _finding,
    Asks.LETTER: _letter,
    Asks.CHANGES: _changes,
    Asks.SAMPLING: _sampling,
    Asks.STATEMENT: _statement,
}
