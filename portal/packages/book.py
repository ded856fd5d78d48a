"""The HTML of a package: every section's sheets through its template, escaped, in order."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from django.template import Context, Engine
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from portal.packages import sections, typefaces, wording
from portal.packages.edition import Edition

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
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
    return Engine(dirs=[TEMPLATES], libraries={"package": "portal.packages.templatetags.package"}, autoescape=True)


def html(edition: Edition, report: Report) -> str:
    body = typefaces.showable("".join(_sheets(edition, report)))
    return f"{_head(edition)}<body>{body}</body></html>"


def _sheets(edition: Edition, report: Report) -> Iterator[str]:
    found = sections.found()
    for done, section in enumerate(found):
        report(section.title, "", done, len(found))
        template = engine().get_template(section.template)
        row = "its first page"
        try:
            for sheet in section.sheets(edition):
                row = sheet.label
                context = {
                    "edition": edition,
                    "snapshot": edition.snapshot,
                    "totals": edition.totals,
                    "number": sections.numbered(section.subject),
                    "sheet": sheet,
                    "data": sheet.data,
                }
                yield template.render(Context(context, use_l10n=False, use_tz=False))
        except Exception as error:  # the edge: whatever a row does to a template, the row is named
            raise SectionFailed(section.title, row, f"{type(error).__name__}: {error}") from error


def _head(edition: Edition) -> SafeString:
    identity, engagement = edition.snapshot.identity, edition.snapshot.engagement
    when = (identity.approved_at or identity.as_of).isoformat(timespec="seconds").replace("+00:00", "Z")
    title = typefaces.showable(f"{engagement.kind} remediation and evidence package {identity.ref}")
    description = typefaces.showable(
        f"{edition.snapshot.organization.name}, {wording.long_day(engagement.period_start)} to "
        f"{wording.long_day(engagement.period_end)}, issue {identity.issue}"
    )
    return format_html(
        '{}<html lang="en"><head><meta charset="utf-8"><title>{}</title><meta name="author" content="{}">'
        '<meta name="description" content="{}"><meta name="generator" content="Clearhold">'
        '<meta name="dcterms.created" content="{}"><meta name="dcterms.modified" content="{}"></head>',
        mark_safe("<!doctype html>"),
        title,
        typefaces.showable(edition.snapshot.organization.name),
        description,
        when,
        when,
    )
