"""What every reader of a package's rows stands on: whose rows, which period's zone, the moment, people's names."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from evidence import clock
from portal.accounts.models import Person
from portal.engagements.models import Engagement as EngagementRow
from portal.packages.models import Package


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
        self.engagement: EngagementRow = package.engagement
        self.organization = package.organization
        self.zone = ZoneInfo(self.organization.timezone)
        self.now = clock.now().replace(microsecond=0)
        self.today = self.now.astimezone(self.zone).date()
        self.names = Names({})

    def day(self, moment: datetime | None) -> date | None:
        return moment.astimezone(self.zone).date() if moment else None
