import io
import zipfile
from datetime import UTC, date, datetime

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.poam import cells, workbook
from remediation.poam.workbook import About, Column, Sheet

ABOUT = About("Title", "Subject", "Larkspur", datetime(2026, 10, 14, 17, 20, 8, tzinfo=UTC))
EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "＝1", "''=1", "\n=cmd|' /C calc'!A0"]


def made(*sheets: Sheet) -> bytes:
    out = io.BytesIO()
    workbook.write(out, ABOUT, sheets)
    return out.getvalue()


def one(*rows, columns=2) -> bytes:
    return made(Sheet("Open", [Column(f"C{n}", 20) for n in range(columns)], rows))


def values(data: bytes) -> list:
    page = openpyxl.load_workbook(io.BytesIO(data)).active
    return [[cell.value for cell in row] for row in page.iter_rows(min_row=2)]


def test_cells_have_the_types_of_their_values():
    page = openpyxl.load_workbook(
        io.BytesIO(one((date(2026, 3, 1), 12), (datetime(2026, 3, 1, 8, 30, tzinfo=UTC), "12")))
    ).active
    assert [[cell.data_type for cell in row] for row in page.iter_rows(min_row=2)] == [["d", "n"], ["d", "s"]]
    assert page["A2"].number_format == "yyyy-mm-dd"
    assert page["A3"].value == datetime(2026, 3, 1, 8, 30)


def test_the_header_stays_in_view_and_filters():
    page = openpyxl.load_workbook(io.BytesIO(one(("a", "b"), ("c", "d")))).active
    assert page.freeze_panes == "B2"
    assert page.auto_filter.ref == "A1:B3"
    assert page.column_dimensions["A"].width == 20


def test_a_sheet_without_rows_still_opens():
    assert values(one()) == []


@pytest.mark.parametrize("text", EVIL)
def test_no_text_becomes_a_formula(text):
    data = one((text, "x"))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert b"<f" not in archive.read("xl/worksheets/sheet1.xml").replace(b"<family", b"")
    [[value, _]] = values(data)
    assert value.startswith("'")
    assert cells.read(value) == text.replace("\r", "\n")


def test_a_text_past_the_limit_of_a_cell_is_cut_and_says_so():
    [[value, _]] = values(one(("x" * 40_000, "y")))
    assert len(value) == cells.CELL_CHARS
    assert value.endswith(cells.CUT)


def test_the_same_rows_give_the_same_bytes_and_nothing_of_the_clock():
    first, second = one(("a", 1)), one(("a", 1))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist()[0] == "[Content_Types].xml"
        assert b"2026-10-14T17:20:08Z" in archive.read("docProps/core.xml")


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=200))
def test_every_text_comes_back_as_xml_can_say_it(text):
    [[value, _]] = values(one((text, "x")))
    kept = "".join("\ufffd" if char in _FORBIDDEN else char for char in text.replace("\r\n", "\n").replace("\r", "\n"))
    assert cells.read(cells.unstored(value or "")) == kept


_FORBIDDEN = {chr(n) for n in range(32)} - {"\t", "\n", "\r"} | {"\ufffe", "\uffff"}
