"""Plans of action for tests: the invented vendor's, and items of any words."""

from datetime import UTC, date, datetime

from remediation.poam.items import Item, Plan


def item(**facts) -> Item:
    given = {
        "ref": "F-001", "title": "Log gap", "description": "Seen in the sample.", "state": "in_remediation",
        "severity": "high", "original_severity": "high", "source": "audit_report",
        "detected_on": date(2026, 2, 6), "scheduled_on": date(2026, 3, 11), "current_on": date(2026, 3, 11),
    }  # fmt: skip
    return Item(**(given | facts))


def plan(*items: Item, **facts) -> Plan:
    given = {
        "organization": "Larkspur", "slug": "larkspur", "engagement": "ENG-1: Examination", "title": "Package",
        "system": "", "ref": "PKG-0001", "issue": 1, "state": "draft", "at": datetime(2026, 10, 14, 17, tzinfo=UTC),
        "today": date(2026, 10, 14), "zone": "America/Chicago", "period_start": date(2025, 10, 1),
        "period_end": date(2026, 9, 30), "prepared_by": "Maya Stern", "approved_by": "", "assessor": "Pell & Voss",
        "items": items or (item(),),
    }  # fmt: skip
    return Plan(**(given | facts))
