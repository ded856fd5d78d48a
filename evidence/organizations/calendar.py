"""An organization's days: its zone, its holidays, and which days count as business days."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from evidence.organizations import queries
from evidence.organizations.models import Organization

_END_OF_DAY = time(23, 59, 59)


@dataclass(frozen=True)
class Calendar:
    """Days in the organization's zone; holidays are those of its policy “sla”."""

    zone: ZoneInfo
    holidays: frozenset[date]

    def end_of(self, day: date) -> datetime:
        """The last second of a day in the organization's zone."""
        return datetime.combine(day, _END_OF_DAY, self.zone)

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def is_business_day(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.holidays

    def after_business_days(self, day: date, count: int) -> date:
        """The `count`-th business day after `day`."""
        while count > 0:
            day += timedelta(days=1)
            count -= self.is_business_day(day)
        return day


def calendar(organization_id: UUID) -> Calendar:
    """The calendar in force for an organization."""
    body = queries.policy(organization_id, "sla").body
    zone = Organization.objects.values_list("timezone", flat=True).get(pk=organization_id)
    return Calendar(ZoneInfo(zone), frozenset(date.fromisoformat(day) for day in body.get("holidays", [])))
