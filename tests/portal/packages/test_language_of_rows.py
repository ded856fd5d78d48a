"""From the form to the rows: the language that was chosen is kept, and what is said of the rows is said in it."""

from datetime import UTC, date, datetime

import pytest

from evidence.controls import services as controls
from evidence.errors import Invalid
from evidence.ledger import sequencer
from portal.engagements import services as engagements
from portal.packages import collect, languages, services
from portal.packages.planning import Wishes
from remediation.findings.services import reporting
from tests.portal.packages import pseudo

pytestmark = pytest.mark.django_db

FACTS = engagements.Facts("Examination", date(2026, 1, 1), date(2026, 12, 31), auditor_firm="Haas & Partner")


@pytest.fixture
def engagement(people, org):
    made = engagements.create(FACTS, actor=people.maya)
    controls.adopt_starter_set(actor=people.maya)
    reporting.report(
        actor=people.maya,
        title="Security",
        source="audit_report",
        detected_at=datetime(2026, 2, 3, tzinfo=UTC),
        asset="CRM",
        description="Not recorded.",
        severity="high",
    )
    engagements.scope_everything(made.pk, actor=people.maya)
    return made


def test_what_is_said_of_the_rows_is_said_in_the_language_of_the_package(engagement, people, tmp_path):
    with pseudo.installed(tmp_path, pseudo.LEFT):
        package = services.start(engagement.pk, actor=people.maya, wishes=Wishes(language=pseudo.LEFT))
        sequencer.run_once(engagement.organization_id)
        rows = collect.snapshot(package, issues=())
    assert rows.language == pseudo.LEFT
    assert rows.scope.gaps and all(gap.startswith("⟦") for gap in rows.scope.gaps)
    (finding,) = rows.findings
    assert (finding.title, finding.condition) == ("Security", "Not recorded.")


def test_a_package_whose_language_was_not_asked_is_in_english(engagement, people):
    package = services.start(engagement.pk, actor=people.maya)
    sequencer.run_once(engagement.organization_id)
    rows = collect.snapshot(package, issues=())
    assert rows.language == languages.SOURCE
    assert any(gap.endswith("without a recorded run: " + gap.partition(": ")[2]) for gap in rows.scope.gaps)


def test_a_language_without_a_catalogue_is_refused_and_no_package_starts(engagement, people):
    with pytest.raises(Invalid):
        services.start(engagement.pk, actor=people.maya, wishes=Wishes(language="de"))
