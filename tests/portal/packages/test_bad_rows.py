"""Rows that nobody should write, and somebody will: the build ends, shows what it can, and says of what it shows a part."""

import dataclasses
import json
from datetime import date

import pikepdf
import pypdfium2
import pytest

from portal.packages import book, outlines, snapshot
from portal.packages.edition import Edition
from portal.packages.snapshot import Acceptance, Control, Gap, Snapshot, Task
from tests.portal.packages import accessible, sample, verapdf
from tests.portal.packages.conftest import set_package

KEYS = [outline.key for outline in outlines.OUTLINES]
WORD = "Donaudampfschifffahrt" * 15
HOSTILE = "<script>alert(1)</script><style>*{display:none}</style> </td></table> {{ x }} {% y %} url(http://evil.example/a) =1+1"
ARABIC = "مراجعة صلاحيات المدير متأخرة ولم يوثقها أحد خلال الفترة كلها. " * 6
CHINESE = "学生信息导出缺少审批记录。记录显示在整个期间内没有第二人复核。" * 6
#: What rows are found by, what the product itself writes, and what is no text for a reader.
OWN = frozenset(
    [
        "ref",
        "severity",
        "original_severity",
        "state",
        "sha256",
        "content_sha256",
        "leaf",
        "number",
        "findings",
        "controls",
        "criteria",
        "exhibits",
        "finding",
        "slug",
        "timezone",
        "key",
        "keys",
        "note",
        "origin",
        "root",
        "format",
        "algorithm",
        "kind",
        "identifier",
        "media_type",
        "logo",
        "accent",
        "verdict",
        "scan",
        "review",
        "control",
        "frequency",
        "root_cause",
        "id",
        "sections",
        "cause_class",
        "source",
        "audit_rating",
        "rules",
        "matrix",
        "risk",
        "seed",
        "exhibit",
        "language",
    ]
)


def filled(value, text: str):
    """The value with the text behind every word that a person may have written."""
    if isinstance(value, str):
        return f"{value} {text}"
    if isinstance(value, tuple):
        return tuple(filled(item, text) for item in value)
    if dataclasses.is_dataclass(value):
        changes = {f.name: filled(getattr(value, f.name), text) for f in dataclasses.fields(value) if f.name not in OWN}
        return dataclasses.replace(value, **changes)
    return value


def written(key: str, text: str) -> Snapshot:
    return dataclasses.replace(filled(sample.templated(key), text), checkpoint=sample.snapshot().checkpoint)


def pages_of(path) -> str:
    with pypdfium2.PdfDocument(path) as document:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)


def faults(path) -> list[str]:
    with pikepdf.open(path) as pdf:
        return list(accessible.faults(pdf))


@pytest.mark.parametrize("key", KEYS)
def test_html_css_and_template_code_in_every_field_stay_text(key):
    rows = written(key, HOSTILE)
    text = "".join(unit.html for unit in book.units(Edition(rows, "0" * 64, "1" * 64), lambda *_: None))
    assert "<script" not in text and "<style" not in text and "{{ x }}" in text
    assert "&lt;script&gt;" in text


@pytest.mark.slow
@pytest.mark.parametrize("text", [HOSTILE, WORD, ARABIC, CHINESE], ids=["hostile", "word", "arabic", "chinese"])
@pytest.mark.parametrize("key", ["full", "status_letter", "buyer"])
def test_any_text_in_every_field_is_set_tagged_and_inside_its_page(key, text, tmp_path):
    target = tmp_path / "package.pdf"
    printed = set_package(written(key, text), target)
    assert printed.peak_bytes < 400 << 20
    assert faults(target) == []
    assert verapdf.faults(target) == []
    assert outside(target) == []


