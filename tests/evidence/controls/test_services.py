"""Controls are set up, changed and retired with a record of what they served and owed before and after."""

import pytest
from django.db import DatabaseError, connection, transaction

from evidence import tenancy
from evidence.controls import queries
from evidence.controls import services as controls
from evidence.controls.models import Control, Criterion
from evidence.controls.services import ControlFacts, Owed
from evidence.errors import Invalid, NotAllowed, NotFound, Stale, WrongState
from evidence.ledger import queries as ledger
from tests.people import People

FACTS = ControlFacts(
    title="Leavers lose access in a day",
    frequency="weekly",
    owner_role="Identity lead",
    criteria=("CC6.2", "CC6.1"),
    failure_patterns=("M16",),
    owed=(Owed("Reconciliation", "report", 10),),
)


def kinds(control: Control) -> list[str]:
    return [fact.kind for fact in ledger.history("controls.control", control.pk)]


def test_the_migration_loaded_all_61_criteria(db):
    assert Criterion.objects.count() == 61
    assert [row.identifier for row in queries.criteria()][:2] == ["CC1.1", "CC1.2"]


def test_a_manager_sets_up_a_control(people: People):
    control = controls.create(FACTS, actor=people.maya, owner_id=people.ines.person_id)
    assert (control.ref, control.version, control.owner_id) == ("AC-01", 1, people.ines.person_id)
    assert controls.facts_of(control).criteria == ("CC6.1", "CC6.2")
    assert controls.facts_of(control).owed == FACTS.owed
    [fact] = ledger.history("controls.control", control.pk)
    assert fact.after["owed"] == [{"kind": "report", "freshness_days": 10}]
    assert fact.texts["title"] == FACTS.title
    assert FACTS.title.encode() not in fact.body


@pytest.mark.parametrize("who", ["ines", "arun", "adam", "otto"])
def test_others_set_up_no_control(people: People, who):
    with pytest.raises(NotAllowed):
        controls.create(FACTS, actor=getattr(people, who))
    assert not Control.objects.exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"frequency": "sometimes"}, "frequency"),
        ({"criteria": ("CC99",)}, "criteria"),
        ({"failure_patterns": ("M21",)}, "failure_patterns"),
        ({"owed": (Owed("x", "rumour", 1),)}, "owed"),
        ({"owed": (Owed("x", "report", 0),)}, "owed"),
    ],
)
def test_what_does_not_fit_is_named(people: People, changed, field):
    facts = ControlFacts(**{**{name: getattr(FACTS, name) for name in FACTS.__dataclass_fields__}, **changed})
    with pytest.raises(Invalid) as refusal:
        controls.create(facts, actor=people.maya)
    assert list(refusal.value.fields) == [field]
    assert not Control.objects.exists()


def test_an_edit_replaces_what_it_says_and_keeps_both_in_the_record(people: People):
    control = controls.create(FACTS, actor=people.maya)
    newer = ControlFacts(title="Leavers", frequency="daily", criteria=("CC6.3",))
    control = controls.edit(control.pk, newer, version=1, actor=people.maya)
    assert controls.facts_of(queries.control("AC-01")) == newer
    fact = ledger.history("controls.control", control.pk)[-1]
    assert (fact.before["frequency"], fact.after["frequency"]) == ("weekly", "daily")
    with pytest.raises(Stale):
        controls.edit(control.pk, FACTS, version=1, actor=people.maya)
    assert kinds(control) == ["control.created", "control.edited"]


def test_a_retired_control_keeps_its_number_and_changes_no_more(people: People):
    control = controls.create(FACTS, actor=people.maya)
    with pytest.raises(Invalid):
        controls.retire(control.pk, reason=" ", actor=people.maya)
    controls.retire(control.pk, reason="Replaced by AC-02.", actor=people.maya)
    for act in (
        lambda: controls.edit(control.pk, FACTS, version=2, actor=people.maya),
        lambda: controls.set_owner(control.pk, None, actor=people.maya),
        lambda: controls.retire(control.pk, reason="again", actor=people.maya),
    ):
        with pytest.raises(WrongState):
            act()
    assert controls.create(FACTS, actor=people.maya).ref == "AC-02"
    assert [row.ref for row in queries.controls()] == ["AC-02"]
    assert [row.ref for row in queries.controls(with_retired=True)] == ["AC-01", "AC-02"]


def test_the_starter_set_is_adopted_with_its_owners(people: People, django_assert_num_queries):
    made = controls.adopt_starter_set(actor=people.maya, owners={"Identity lead": people.ivan.person_id})
    assert [control.ref for control in made] == [f"AC-{number:02d}" for number in range(1, 19)]
    assert [control.ref for control in made if control.owner_id] == ["AC-01", "AC-02"]
    assert all(row.control_count for row in queries.criteria_coverage() if row.identifier in ("CC6.1", "CC8.1"))
    with django_assert_num_queries(3):
        assert all(list(control.owed.all()) for control in queries.controls())


def test_another_organizations_controls_do_not_exist(people: People, other_org):
    control = controls.create(FACTS, actor=people.maya)
    with tenancy.entered(other_org.pk):
        for ask in (lambda: queries.control("AC-01"), lambda: queries.control(control.pk)):
            with pytest.raises(NotFound):
                ask()
        with pytest.raises(NotFound):
            controls.set_owner(control.pk, None, actor=people.maya)
        assert all(row.control_count == 0 for row in queries.criteria_coverage())


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM controls_control",
        "TRUNCATE controls_control CASCADE",
        "INSERT INTO controls_criterion (identifier, category, title, position) VALUES ('CC0', 'CC', 'x', 99)",
        "UPDATE controls_criterion SET title = 'x'",
    ],
)
def test_raw_sql_cannot_remove_controls_or_touch_the_catalogue(people: People, statement):
    controls.create(FACTS, actor=people.maya)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE clearhold_app")
        cursor.execute(statement)
