"""A package lists who decided in whose place and every emergency access of its period."""

from datetime import timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

from evidence import clock
from portal.packages.collecting import cover
from remediation.approvals import services
from remediation.approvals.emergencies import services as emergencies
from tests.remediation.approvals.test_delegation import VOTE, lend
from tests.remediation.approvals.test_emergency import running
from tests.remediation.conftest import thing  # noqa: F401


def ground(org, *, ago=10):
    today = clock.today()
    engagement = SimpleNamespace(
        period_start=today - timedelta(days=ago), period_end=today - timedelta(days=ago) + timedelta(days=11)
    )
    zone = ZoneInfo("UTC")
    return SimpleNamespace(
        organization=org, engagement=engagement, zone=zone, day=lambda moment: moment.astimezone(zone).date()
    )


def test_delegations_of_the_period_with_their_decisions(org, people, thing):  # noqa: F811
    loan = lend(people.arun, people.ivan)
    lend(people.alba, people.ines, accepted=False)
    services.decide(thing.ask(people.maya).pk, **VOTE, actor=people.ivan, delegation_id=loan.pk)
    [told] = cover.lent(ground(org))
    assert told.startswith("Ivan Petrov for Arun Mehta: approver, for everything, from ")
    assert told.endswith("decisions under it: 1.")
    assert cover.lent(ground(org, ago=100)) == ()


def test_emergency_access_of_the_period_with_its_review(org, people):
    row = running(people.ines, people.edda)
    [told] = cover.emergency(ground(org))
    assert "EM-001: Ines Duarte as administrator" in told and told.endswith("not reviewed yet.")
    emergencies.end(row.pk, actor=people.ines)
    emergencies.review(row.pk, verdict="fitting", words="Only what was needed.", actor=people.maya)
    assert "activated by Edda Brandt; reviewed by Maya Okafor" in cover.emergency(ground(org))[0]
    assert cover.emergency(ground(org, ago=100)) == ()
