"""The HTML of a package: every section's sheets through its template, escaped, in order, each to be set alone."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from django.template import Context, Engine
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from portal.packages import languages, sections, typefaces, wording
from portal.packages.assembly import About
from portal.packages.edition import Edition
from portal.packages.sections import Section, Sheet
from portal.packages.units import Unit

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
HEAD = '<!doctype html>{}<head><meta charset="utf-8"></head>'
CHAPTER = '<div class="running chapter" data-run="{}"></div>'
#: Sections whose stretches hang beneath the section before them in the outline.
BENEATH = ("findings",)
#: Called with section title, row label, done, total.
Report = Callable[[str, str, int, int], None]


class SectionFailed(Exception):
    """A section could not be set; names the section and the row, so that a person can find the cause."""

    def __init__(self, section: str, row: str, cause: str) -> None:
        super().__init__(f"Section “{section}” failed at {row}: {cause}")
        self.section, self.row, self.cause = section, row, cause


@cache
def engine() -> Engine:
    """Templates without settings or database: the child process has neither."""
    libraries = {"package": "portal.packages.templatetags.package", "i18n": "django.templatetags.i18n"}
    return Engine(dirs=[TEMPLATES], libraries=libraries, autoescape=True)


def units(edition: Edition, report: Report) -> Iterator[Unit]:
    """Every stretch of the package, each to be set alone, in the language that is spoken. Raises SectionFailed."""
    begin, head = HEAD.format(languages.opening(edition.language)), _running_head(edition)
    hangs = "findings_register" in edition.sections
    for section, sheet, text in _sheets(edition, report):
        body = typefaces.showable(text)
        if section.subject != "cover":
            before, opening, after = body.partition(">")
            chapter = format_html(CHAPTER, typefaces.showable(str(section.title))) if sheet.continues else ""
            body = f"{before}{opening}{head}{chapter}{after}"
        row = "" if section.title == sheet.label else str(sheet.label)
        html = f"{begin}<body>{body}</body></html>"
        yield Unit(str(section.title), row, html, is_sub=hangs and section.subject in BENEATH)


def about(edition: Edition) -> About:
    """What the finished document says of itself."""
    snapshot = edition.snapshot
    identity, engagement = snapshot.identity, snapshot.engagement
    # Translators: the document’s title: the kind of examination, what the document is, its reference.
    title = gettext("%(kind)s %(document)s %(package)s") % {
        "kind": wording.label(engagement.kind),
        "document": wording.document(edition.outline),
        "package": identity.ref,
    }
    subject = gettext("%(organization)s, %(start)s to %(end)s, issue %(issue)s") % {
        "organization": snapshot.organization.name,
        "start": wording.long_day(engagement.period_start),
        "end": wording.long_day(engagement.period_end),
        "issue": identity.issue,
    }
    return About(
        title=typefaces.showable(title),
        subject=typefaces.showable(subject),
        author=typefaces.showable(snapshot.organization.name),
        when=identity.approved_at or identity.as_of,
        is_draft=edition.is_draft,
        language=edition.language,
    )


def _running_head(edition: Edition) -> SafeString:
    """What the cover sets for the heads and feet of its pages, for stretches that have no cover."""
    identity = edition.snapshot.identity
    return format_html(
        '<div class="running" data-foot="{}">{}</div>',
        typefaces.showable(wording.foot(identity.confidentiality, identity.ref, identity.issue)),
        typefaces.showable(edition.snapshot.organization.name[:90]),
    )


def _sheets(edition: Edition, report: Report) -> Iterator[tuple[Section, Sheet, str]]:
    found, numbers = sections.chosen(edition), sections.numbers(edition)
    for done, section in enumerate(found):
        title = str(section.title)
        report(title, "", done, len(found))
        template = engine().get_template(section.template)
        row = gettext("its first page")
        try:
            for sheet in section.sheets(edition):
                row = str(sheet.label)
                context = {
                    "edition": edition,
                    "snapshot": edition.snapshot,
                    "totals": edition.totals,
                    "title": title,
                    "number": numbers.get(section.subject),
                    "sheet": sheet,
                    "data": sheet.data,
                }
                yield section, sheet, template.render(Context(context, use_l10n=False, use_tz=False))
        except Exception as error:  # the edge: whatever a row does to a template, the row is named
            raise SectionFailed(title, row, f"{type(error).__name__}: {error}") from error
