"""What every reader of a package's rows stands on: whose rows, which period's zone, the moment, people's names."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connections
from django.db.models import QuerySet

from evidence import clock, tenancy
from portal.accounts.models import Person
from portal.engagements import queries as engagements
from portal.engagements.models import Engagement as EngagementRow
from portal.packages.models import Package
from remediation.findings.models import Finding


@dataclass
class Names:
    """Names of people by id, looked up once a chunk."""

    known: dict[UUID, str]

    def learn(self, ids: Iterable[UUID | None]) -> None:
        missing = {pk for pk in ids if pk is not None} - set(self.known)
        if missing:
            self.known.update(Person.objects.filter(pk__in=missing).values_list("pk", "name"))

    def __getitem__(self, pk: UUID | None) -> str:
        return self.known.get(pk, "") if pk else ""


class Ground:
    """One reading of one package's engagement."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.engagement: EngagementRow = package.engagement
        self.organization = package.organization
        self.zone = ZoneInfo(self.organization.timezone)
        self.now = clock.now().replace(microsecond=0)
        self.today = self.now.astimezone(self.zone).date()
        self.names = Names({})

    def findings(self) -> "QuerySet[Finding]":
        """The findings in scope that the package tells of: restricted ones only when its preparer confirmed them."""
        rows = engagements.findings(self.engagement)
        return rows if self.package.with_restricted else rows.filter(is_restricted=False)

    def untold(self) -> int:
        """How many restricted findings of the scope are left out: also those that the preparer is not let in to."""
        with connections[tenancy.alias()].cursor() as cursor:
            cursor.execute("SELECT findings_restricted_in(%s)", [self.engagement.pk])
            restricted: int = cursor.fetchone()[0]
        return restricted - self.findings().filter(is_restricted=True).count()

    def day(self, moment: datetime | None) -> date | None:
        return moment.astimezone(self.zone).date() if moment else None
