"""Who is told that something waits for them, once for each occasion, and that no letter carries content."""

from datetime import timedelta

import pytest

from evidence import clock, tenancy
from evidence.errors import NotAllowed
from evidence.organizations.models import Organization
from portal.notifications import deciding
from portal.notifications.models import Delivery, Notice
from portal.notifications.rules import RULES
from remediation.approvals.emergencies import services as emergencies
from remediation.approvals.models import Emergency
from remediation.findings import services as findings
from remediation.findings.models import Finding
from tests.people import hire
from tests.remediation.approvals.test_delegation import lend
from tests.remediation.approvals.test_emergency import away, running
from tests.remediation.conftest import thing  # noqa: F401


def told(org):
    """(what, e-mail addresses) of each notice, oldest first."""
    return [
        (one.data["what"], sorted(one.deliveries.values_list("account__email", flat=True)))
        for one in Notice.objects.filter(organization=org).order_by("id")
    ]


def mail(*names):
    return sorted(f"{name}@lumenroll.example" for name in names)


def test_those_who_may_decide_are_told_at_once_and_only_once(org, people, thing):  # noqa: F811
    thing.ask(people.maya)
    assert deciding.tell_about_requests(org.pk) == 1
    assert deciding.tell_about_requests(org.pk) == 0
    assert told(org) == [("wanted", mail("alba", "arun"))]


def test_a_reminder_then_the_manager_then_the_executive(org, people, thing):  # noqa: F811
    request = thing.ask(people.maya)
    whole = request.expires_at - request.requested_at
    for share in (0, 0.5, 0.6, 0.8, 0.95):
        with clock.at(request.requested_at + share * whole):
            deciding.tell_about_requests(org.pk)
    assert told(org) == [
        ("wanted", mail("alba", "arun")),
        ("reminder", mail("alba", "arun")),
        ("escalation", mail("maya")),
        ("escalation", mail("edda")),
    ]


def test_who_is_away_is_not_told_but_their_delegate_is(org, people, thing):  # noqa: F811
    lend(people.alba, people.ivan)
    away(people.alba)
    thing.ask(people.maya)
    deciding.tell_about_requests(org.pk)
    assert told(org) == [("wanted", mail("arun", "ivan"))]


def test_a_letter_carries_a_title_and_a_link_and_nothing_of_the_content(org, people, thing):  # noqa: F811
    request = thing.ask(people.maya, reason="Salary data leaked")
    deciding.tell_about_requests(org.pk)
    letter = RULES["deciding"].letter(org, Notice.objects.get().data)
    assert letter.subject == "Approval wanted: X-001 (Lumenroll)"
    assert f"/o/lumenroll/approvals/{request.pk}/decide" in letter.text
    assert "Leavers" not in letter.text and "Salary" not in letter.text and "Maya" not in letter.text


def test_the_sample_tells_nobody(db, thing):  # noqa: F811
    sample = Organization.objects.create(slug="sample", name="Sample", is_sample=True)
    with tenancy.entered(sample.pk):
        thing.ask(hire(sample).maya)
        assert deciding.tell_about_requests(sample.pk) == 0 and not Delivery.objects.exists()


def test_a_delegate_is_told_that_an_answer_waits(org, people):
    lend(people.arun, people.ivan, accepted=False)
    assert deciding.tell_about_people(org.pk) == 1
    assert told(org) == [("delegation", mail("ivan"))]


def test_alone_means_an_alarm_to_two_people(org, people):
    away(people.adam, people.edda, people.maya)
    row = emergencies.ask(
        role="administrator", hours=1, reason="Everybody is locked out.", ticket="INC-1", actor=people.ines
    )
    row = emergencies.activate(row.pk, actor=people.ines)
    deciding.tell_emergency(row, actor=people.ines)
    assert told(org) == [("emergency_alone", mail("adam", "edda"))]


def test_the_uninvolved_are_asked_for_the_review(org, people):
    row = running(people.ines, people.edda)
    emergencies.end(row.pk, actor=people.ines)
    deciding.tell_about_people(org.pk)
    assert told(org) == [("emergency_review", mail("alba", "arun", "maya"))]


def test_an_unreviewed_emergency_becomes_a_finding_by_itself_once(org, people):
    row = running(people.ines, people.edda)
    later = row.review_due_at + timedelta(minutes=1)
    with clock.at(later):
        assert deciding.open_findings(org.pk) == 1
        assert deciding.open_findings(org.pk) == 0
    finding = Finding.objects.get()
    assert finding.finder_id is None and row.ref in finding.title and finding.state == "reported"
    assert Emergency.objects.get().finding_ref == finding.ref


def test_a_reviewed_one_opens_nothing(org, people):
    row = running(people.ines, people.edda)
    emergencies.end(row.pk, actor=people.ines)
    emergencies.review(row.pk, verdict="fitting", words="Only what was needed.", actor=people.maya)
    with clock.at(row.review_due_at + timedelta(days=1)):
        assert deciding.open_findings(org.pk) == 0


def test_a_person_reports_as_a_finder_and_not_as_the_product(people):

    with pytest.raises(NotAllowed):
        findings.report_itself(actor=people.maya, title="x", asset="y")
