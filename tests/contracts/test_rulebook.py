"""Every numbered rule has its sentence, its check in Python, its refusal in the database, and a test of each.

The rulebook (remediation/sod/rulebook) is the one table; services, triggers, tests and documents are read and compared.
"""

import ast
import importlib
import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

import pytest
from django.db import connection

from remediation.sod import matrix, printing, rulebook
from remediation.sod.models import Rule, ToxicPair

ROOT = Path(__file__).resolve().parents[2]
NUMBER = re.compile(r"^[A-Z]-\d\d$")
# Letters of guards that keep a record in shape, not people apart; the pages named list their rules.
RECORDS = {
    "C": "runs of controls (remediation/monitoring)",
    "E": "evidence and its versions (docs/evidence.md)",
    "F": "findings (remediation/findings)",
    "H": "holds (docs/evidence.md)",
    "K": "risks (remediation/risk)",
    "L": "the ledger (docs/history.md)",
    "P": "plans and tasks (remediation/tasks)",
    "U": "uploads (docs/evidence.md)",
    "X": "redaction (docs/evidence.md)",
    "Z": "disposal (docs/evidence.md)",
}
RULES = {rule.number: rule for rule in rulebook.all_rules()}


@lru_cache
def marked() -> dict[tuple[str, str], set[str]]:
    """Which tests show a rule: (number, "python" or "database") to the files they stand in."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text()
        if "mark.rule(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.rule":
                by = next(ast.literal_eval(word.value) for word in node.keywords if word.arg == "by")
                for number in numbers(node, path):
                    found[number, by].add(path.name)
    return found


def numbers(call: ast.Call, path: Path) -> list[str]:
    """The numbers of a mark: written out, or `*NAME` of the module, which a parametrised test makes from a table."""
    found: list[str] = []
    for given in call.args:
        if isinstance(given, ast.Starred):
            module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            found += getattr(module, ast.unparse(given.value))
        else:
            found.append(ast.literal_eval(given))
    return found


@lru_cache
def named_in_python() -> dict[str, set[str]]:
    """The numbers that Python's own code names, outside the rulebook and the SQL of guards, with the files."""
    found: dict[str, set[str]] = defaultdict(set)
    for floor in ("evidence", "remediation", "portal"):
        for path in (ROOT / floor).rglob("*.py"):
            if path.name == "guards.py" or {"rulebook", "migrations", "sample"} & set(path.parts):
                continue
            text = path.read_text()
            if not re.search(r"[\"'][A-Z]-\d\d[\"']", text):
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Constant) and NUMBER.match(str(node.value)):
                    found[node.value].add(str(path.relative_to(ROOT)))
    return found


def raised_in_database() -> dict[str, set[tuple[str, str]]]:
    """What the installed functions raise: number to (SQLSTATE, text)."""
    raising = re.compile(
        r"ERRCODE = '(CH\d{3})',\s*MESSAGE =\s*(?:format\(\s*)?'\[([A-Z]-\d\d)\] ((?:[^']|'')*)'", re.DOTALL
    )
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosrc ~ '\\[[A-Z]-'"
        )
        sources = [row[0] for row in cursor.fetchall()]
    for source in sources:
        hits = raising.findall(source)
        assert len(hits) == len(re.findall(r"'\[[A-Z]-\d\d\]", source)), f"an unreadable refusal in: {source[:200]}"
        for state, number, text in hits:
            found[number].add((state, text.replace("''", "'")))
    return found


@pytest.mark.parametrize("number", RULES)
@pytest.mark.parametrize("by", ["python", "database"])
def test_each_rule_has_a_test_of_each_kind(number, by):
    assert marked().get((number, by)), f"no test is marked pytest.mark.rule({number!r}, by={by!r})"


def test_tests_are_marked_with_rules_that_exist():
    assert {number for number, _ in marked()} <= RULES.keys()
    assert {by for _, by in marked()} == {"python", "database"}


@pytest.mark.parametrize("number", [rule.number for rule in RULES.values() if not rule.permits and not rule.by_form])
def test_each_rule_is_refused_by_a_service(number):
    assert number in named_in_python(), f"no refusal in Python has rule={number!r}"


def test_services_name_rules_that_exist():
    known = {number: files for number, files in named_in_python().items() if number[0] not in RECORDS}
    assert known.keys() <= RULES.keys(), {number: known[number] for number in known.keys() - RULES.keys()}


@pytest.mark.django_db
def test_the_database_refuses_by_these_rules_and_no_others():
    raised = {number: texts for number, texts in raised_in_database().items() if number[0] not in RECORDS}
    of_the_matrix = {
        number
        for table in (Rule, ToxicPair)
        for number in table.objects.filter(matrix_version=matrix.VERSION).values_list("number", flat=True)
    }
    assert raised.keys() | of_the_matrix == RULES.keys()
    for number, texts in raised.items():
        assert {state for state, _ in texts} == {RULES[number].sqlstate}, number


@pytest.mark.django_db
def test_the_database_says_the_sentence_of_the_table():
    # A rule of the matrix has a sentence for each direction, and a guard may say the one that fits.
    of_the_matrix = {pair.number for pair in matrix.PAIRS}
    for number, texts in raised_in_database().items():
        for _, text in texts if number in RULES.keys() - of_the_matrix else ():
            # A refusal that names what it found has a place for it.
            assert text == RULES[number].sentence or "%" in text, (number, text)


@pytest.mark.django_db
def test_the_letters_of_records_are_raised_and_belong_to_nobody_else():
    assert not RECORDS.keys() & {family.letter for family in rulebook.families()}
    assert {number[0] for number in raised_in_database()} <= RECORDS.keys() | {rule.letter for rule in RULES.values()}


def test_every_rule_reads_as_a_sentence_and_says_what_to_do():
    for rule in RULES.values():
        assert rule.sentence and not rule.sentence.endswith("."), rule.number
        assert rule.instead.endswith("."), rule.number
        assert NUMBER.match(rule.number) and re.match(r"^CH00\d$", rule.sqlstate)


def test_the_documents_hold_the_table():
    written = (ROOT / "docs" / "rulebook.md").read_text()
    assert written == printing.document(), "write it anew: manage.py rulebook > docs/rulebook.md"


def test_a_letter_belongs_to_one_family_and_a_number_stands_once():
    other = rulebook.Family("A", "Another", "Something else.", ())
    with pytest.raises(ValueError, match="belongs to"):
        rulebook.register(other)
    twice = rulebook.Rule("Y-01", "says something", "Do something else.")
    with pytest.raises(ValueError, match="stands once"):
        rulebook.register(rulebook.Family("Y", "Twice", "Twice the same.", (twice, twice)))
    assert rulebook.find("Y-01") is None
