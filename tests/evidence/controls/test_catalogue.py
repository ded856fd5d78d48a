"""The criteria are counted, and the starter set answers every failure pattern."""

from collections import Counter

from evidence.controls.catalogue import CRITERIA
from evidence.controls.models import EvidenceKind, Frequency
from evidence.controls.starter import STARTER


def test_the_catalogue_counts_61_criteria():
    assert Counter(entry.category for entry in CRITERIA) == {"CC": 33, "A": 3, "C": 2, "PI": 5, "P": 18}
    assert len({entry.identifier for entry in CRITERIA}) == 61


def test_every_identifier_belongs_to_its_category_and_has_a_short_title():
    for entry in CRITERIA:
        assert entry.identifier.startswith(entry.category)
        assert 5 <= len(entry.title) <= 60


def test_the_starter_set_answers_every_failure_pattern():
    covered = {pattern for control in STARTER for pattern in control.failure_patterns}
    assert covered == {f"M{number}" for number in range(1, 21)}
    assert len(STARTER) == 18


def test_every_starter_control_owes_evidence_and_serves_known_criteria():
    known = {entry.identifier for entry in CRITERIA}
    for control in STARTER:
        assert set(control.criteria) <= known
        assert control.owed
        assert control.frequency in Frequency.values
        for _title, kind, days in control.owed:
            assert kind in EvidenceKind.values
            assert days > 0


def test_starter_titles_are_distinct():
    assert len({control.title for control in STARTER}) == len(STARTER)
