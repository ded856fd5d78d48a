"""docs/asvs.md is whole and true: each requirement of levels 1 and 2 stands once, and the tests it names exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "asvs.md"
# OWASP ASVS 5.0.0: how many of each section are of level 1 or 2, where they are the first so many; else their numbers.
LEVEL_2 = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2, "3.3": 4, "3.4": 6,
    "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3, "6.1": 3, "6.2": 12,
    "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2, "8.1": 2,
    "8.2": 3, "8.3": 1, "8.4": 1, "9.1": 3, "9.2": 4, "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2,
    "10.7": 3, "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1,
    "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3, "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5,
    "16.3": 4, "16.4": 3, "16.5": 3, "17.1": 1, "17.2": 4, "17.3": 2,
}  # fmt: skip
# Of level 3 those that SECURITY.md of the design names and level 2 does not have.
LEVEL_3 = {"2.3.5", "8.3.2"}
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| (Met|Partly|Not met|N/A) \| ([^|]+) \| ([^|]*) \|$", re.M)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
STATES = ("Met", "Partly", "Not met", "N/A")


@pytest.fixture(scope="module")
def rows():
    return [[part.strip() for part in row] for row in ROW.findall(PAGE.read_text())]


def wanted():
    return {f"{section}.{number}" for section, most in LEVEL_2.items() for number in range(1, most + 1)}


def test_the_list_has_as_many_as_the_standard():
    assert len(wanted()) == 70 + 183


def test_each_requirement_stands_once(rows):
    found = [row[0] for row in rows]
    assert sorted(found) == sorted(wanted() | LEVEL_3)
    assert len(re.findall(r"^\| \d", PAGE.read_text(), re.M)) == len(rows), "a row that does not read as one"


def test_what_is_met_names_a_test_and_what_is_not_says_why(rows):
    for number, _, state, how, shown in rows:
        assert len(how) > 3, number
        assert state != "Met" or TEST.search(shown), f"{number} is met, shown by nothing"


def test_every_test_that_is_named_exists(rows):
    for number, *_, shown in rows:
        for path, name in TEST.findall(shown):
            file = ROOT / path
            assert file.is_file(), f"{number}: {path}"
            assert re.search(rf"^\s*def {name}\(", file.read_text(), re.M), f"{number}: {path}::{name}"
        assert not re.search(r"tests/", TEST.sub("", shown)), f"{number}: {shown}"


def test_every_test_of_the_page_exists():
    named = TEST.findall(PAGE.read_text())
    assert len(named) > 180
    for path, name in named:
        assert re.search(rf"^\s*def {name}\(", (ROOT / path).read_text(), re.M), f"{path}::{name}"


def test_the_count_at_its_head_is_that_of_the_rows(rows):
    counted = {state: sum(row[2] == state for row in rows) for state in STATES}
    (line,) = re.findall(r"^\*\*(.+)\*\*$", PAGE.read_text(), re.M)
    assert line == ", ".join(f"{counted[state]} {words}" for state, words in zip(STATES, WORDS, strict=True))


WORDS = ("met", "partly met", "not met", "do not apply")


def test_security_md_says_how_soon_components_are_mended():
    assert "within" in (ROOT / "SECURITY.md").read_text().split("## What it is made of")[1]
