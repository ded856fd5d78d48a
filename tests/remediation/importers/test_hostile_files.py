"""Files made to hurt the reader: each ends in one refusal that says what, where and what to do, within its limits."""

import io
import resource
import zipfile

import openpyxl
import pytest

from evidence.errors import Invalid, Refused, TooLarge
from remediation.importers.reader.workbooks import bytes_of
from remediation.importers.sandbox import Reader
from tests.remediation.importers.reading import read

SARIF = b'{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"T"}},"results":[%b]}]}'


def _workbook() -> dict[str, bytes]:
    book = openpyxl.Workbook()
    book.active.append(["Title", "Severity"])
    book.active.append(["A", "high"])
    with zipfile.ZipFile(io.BytesIO(bytes_of(book))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.fixture(autouse=True)
def within_time():
    # Of the processor, here and in the child: the clock on the wall says how busy the machine is.
    start = seconds_of_work()
    yield
    assert seconds_of_work() - start < 30


def seconds_of_work() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def test_a_file_of_two_gigabytes_is_refused_unread(tmp_path):
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3)
    with pytest.raises(TooLarge, match="2,048 MB"):
        read(path)


def test_an_endless_line_in_a_table():
    with pytest.raises(TooLarge, match="Line 2 is longer"):
        read(b"Title,Severity\n" + b"x" * (40 * 1024 * 1024))


def test_an_endless_value_in_json():
    with pytest.raises(TooLarge, match="single value"):
        read(SARIF % (b'{"message":{"text":"' + b"x" * (40 * 1024 * 1024) + b'"}}'))


@pytest.mark.parametrize(
    "deep", [b"[" * 1_000_000, b'{"a":' * 300_000, SARIF % (b'{"message":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001)]
)
def test_deep_nesting(deep):
    with pytest.raises(Refused):
        read(deep)
    with pytest.raises(Refused):
        read(deep, format="sarif")


def test_deep_nesting_is_named():
    deep = SARIF % (b'{"message":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001)
    with pytest.raises(TooLarge, match="nested deeper"):
        read(deep)


def test_brackets_in_texts_are_no_nesting():
    result = b'{"ruleId":"R%d","message":{"text":"[[[[ {{{{ see (a[1"}}'
    assert read(SARIF % b",".join(result % number for number in range(300))).rows == 300


def test_bad_utf8_names_the_line():
    with pytest.raises(Invalid, match="line 3"):
        read(b"Title,Severity\nA,high\nB\xff,high\n")
    with pytest.raises(Invalid, match="UTF-8"):
        read(SARIF % b'{"message":{"text":"\xff"}}')


def test_nul_bytes():
    with pytest.raises(Invalid, match="NUL"):
        read(b"Title,Severity\n" + b"A,high\n" * 2000 + b"B\x00,high\n")
    with pytest.raises(Invalid, match="NUL"):
        read(SARIF.replace(b"%b", b"") + b" " * 8000 + b"\x00")
    assert read(SARIF % b'{"message":{"text":"a\\u0000b\\ud800c"}}').readings[0].title == "ab?c"


def test_json_that_is_cut_off_or_broken_names_the_line():
    whole = (SARIF % (b'{"ruleId":"R",\n"message":{"text":"m"}},\n' * 3000).rstrip(b",\n")).replace(b"}},", b"}},\n")
    with pytest.raises(Invalid, match=r"cut off") as refusal:
        read(whole[: len(whole) // 2])
    assert refusal.value.details["row"] > 1000
    with pytest.raises(Invalid, match=r"not valid JSON.*line \d"):
        read(whole.replace(b'"R",\n"message"', b'"R"\n"message"', 2000).replace(b'"R"\n', b'"R",\n', 1999))


def test_an_open_quote_swallows_no_file():
    with pytest.raises(TooLarge, match="never closed"):
        read(b'Title,Severity\nA,"high\n' + b"B,low\n" * 400_000)


def test_an_open_quote_loses_no_rows():
    with pytest.raises(Invalid, match="opens in row 2 is never closed"):
        read(b'Title,Severity,Description\nA,high,"abc\nB,low,x\nC,low,y\n')


def test_a_broken_json_names_line_and_column():
    with pytest.raises(Invalid, match="line 2, column 9"):
        read(b'[{"title":"a","severity":"high"},\n{"title"=1}]')


def test_xml_entities_in_a_workbook():
    parts = _workbook()
    name = "xl/worksheets/sheet1.xml"
    parts[name] = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + parts[name].replace(b"?>", b"?>", 1)
    with pytest.raises(Invalid, match=r"entities|damaged"):
        read(_zipped(parts))


def test_a_zip_bomb_in_a_workbook():
    parts = _workbook()
    parts["xl/media/x.bin"] = bytes(200 * 1024 * 1024)
    with pytest.raises(TooLarge, match="zip bomb"):
        read(_zipped(parts))


def test_a_workbook_with_a_lying_size():
    data = bytearray(_zipped(_workbook()))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        real = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    place = data.rfind(b"PK\x01\x02", 0, data.find(b"xl/worksheets/sheet1.xml", len(data) // 2))
    data[place + 24 : place + 28] = (real - 50).to_bytes(4, "little")
    with pytest.raises(Invalid):
        read(bytes(data))


def test_a_sheet_that_claims_a_million_empty_rows():
    parts = _workbook()
    name = "xl/worksheets/sheet1.xml"
    parts[name] = parts[name].replace(
        b"</sheetData>", b'<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>z</t></is></c></row></sheetData>'
    )
    with pytest.raises(TooLarge, match="empty rows"):
        read(_zipped(parts))


def test_a_zip_that_is_cut_off():
    whole = _zipped(_workbook())
    with pytest.raises(Invalid, match="damaged or cut off"):
        read(whole[: len(whole) // 2])


def test_nothing_is_nothing():
    with pytest.raises(Invalid, match="empty"):
        read(b"")
    with pytest.raises(Invalid, match="empty"):
        read(b"\n\n  \n")


def test_many_rows_in_error_stop_the_reading():
    found = read(b"Title,Severity\n" + b"A,terrible\n" * 5000)
    assert len(found.errors) == 200


def test_a_reader_that_eats_memory_is_stopped(monkeypatch):
    from remediation.importers import sandbox

    monkeypatch.setattr(
        sandbox,
        "_START",
        "import sys; sys.path.insert(0, {root!r})\nfrom remediation.importers.reader import child\nchild._limit()\nx = bytearray(4 * 1024**3)",
    )
    with pytest.raises(Refused, match=r"reader fail|needs more"):
        read(b"Title,Severity\nA,high\n")


@pytest.mark.slow
def test_how_large_the_process_is_that_asks_does_not_count():
    ballast = b"x" * (900 * 1024**2)
    assert len(read(b"Title,Severity\n" + b"A,high\n" * 3000).readings) == 3000
    del ballast


def test_a_reader_that_hangs_is_stopped(monkeypatch, tmp_path):
    from remediation.importers import sandbox
    from remediation.importers.reader import limits

    monkeypatch.setattr(limits, "WAIT_SECONDS", 1)
    monkeypatch.setattr(sandbox, "_START", "import time; time.sleep(60) #{root!r}")
    path = tmp_path / "a.csv"
    path.write_bytes(b"Title,Severity\n")
    with path.open("rb") as file, pytest.raises(TooLarge, match="longer than 1 seconds"):
        Reader(file)


def test_the_child_ends_with_its_reader(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"Title,Severity\n" + b"A,high\n" * 200_000)
    with path.open("rb") as file, Reader(file) as reader:
        next(iter(reader))
        child = reader._child
    assert child.poll() is not None
