"""A drawing that anybody can redo, and how many are usual."""

import pytest

from portal.packages import sampling


def test_the_drawing_gives_the_published_order():
    ids = [f"PR-{n:04d}" for n in range(1, 21)]
    drawn = sampling.ranked("soc2-2026-CHG-01|pop:sha256:demo", ids)
    assert drawn[:5] == ["PR-0015", "PR-0013", "PR-0017", "PR-0008", "PR-0018"]
    assert sorted(drawn) == ids
    assert sampling.ranked("soc2-2026-CHG-01|pop:sha256:demo", ids[::-1]) == drawn


def test_a_population_has_one_fingerprint_in_any_order_and_another_with_one_member_more():
    ids = ["AC-02 2026-03-02", "AC-02 2026-03-01"]
    assert sampling.fingerprint(ids) == sampling.fingerprint(ids[::-1])
    assert sampling.fingerprint(ids) != sampling.fingerprint([*ids, "AC-02 2026-03-03"])


def test_another_population_under_the_same_seed_is_another_drawing():
    ids = [f"AC-02 2026-03-{n:02d}" for n in range(1, 29)]
    keys = [sampling.key("seed", "AC-02", sampling.fingerprint(part)) for part in (ids, ids[1:])]
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("frequency", "count", "lower", "higher"),
    [
        ("annual", 1, 1, 1),
        ("quarterly", 4, 2, 4),
        ("monthly", 12, 2, 5),
        ("weekly", 52, 5, 15),
        ("daily", 365, 20, 40),
        ("daily", 7, 7, 7),
        ("event", 0, 0, 0),
        ("event", 20, 5, 20),
        ("event", 120, 12, 25),
        ("continuous", 4812, 25, 60),
    ],
)
def test_usual_sizes_follow_the_frequency_and_never_exceed_the_population(frequency, count, lower, higher):
    assert sampling.size(frequency, count, "lower") == lower
    assert sampling.size(frequency, count, "higher") == higher
