"""Rows in number, written as the owner past the guards: only their count and spread matter here."""

from django.db import connections, transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.identifiers import uuid7
from evidence.organizations.models import Organization
from portal.accounts import services as accounts
from portal.accounts.models import Account, Membership, Person

PEOPLE = (
    ("Bea Manager", "manager"),
    ("Ed Engineer", "engineer"),
    ("Ann Engineer", "engineer"),
    ("Al Approver", "approver"),
)

FINDINGS = """
INSERT INTO findings_finding (id, organization_id, version, created_at, ref, number, title, description, source,
  source_ref, tool, rule_id, fingerprint, asset, detected_at, reported_at, triaged_at, clock_started_at, triage_due_at,
  due_at, current_due_at, severity, original_severity, severity_rationale, severity_since, cvss_vector, cvss_source, kev,
  audit_rating, state, state_since, returns_to, cycle, finder_id, owner_id, assignee_id, root_cause_class, root_cause,
  scope_check, operating_seen, design_only, passes)
SELECT gen_random_uuid(), %(organization)s, 1, t.at, 'F-' || lpad(n::text, 3, '0'), n,
  'Storage bucket ' || n || ' allows reads from outside the organization', 'A long description of what was seen. ',
  'scanner', '', 'bench', 'rule-' || (n %% 50), md5(%(organization)s::text || n) || md5(n::text), 'bucket-' || n,
  t.at, t.at, t.at, t.at, t.at + interval '5 days', t.at + interval '90 days', t.at + interval '90 days',
  (ARRAY['critical','high','medium','low'])[1 + (n * 7) %% 4], 'medium', 'By exposure.', t.at, '', '', false, '',
  'triaged', t.at, '', 1, %(finder)s, (%(owners)s::uuid[])[1 + n %% 3], NULL, '', '', '', 0, false, '{}'
FROM generate_series(1, %(count)s) n, LATERAL (SELECT now() - (n %% 400) * interval '1 day' - n * interval '1 ms' AS at) t
"""
CRITERIA = """
INSERT INTO findings_findingcriterion (id, organization_id, finding_id, criterion_id)
SELECT gen_random_uuid(), organization_id, id, (%(criteria)s::text[])[1 + number %% 5] FROM findings_finding
 WHERE organization_id = %(organization)s
"""


def join(organization: Organization, rows: list[tuple[Person, str, str]]) -> None:
    """Roles and departments of people who are committed already, through the owner's login, as an operator gives them."""
    with transaction.atomic(using="owner"), tenancy.entered(organization.pk, using="owner"):
        Membership.objects.using("owner").bulk_create(
            Membership(organization_id=organization.pk, person_id=person.pk, role=role, department=department)
            for person, role, department in rows
        )


def organization(slug: str, findings: int) -> tuple[Organization, dict[str, Account], str]:
    """An organization with people, a token of its manager, and `findings` triaged findings."""
    made = Organization.objects.create(slug=slug, name=slug.title())
    accounts_by_role: dict[str, Account] = {}
    people = []
    for name, role in PEOPLE:
        person = Person.objects.create(name=name)
        account = Account.objects.create_account(
            f"{name.split()[0].lower()}@{slug}.example", "bench password", person=person
        )
        accounts_by_role.setdefault(role, account)
        people.append(person)
    join(made, [(person, role, role) for person, (_, role) in zip(people, PEOPLE, strict=True)])
    with transaction.atomic(), tenancy.entered(made.pk):
        manager = accounts_by_role["manager"]
        actor = Actor(made.pk, manager.pk, manager.person_id, name="Bea", rights=manager, authenticated_at=clock.now())
        issued = accounts.create_token(name="bench", scopes=sorted(scopes(manager)), days=5, actor=actor)
    values = {
        "organization": made.pk,
        "finder": people[0].pk,
        "owners": [person.pk for person in people[:3]],
        "count": findings,
        "criteria": ["CC6.1", "CC6.2", "CC6.3", "CC7.2", "CC8.1"],
    }
    if findings:
        with connections["owner"].cursor() as cursor, transaction.atomic(using="owner"):
            cursor.execute("SELECT set_config('app.organization', %s, true)", [str(made.pk)])
            tables = ("findings_finding", "findings_findingcriterion")
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(FINDINGS, values)
            cursor.execute(CRITERIA, values)
            cursor.execute(
                "INSERT INTO organizations_counter (id, organization_id, prefix, last) VALUES (%s, %s, 'F', %s)",
                [uuid7(), made.pk, findings],
            )
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    return made, accounts_by_role, issued.secret


def scopes(account: Account) -> set[str]:
    from portal.accounts import roles

    return set(roles.permissions_of(["manager"]))


def analyse() -> None:
    """Fresh statistics, as autovacuum would have made them."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
