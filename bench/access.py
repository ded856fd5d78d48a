"""What permissions and row-level security cost a list, and whether an auditor's wide scope costs more than a manager's.

The yardstick of the first is the same view on the same server, asked by the product itself over a superuser's
connection: no policy applies to it and no right is looked up. CPU of PostgreSQL is counted with the workers'.
"""

from datetime import timedelta
from pathlib import Path

import psutil
from django.contrib.auth.models import Permission
from django.db import connection, connections, transaction

from bench import seed
from bench.figures import Figure, figure, in_turn
from bench.server import Server
from evidence import clock, tenancy
from evidence.actors import Actor
from portal.accounts.models import Account, Person
from portal.engagements import services as engagements
from portal.engagements.models import EngagementGrant

SCOPE = 20_000
TIMES = 80

RELEASED = """
INSERT INTO engagements_scopedfinding (id, organization_id, engagement_id, finding_id, added_at, released_at)
SELECT gen_random_uuid(), f.organization_id, %s, f.id, now(), now() FROM findings_finding f WHERE f.organization_id = %s
"""
# A few restricted ones, as a real place has: the policies then have something to ask.
RESTRICTED = """
INSERT INTO findings_restriction (id, organization_id, finding_id, reason, by_id, at, lift_reason)
SELECT gen_random_uuid(), f.organization_id, f.id, 'Bench', %s, now(), '' FROM findings_finding f
 WHERE f.organization_id = %s AND f.number %% 4000 = 0
"""


def measure(found: list[Figure], var: Path, session) -> None:
    """`session(account)` gives the headers of a signed-in browser."""
    organization, people, secret = seed.organization("benchaccess", SCOPE)
    auditor, engagement = _auditor(organization, people["manager"])
    seed.analyse()
    server = Server(var / "access.log")
    try:
        spent = _Spent(server)
        path = f"/api/v1/organizations/{organization.slug}/findings/"
        token = {"Authorization": f"Bearer {secret}"}
        ours, theirs = in_turn(
            lambda: spent.ms(path, token), lambda: spent.ms(f"/bench/unfenced/{organization.slug}/", token)
        )
        name = f"list of 50 with rights and row-level security, {SCOPE:,} findings"
        found.append(figure(name, ours, "CPU ms", reference=theirs, limit=1.25))
        page = f"/o/{organization.slug}/audit/{engagement.ref}/findings"
        listing = f"/o/{organization.slug}/findings"
        manager, eyes = session(people["manager"]), session(auditor)
        ours, theirs = in_turn(lambda: spent.ms(page, eyes), lambda: spent.ms(listing, manager))
        name = f"page of 50 for an auditor whose scope holds {SCOPE:,}, against a manager’s"
        found.append(figure(name, ours, "CPU ms", reference=theirs, limit=1.2))
    finally:
        server.stop()


def _auditor(organization, manager: Account) -> tuple[Account, object]:
    person = Person.objects.create(name="Aud Itor")
    account = Account.objects.create_account("aud@benchaccess.example", "bench password", person=person)
    seed.join(organization, [(person, "auditor", "")])
    with transaction.atomic(), tenancy.entered(organization.pk, manager.person_id):
        actor = Actor(organization.pk, manager.pk, manager.person_id, name="Bea", rights=manager)
        today = clock.today()
        made = engagements.create(engagements.Facts("Bench", today - timedelta(days=200), today), actor=actor)
        EngagementGrant.objects.create(
            organization=organization, user=account, content_object=made, valid_until=clock.now() + timedelta(days=9),
            permission=Permission.objects.get(codename="engagement_read"), granted_by_id=manager.person_id,
        )  # fmt: skip
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT set_config('app.organization', %s, true)", [str(organization.pk)])
        cursor.execute(RELEASED, [made.pk, organization.pk])
        cursor.execute(RESTRICTED, [manager.person_id, organization.pk])
    return account, made


class _Spent:
    """CPU of the web workers and of PostgreSQL together, for one request."""

    def __init__(self, server: Server) -> None:
        self.server = server
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self.postmaster = psutil.Process(cursor.fetchone()[0]).parent()

    def ms(self, path: str, headers: dict[str, str]) -> float:
        self.server.get(path, headers)
        before = self._postgres()
        web = self.server.cpu_ms(path, headers, TIMES)
        return web + (self._postgres() - before) * 1000 / TIMES

    def _postgres(self) -> float:
        spent = 0.0
        for process in (self.postmaster, *self.postmaster.children()):
            try:
                spent += sum(process.cpu_times()[:4])
            except psutil.NoSuchProcess:
                continue
        return spent
