"""The exceptions of an audit report, entered in our template or in a table of the auditor's own (CSV or XLSX)."""

from collections.abc import Iterator

from .reader import columns, rows
from .reader.formats import Format, Options, Sample
from .reader.records import Reading, Record, RowError, Scanned
from .reader.source import Source

RATINGS = {
    "criterion not met": ("high", "From the audit rating: a criterion that is not met."),
    "qualif": ("high", "From the audit rating: the opinion is qualified."),
    "material": ("high", "From the audit rating: a material weakness."),
    "deficiency": ("high", "From the audit rating: a deficiency."),
    "deviation": ("medium", "From the audit rating: a deviation."),
    "exception": ("medium", "From the audit rating: an exception."),
    "observation": ("low", "From the audit rating: an observation."),
}
"""An auditor's own severity wins; without one the rating of the exception decides."""

_RULES = rows.Rules(tool="Audit report", source="audit_report", ratings=RATINGS)
_TELLING = (
    "controls",
    "criteria",
    "sample_item",
    "condition",
    "cause",
    "effect",
    "audit_rating",
    "report_page",
    "response",
)


def _sniff(sample: Sample) -> int:
    fields = {columns.meant(name) for name in sample.header}
    telling = sum(1 for name in _TELLING if name in fields)
    if not fields & {"title", "condition", "description"} or not fields & {"controls", "criteria"}:
        return 0
    return 85 if telling >= 4 else 70 if telling >= 2 else 0


def _read(source: Source, options: Options) -> Iterator[Record]:
    yield Scanned("Audit report")
    for record in rows.from_table(source, options, _RULES, (("title", "condition", "description"),)):
        if isinstance(record, Reading) and not record.controls and not record.criteria:
            yield RowError(
                record.row, f"Row {record.row} names neither a control nor a criterion. Fill one of the two columns."
            )
        else:
            yield record


FORMAT = Format(
    name="audit_report",
    title="Audit report exceptions (CSV or XLSX)",
    kinds=("csv", "xlsx"),
    sniff=_sniff,
    read=_read,
    fields=tuple(columns.FIELDS),
)
