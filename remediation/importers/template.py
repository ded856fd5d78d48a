"""The template for an audit report's exceptions, as CSV and XLSX: what the `audit_report` importer reads best."""

import csv
import io

import openpyxl
from openpyxl.styles import Alignment, Font, PatternFill

from .reader import workbooks

TEMPLATE = (
    ("Exception ID", "EX-01"),
    ("Control ref", "AC-07"),
    ("Criteria", "CC6.2; CC6.3"),
    ("Title", "Leavers kept access for more than five days"),
    ("Sample item", "Leaver 7 of 25"),
    ("Condition", "Access of two leavers was removed after 9 and 14 days."),
    ("Cause", "The manager's notice is not linked to the ticket system."),
    ("Effect", "Former staff could read student records."),
    ("Severity", "High"),
    ("Audit rating", "Deviation"),
    ("Date observed", "2026-03-31"),
    ("Asset", "Salesforce CRM"),
    ("Recommendation", "Feed leavers from the HR system every night."),
    ("Management response", ""),
    ("Report", "SOC 2 Type II 2025"),
    ("Report page", "41"),
)


def as_csv() -> bytes:
    """The template with one example row, as CSV that Excel opens rightly."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([name for name, _ in TEMPLATE])
    writer.writerow([example for _, example in TEMPLATE])
    return out.getvalue().encode("utf-8-sig")


def as_xlsx() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Exceptions"
    sheet.append([name for name, _ in TEMPLATE])
    sheet.append([example for _, example in TEMPLATE])
    for cell, (name, example) in zip(sheet[1], TEMPLATE, strict=True):
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="FFE8ECF1")
        sheet.column_dimensions[cell.column_letter].width = max(14, min(48, len(example) + 2, 4 * len(name)))
    for cell in sheet[2]:
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    sheet.freeze_panes = "A2"
    return workbooks.bytes_of(book)
