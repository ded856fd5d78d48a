"""A small installation to break: a database of its own, folders of its own, and processes that may be killed."""

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import transaction

from evidence import tenancy
from evidence.ledger.models import Event
from evidence.organizations.models import Organization
from evidence.vault import services as vault
from portal.engagements import services as engagements
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.packages.models import Package
from remediation.approvals.models import Decision, Request
from remediation.findings.models import Finding
from remediation.findings.services import reporting
from tests.faults.estate import Estate, settled
from tests.faults.mortals import Ending, Mortals
from tests.people import People, hire
from tests.serving import address

FACTS = engagements.Facts("Examination", date(2026, 1, 1), date(2026, 12, 31), auditor_firm="Haas & Partner")
SETTLED = {"granted", "refused", "void", "withdrawn", "expired"}


@pytest.fixture(scope="session")
def mortals(django_db_setup, collected, tmp_path_factory) -> Iterator[Mortals]:
    folder = tmp_path_factory.mktemp("mortals")
    # Pages name their files as the server does.
    (folder / "static").symlink_to(collected)
    kept = {name: value for name, value in os.environ.items() if name != "CRASH_AT"}
    environment = {
        **kept,
        "DJANGO_SETTINGS_MODULE": "portal.settings.development",
        "CLEARHOLD_VAR": str(folder),
        "DATABASE_URL": address("default"),
        "DATABASE_AUDITOR_URL": address("auditor"),
        "DATABASE_SEQUENCER_URL": address("sequencer"),
        "DATABASE_OWNER_URL": address("owner"),
        # Nobody's broker: what is rung here reaches no other test.
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    made = Mortals(environment, folder / "log")
    yield made
    made.close()


@dataclass
class House:
    """An organization with its people, and whoever acts in it."""

    organization: Organization
    people: People
    database: str
    var: Path
    mortals: Mortals

    def do(self, act: str, *, crash_at: str = "", **args: Any) -> Ending:
        return self.mortals.do(act, database=self.database, var=self.var, crash_at=crash_at, **args)

    def seal(self, crash_at: str = "") -> Ending:
        return self.do("seal", crash_at=crash_at, organization=str(self.organization.pk))

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        with transaction.atomic(), tenancy.entered(self.organization.pk):
            yield

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """The bodies of the events of these kinds, oldest first."""
        with self.inside():
            return [json.loads(bytes(one.body)) for one in Event.objects.filter(kind__in=kinds).order_by("id")]

    def command(self, *words: str) -> tuple[int, str]:
        """Exit code and output of a command."""
        said = io.StringIO()
        try:
            call_command(*words, stdout=said)
        except SystemExit as ended:
            return int(ended.code or 0), said.getvalue()
        return 0, said.getvalue()

    def verify(self) -> None:
        """Both verifiers, as an operator runs them."""
        for command in ("verify_ledger", "verify_vault"):
            code, said = self.command(command)
            assert code == 0, said

    def assert_whole(self) -> None:
        """Nothing half-done: no decision without its event, no state without its decision, no row without its bytes."""
        with self.inside():
            decisions = {str(one.pk): one for one in Decision.objects.all()}
            requests = list(Request.objects.all())
            closed = set(Finding.objects.filter(state="closed").values_list("pk", flat=True))
            packages = list(Package.objects.select_related("pdf", "manifest", "snapshot"))
        voted = self.events("approval.approved", "approval.rejected")
        assert sorted(event["facts"]["data"]["decision"] for event in voted) == sorted(decisions)
        ended = [
            event["facts"]["data"]["request"] for event in self.events(*(f"approval.{state}" for state in SETTLED))
        ]
        assert sorted(ended) == sorted(str(one.pk) for one in requests if one.state in SETTLED)
        for one in requests:
            approvals = [vote for vote in decisions.values() if vote.request_id == one.pk and vote.verdict == "approve"]
            assert (one.state == "granted") == (len(approvals) >= one.needed), one.state
        granted = {one.subject_id for one in requests if (one.action, one.state) == ("finding.close", "granted")}
        assert closed == granted
        assert {UUID(event["object"]["id"]) for event in self.events("finding.closed")} == closed
        for package in packages:
            self._assert_whole_package(package)

    def _assert_whole_package(self, package: Package) -> None:
        told = [e for e in self.events("package.built", "package.sealed") if e["object"]["id"] == str(package.pk)]
        if not package.is_built:
            assert (package.pdf, package.manifest, package.snapshot, told) == (None, None, None, [])
            return
        for blob, sha256 in (
            (package.pdf, package.sha256),
            (package.manifest, package.manifest_sha256),
            (package.snapshot, package.snapshot_sha256),
        ):
            assert hashlib.sha256(b"".join(vault.open(blob))).hexdigest() == sha256
        assert told[-1]["facts"]["after"]["sha256"] == package.sha256
        assert told[-1]["id"] == str(package.recorded_by_event)
        assert (told[-1]["kind"] == "package.sealed") == (package.state == "sealed")

    def job(self, job_id: UUID) -> Job:
        with self.inside():
            return Job.objects.get(pk=job_id)

    def let_the_lease_run_out(self, job_id: UUID) -> None:
        from django.db import connection

        with self.inside(), connection.cursor() as cursor:
            cursor.execute("UPDATE jobs_job SET lease_until = now() - interval '1 second' WHERE id = %s", [job_id])


@pytest.fixture
def house(own_database, mortals, tmp_path, settings, monkeypatch) -> House:
    for name in ("BLOBS", "KEYS", "SIGNER", "WORK"):
        setattr(settings, f"CLEARHOLD_{name}_DIR", tmp_path / name.lower())
    # The tests are the bell.
    monkeypatch.setattr(jobs, "ring", lambda *_: True)
    organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
    with transaction.atomic(), tenancy.entered(organization.pk):
        people = hire(organization)
    return House(organization, people, own_database, tmp_path, mortals)


@pytest.fixture
def engagement(house: House):
    with house.inside():
        made = engagements.create(FACTS, actor=house.people.maya)
        reporting.report(
            actor=house.people.maya,
            title="Log gap",
            source="audit_report",
            detected_at=datetime(2026, 2, 3, tzinfo=UTC),
            asset="CRM",
            severity="high",
        )
        engagements.scope_everything(made.pk, actor=house.people.maya)
    return made


@pytest.fixture
def estate(collected, django_db_setup, django_db_blocker, settings) -> Iterator[Estate]:
    """An installation with servers of its own."""
    with django_db_blocker.unblock(), settled(collected, settings) as made:
        yield made
