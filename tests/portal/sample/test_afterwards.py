"""What happens after the sample's first package follows from how far each tale had come."""

import pytest

from portal.sample.story import AFTERWARDS, STEPS, TALES, Tale


@pytest.mark.parametrize(("title", "steps", "words"), AFTERWARDS, ids=[title[:30] for title, *_ in AFTERWARDS])
def test_a_tale_goes_on_where_it_ended(title, steps, words):
    [tale] = [tale for tale in TALES if tale.title == title]
    assert not tale.turn
    here = STEPS.index(tale.end)
    assert steps == STEPS[here + 1 : here + 1 + len(steps)]
    assert set(words) <= set(Tale.__dataclass_fields__)
    assert not any(getattr(tale, name) for name in words), "only what it lacked is added"
