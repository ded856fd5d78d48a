"""What changed since the last request and since each earlier vote, old beside new."""

import pytest

from remediation.approvals import queries, services
from tests.remediation.approvals.test_delegation import VOTE


def vote(request, who):
    return services.decide(request.pk, **VOTE, actor=who)


def test_the_first_time_there_is_nothing_to_compare(people, thing):
    assert queries.changes_since(thing.ask(people.maya)) == []


def test_each_earlier_vote_is_compared_with_what_is_asked_now(people, thing):
    thing.severity = "high"
    first = thing.ask(people.maya)
    vote(first, people.arun)
    thing.content = {**thing.content, "title": "Leavers keep their tokens"}
    with pytest.raises(services.ContentChanged) as refused:
        vote(first, people.alba)
    assert [(one.path, one.before, one.after) for one in refused.value.differences] == [
        ("Title", "Leavers keep their logins", "Leavers keep their tokens")
    ]
    second = thing.ask(people.maya)
    asked, voted = queries.changes_since(second)
    assert (asked.by, voted.by, voted.verdict) == ("", "Arun Mehta", "approve")
    assert [(one.path, one.before, one.after) for one in voted.changes] == [
        ("Title", "Leavers keep their logins", "Leavers keep their tokens")
    ]


def test_what_is_the_same_again_says_nothing(people, thing):
    services.withdraw(thing.ask(people.maya).pk, actor=people.maya)
    assert queries.changes_since(thing.ask(people.maya)) == []


def test_it_takes_the_same_queries_for_any_number_of_earlier_requests(people, thing, django_assert_max_num_queries):
    for number in range(6):
        thing.content = {**thing.content, "title": f"Version {number}"}
        services.withdraw(thing.ask(people.maya).pk, actor=people.maya)
    thing.content = {**thing.content, "title": "Last"}
    request = thing.ask(people.maya)
    with django_assert_max_num_queries(2):
        assert len(queries.changes_since(request)) == 1