def outside(path) -> list[tuple[int, str]]:
    """Letters that stand beyond the edge of their page."""
    found = []
    with pypdfium2.PdfDocument(path) as document:
        for number, page in enumerate(document, 1):
            width, _ = page.get_size()
            text = page.get_textpage()
            for at in range(text.count_chars()):
                left, _, right, _ = text.get_charbox(at)
                if right > width - 30 or left < 30:
                    found.append((number, text.get_text_range(at, 1)))
    return [each for each in found if each[1].strip()][:5]


@pytest.mark.slow
def test_a_finding_with_a_megabyte_of_text_says_how_much_of_it_is_printed(tmp_path):
    long = "One sentence of a very long condition. " * 27_000
    block = "x" * 1_000_000
    finding = dataclasses.replace(sample.closed_finding(), condition=long, plan=block, cause="line\n" * 100_000)
    printed = set_package(sample.snapshot(findings=(finding,)), tmp_path / "package.pdf")
    text = " ".join(pages_of(tmp_path / "package.pdf").split())
    assert f"of {len(long.strip()):,}; the whole text is in the attached snapshot.json" in text
    assert "Characters 1 to 12,000 of 1,000,000" in text
    assert printed.peak_bytes < 400 << 20
    with pikepdf.open(tmp_path / "package.pdf") as pdf:
        rows = json.loads(pdf.attachments["snapshot.json"].get_file().read_bytes())
    assert rows["findings"][0]["condition"] == long and rows["findings"][0]["plan"] == block


def large(*, controls_too: int = 10_000) -> Snapshot:
    """Ten thousand of everything that a package makes a table of, save findings, which have a figure of their own."""
    many = 10_000
    tasks = tuple(Task(f"T-{n}", f"Step {n}", "Ivan Petrov", "open") for n in range(many))
    controls = tuple(
        Control(f"AC-{n}", f"Control {n} has a title of some length", "Tamsin Okafor", ("CC6.1",), "daily", 360, 365,
                missed=5, gaps=(Gap(date(2026, 3, 1), "missed", "The reviewer was on leave."),))
        for n in range(controls_too)
    )  # fmt: skip
    acceptances = tuple(
        Acceptance(
            "F-001",
            "Vendor",
            "medium",
            "Accepted",
            "Until March.",
            "Some.",
            "Review.",
            date(2027, 1, 1),
            granted_on=date(2026, 1, 2),
        )
        for _ in range(many)
    )
    finding = dataclasses.replace(
        sample.closed_finding(), tasks=tasks, history=sample.closed_finding().history * (many // 6),
        controls=tuple(control.ref for control in controls),
    )  # fmt: skip
    duties = dataclasses.replace(sample.snapshot().duties, delegations=tuple(f"P for Q, {n}" for n in range(many)))
    scope = dataclasses.replace(sample.snapshot().scope, gaps=tuple(f"Gap {n}" for n in range(many)))
    return sample.snapshot(findings=(finding,), controls=controls, acceptances=acceptances, duties=duties, scope=scope)


def test_long_tables_are_cut_into_pages_or_say_of_how_many_they_show_a_part():
    whole = Edition(large(), "0" * 64, "1" * 64)
    text = "".join(unit.html for unit in book.units(whole, lambda *_: None))
    assert text.count("Rows 1 to 200 of 10,000; all of them are in the attached snapshot.json.") == 3
    assert "Rows 1 to 400 of 10,000" in text
    assert "And 9,960 more, in the attached snapshot.json." in text
    # A control matrix leaves nothing out.
    assert text.count("<b>AC-9999</b>") >= 2
    units = [len(unit.html) for unit in book.units(whole, lambda *_: None)]
    assert max(units) < 400_000
    assert snapshot.load(snapshot.canonical(large())) == large()


@pytest.mark.slow
def test_ten_thousand_rows_of_everything_are_set_within_the_limits(tmp_path):
    # A control matrix is never cut: ten thousand of its rows are 800 pages, a tenth of them shows the same.
    printed = set_package(large(controls_too=1_000), tmp_path / "package.pdf")
    assert printed.peak_bytes < 400 << 20
    assert faults(tmp_path / "package.pdf") == []
