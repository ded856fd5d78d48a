"""The HTML of a package: every section's sheets through its template, escaped, in order."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

from django.template import Context, Engine
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from portal.packages import parts, sections, typefaces, wording
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
    if edition.part is not None:
        body = parts.point_elsewhere(_with_running_head(body, edition), edition.numbers)
    return f"{_head(edition)}<body>{body}</body></html>"


def _with_running_head(body: str, edition: Edition) -> str:
    """What the cover sets for the heads and feet of all pages, for a part that has no cover."""
    if edition.part is None or edition.part.is_front:
        return body
    identity = edition.snapshot.identity
    head = format_html(
        '<div class="running" data-foot="{}">{}</div>',
        typefaces.showable(wording.foot(identity.confidentiality, identity.ref, identity.issue)),
        typefaces.showable(edition.snapshot.organization.name[:90]),
    )
    before, opening, after = body.partition(">")
    return f"{before}{opening}{head}{after}"


def _sheets(edition: Edition, report: Report) -> Iterator[str]:
    part = edition.part
    found = [section for section in sections.found() if part is None or part.holds(section.subject)]
    for done, section in enumerate(found):
        report(section.title, "", done, len(found))
        template = engine().get_template(section.template)
        row = "its first page"
        try:
            for sheet in islice(section.sheets(edition), *(part.findings if part and part.findings else (None,))):
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
