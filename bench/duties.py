"""Who may approve: the question of an approval's page, asked about five hundred people at once."""

import time
from pathlib import Path

from django.db import connection, transaction

from bench import seed
from bench.figures import Figure, figure, in_turn
from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.organizations.models import Organization
from portal.accounts.models import Account, Person
from remediation.approvals import queries as approvals
from remediation.approvals import services as approvals_services
from remediation.approvals.models import Request
from remediation.findings.models import Finding

PEOPLE = 500
LIMIT_MS = 50
ROUNDS = 20


def measure(found: list[Figure], var: Path) -> None:
    """Append the time of “who may approve” for five hundred people, against reading them by raw SQL."""
    organization, people, _ = seed.organization("duties", 10)
    manager = people["manager"]
    actor = Actor(
        organization.pk, manager.pk, manager.person_id, name="Bea", rights=manager, authenticated_at=clock.now()
    )
    _hire(organization)
    with transaction.atomic(), tenancy.entered(organization.pk):
        request = _asked(actor)
    seed.analyse()
    with transaction.atomic(), tenancy.entered(organization.pk):
        ours, theirs = in_turn(
            lambda: _milliseconds(lambda: approvals.position(request, actor)), lambda: _milliseconds(_read_people)
        )
        position = approvals.position(request, actor)
        if len(position.eligible) + len(position.blocked) < PEOPLE:
            raise RuntimeError("not everybody was judged")
    found.append(figure(f"who may approve, {PEOPLE} people", ours, "ms", limit=LIMIT_MS))
    found.append(figure(f"who may approve, {PEOPLE} people, against reading them", ours, "ms", reference=theirs))


def _hire(organization: Organization) -> None:
    many = Person.objects.bulk_create([Person(name=f"Approver {number:03d}") for number in range(PEOPLE)])
    Account.objects.bulk_create(
        [Account(email=f"a{number}@duties.example", person=person) for number, person in enumerate(many)]
    )
    seed.join(organization, [(person, "approver", f"D{number % 7}") for number, person in enumerate(many)])


def _asked(actor: Actor) -> Request:
    """A plan that waits for its approval; every seventh approver has a hand in it."""
    finding = Finding.objects.filter(severity="high").order_by("number").first()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sod_hand (id, organization_id, subject_type, subject_id, cycle, person_id, account_id, duty,"
            " about, at) SELECT gen_random_uuid(), current_organization(), 'findings.finding', %s, 1, a.person_id, a.id,"
            " 'uploader', '', now() FROM accounts_account a WHERE a.email LIKE 'a%%7@duties.example'",
            [finding.pk],
        )
    return approvals_services.request(
        "finding.approve_plan", subject_type="findings.finding", subject_id=finding.pk, subject_ref=finding.ref, cycle=1,
        content={"title": finding.title}, severity="high", actor=actor,
    )  # fmt: skip


def _read_people() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.id, p.name, m.role, m.department FROM accounts_membership m JOIN accounts_person p"
            " ON p.id = m.person_id WHERE m.organization_id = current_organization() AND m.ended_at IS NULL"
        )
        cursor.fetchall()


def _milliseconds(act) -> float:
    started = time.perf_counter()
    for _ in range(ROUNDS):
        act()
    return (time.perf_counter() - started) * 1000 / ROUNDS
