"""A row drawn in one go escapes like any template."""

from dataclasses import fields

import pytest

from evidence import clock
from portal.web.templatetags.rows import finding_row
from remediation.findings.queries import Row

HOSTILE = '<img src=x onerror="alert(1)">'


def row(**given):
    empty = dict.fromkeys((item.name for item in fields(Row)), "")
    facts = {"criteria": [], "controls": [], "state": "triaged", "severity": "high", "ref": "F-001", "title": "Log gap",
             "current_due_at": clock.now(), "clock_started_at": clock.now(), "due_at": clock.now(), "closed_at": None}  # fmt: skip
    return Row(**{**empty, **facts, **given})


@pytest.mark.parametrize("place", ["title", "asset", "owner_name", "ref"])
def test_what_users_wrote_is_escaped(place):
    assert "<img" not in finding_row(row(**{place: HOSTILE}), "/o/x/findings")


@pytest.mark.parametrize("place", ["criteria", "controls"])
def test_codes_are_escaped(place):
    assert "<img" not in finding_row(row(**{place: [HOSTILE]}), "/o/x/findings")


@pytest.mark.parametrize(
    "state, word", [("closed", "In time"), ("rejected", "—"), ("deferred", "Paused: deferred"), ("triaged", "over")]
)
def test_the_clock_says_what_the_state_means(state, word):
    assert word in finding_row(row(state=state, closed_at=row().due_at), "/o/x/findings")


def test_a_long_asset_is_cut():
    assert f">{'a' * 79}…<" in finding_row(row(asset="a" * 200), "/o/x/findings")
