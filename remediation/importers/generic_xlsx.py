"""A table of findings of one's own as an XLSX workbook: the same rules as generic CSV."""

from .generic_csv import read, sniff
from .reader import columns
from .reader.formats import Format

FORMAT = Format(
    name="generic_xlsx", title="generic XLSX", kinds=("xlsx",), sniff=sniff, read=read, fields=tuple(columns.FIELDS)
)
