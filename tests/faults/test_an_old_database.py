"""An old backup restored under the live signer: it signs nothing more, and the portal says why on every page."""

import psycopg
import pytest

from evidence.ledger.models import Alarm, Checkpoint, Event, Queue
from portal.engagements import services as engagements
from portal.packages import services as packages
from remediation.approvals.models import Decision
from tests import databases
from tests.faults.conftest import FACTS, House
from tests.faults.test_killed_while_deciding import vote
from tests.remediation.story import Story

pytestmark = [pytest.mark.slow, pytest.mark.faults]


@pytest.fixture
def story(house: House) -> Story:
    with house.inside():
        made = Story(house.people, severity="high").until("closure_asked")
        engagements.create(FACTS, actor=house.people.maya)
    return made


@pytest.fixture
def old(house: House, story, test_template) -> str:
    """A copy of the database as it was before the history went on."""
    house.seal()
    databases.use(house.database)
    name = f"{house.database}_old"
    with psycopg.connect(test_template.database_admin_url, autocommit=True) as admin:
        databases._run(admin, "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, house.database)
    with psycopg.connect(test_template.database_admin_url, dbname=name, autocommit=True) as admin:
        databases.roles.restrict(admin, name)
    yield name
    databases.use(house.database)
    with psycopg.connect(test_template.database_admin_url, autocommit=True) as admin:
        databases._run(admin, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def restore(house: House, name: str) -> None:
    databases.use(name)
    house.database = name


@pytest.mark.parametrize("how", ["seal", "inspect"])
def test_the_signer_refuses_an_old_database_and_says_so_everywhere(house, story, old, how):
    house.do("record", organization=str(house.organization.pk), count=3)
    house.seal()
    live = house.database
    restore(house, old)
    with house.inside():
        signed, request = Checkpoint.objects.count(), story.request("finding.close")
    if how == "seal":
        house.do("record", organization=str(house.organization.pk), count=5)
    assert house.do(how, organization=str(house.organization.pk)).result == ["refused", "tree_smaller"]
    with house.inside():
        assert Checkpoint.objects.count() == signed
        [alarm] = Alarm.objects.all()
        waiting = Queue.objects.count()
    assert "it was set back" in alarm.message
    assert waiting == (5 if how == "seal" else 0)
    # A decision and a package are refused in its words, and a page says it to everybody.
    status, answer = vote(house, request, house.people.arun).result
    assert (status, answer["code"]) == (503, "ledger_alarm")
    assert alarm.message in answer["title"]
    with house.inside():
        assert not Decision.objects.filter(request=request).exists()
        engagement = engagements.Engagement.objects.get()
    with pytest.raises(packages.ledger.Unavailable, match="it was set back"), house.inside():
        packages.build(engagement.pk, actor=house.people.maya)
    status, page = house.do(
        "page",
        slug=house.organization.slug,
        account=str(house.people.ines.account_id),
        path="findings",
    ).result
    assert status == 200
    assert "does not match what was signed" in page
    assert "it was set back" in page
    code, said = house.command("verify_ledger")
    assert code == 1
    assert "it was set back" in said
    # With the right database back, work goes on as if nothing had been.
    restore(house, live)
    house.seal()
    house.verify()
    assert vote(house, request, house.people.arun).result[0] == 200


def test_a_database_with_other_events_of_the_same_number_is_not_signed(house, story, old):
    """The copy went on by itself and is as long as what was signed; its events are others."""
    organization = str(house.organization.pk)
    house.do("record", organization=organization, count=3)
    house.seal()
    restore(house, old)
    house.do("record", organization=organization, count=3)
    assert house.seal().result == ["refused", "tree_smaller"]
    with house.inside():
        assert (Event.objects.filter(kind="thing.made").count(), Queue.objects.count()) == (3, 3)
