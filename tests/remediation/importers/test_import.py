"""The import: created, updated, reopened, left; nothing twice; all or nothing."""

import io
import json
import tempfile

import pytest
from django.core.management import call_command

from evidence import clock
from evidence.errors import Invalid, NotAllowed
from evidence.ledger.models import Event
from remediation.findings import services as findings
from remediation.findings.models import Finding, FindingControl, FindingCriterion, ImportBatch, Occurrence
from remediation.importers import services
from tests.people import account_of
from tests.remediation.importers.reading import SAMPLES
from tests.remediation.story import ORDER


def sarif(*rules: str, level: str = "error", at: str = "") -> bytes:
    """A report of one tool with one result per rule."""
    run = {
        "tool": {"driver": {"name": "HouseScan"}},
        "results": [{"ruleId": rule, "level": level, "message": {"text": f"Weakness {rule}"}} for rule in rules],
    }
    if at:
        run["invocations"] = [{"executionSuccessful": True, "endTimeUtc": at}]
    return json.dumps({"version": "2.1.0", "runs": [run]}).encode()


def upload(data: bytes | str, actor, **options):
    if isinstance(data, str):
        options.setdefault("name", data)
        data = (SAMPLES / data).read_bytes()
    return services.run_import(io.BytesIO(data), actor=actor, **options)[1]


def look(data: bytes, actor, **options):
    return services.preview(io.BytesIO(data), actor=actor, **options)


def outcomes(counts) -> dict:
    return {name: number for name, number in counts.outcomes.items() if number}


def test_findings_are_created_with_dates_numbers_and_history(people):
    counts = upload("audit_report.csv", people.maya)
    assert outcomes(counts) == {"created": 3}
    first = Finding.objects.get(ref="F-001")
    assert (first.state, first.source, first.audit_rating, first.root_cause) == (
        "reported",
        "audit_report",
        "deviation",
        "No feed",
    )
    assert first.detected_at.astimezone(clock.now().tzinfo).date().isoformat() in ("2026-03-30", "2026-03-31")
    assert first.due_at == first.current_due_at > first.detected_at
    assert set(FindingCriterion.objects.filter(finding=first).values_list("criterion_id", flat=True)) <= {
        "CC6.2",
        "CC6.3",
    }
    assert FindingControl.objects.count() == 0
    assert Occurrence.objects.filter(finding=first).get().raw["controls not known here"] == ["AC-07"]
    assert Event.objects.filter(kind="finding.imported").count() == 3
    batch = ImportBatch.objects.get()
    assert batch.kind == "audit_report" and batch.counts["created"] == 3
    assert Event.objects.filter(kind="import.completed", object_id=batch.pk).count() == 1


def test_a_second_import_of_the_same_file_creates_nothing(people):
    for sample, first, second in (
        ("generic.csv", {"created": 3, "merged": 1}, {"unchanged": 3, "merged": 1}),
        ("trivy.json", {"created": 6}, {"unchanged": 6}),
    ):
        assert outcomes(upload(sample, people.maya)) == first
        before = Finding.objects.count(), Occurrence.objects.count()
        assert outcomes(upload(sample, people.maya)) == second
        assert (Finding.objects.count(), Occurrence.objects.count()) == before


def test_what_a_newer_file_no_longer_shows_is_proposed_as_fixed_and_stays_open(people):
    upload(sarif("A", "B", "C", at="2026-10-01T00:00:00Z"), people.maya)
    counts = upload(sarif("A", at="2026-10-08T00:00:00Z"), people.maya)
    assert (outcomes(counts), counts.proposed_fixed) == ({"unchanged": 1}, 2)
    assert set(Finding.objects.filter(proposed_fixed_at__isnull=False).values_list("rule_id", "state")) == {
        ("B", "reported"),
        ("C", "reported"),
    }
    again = upload(sarif("A", "B", at="2026-10-15T00:00:00Z"), people.maya)
    assert outcomes(again) == {"unchanged": 1, "updated": 1}
    assert Finding.objects.get(rule_id="B").proposed_fixed_at is None
    assert Event.objects.filter(kind="finding.seen_again").count() == 1


def test_an_older_file_and_another_tool_propose_nothing(people):
    upload(sarif("A", "B", at="2026-10-08T00:00:00Z"), people.maya)
    assert upload(sarif("A", at="2026-10-01T00:00:00Z"), people.maya).proposed_fixed == 0
    assert (
        upload(sarif("A", at="2026-10-09T00:00:00Z").replace(b"HouseScan", b"OtherScan"), people.maya).proposed_fixed
        == 0
    )
    assert upload(sarif("A", at="2026-10-10T00:00:00Z"), people.maya).proposed_fixed == 1


def test_an_empty_newer_file_proposes_all(people):
    upload(sarif("A", "B"), people.maya)
    assert upload(sarif(), people.maya).proposed_fixed == 2


def test_a_closed_finding_that_is_seen_again_reopens_in_a_new_cycle(people, story):
    report = sarif("A", "B", level="warning")
    upload(report, people.maya)
    story.finding = Finding.objects.get(rule_id="A")
    story.triaged(criteria=["CC6.2"])
    for step in ORDER[2:]:
        getattr(story, step)()
    assert story.finding.state == "closed"
    assert [row.outcome for row in look(report, people.maya).rows] == ["reopened", "unchanged"]
    assert outcomes(upload(report, people.maya)) == {"reopened": 1, "unchanged": 1}
    finding = Finding.objects.get(rule_id="A")
    assert (finding.state, finding.cycle) == ("triaged", 2)
    assert Occurrence.objects.filter(finding=finding, cycle=2).count() == 1


def test_a_rejected_finding_stays_rejected(people, story):
    upload(sarif("A"), people.maya)
    story.finding = Finding.objects.get(rule_id="A")
    findings.propose_rejection(
        story.finding.pk, actor=people.maya, kind="false_positive", reason="A test page.", proof="Ticket 12."
    )
    story.grant("finding.reject")
    assert outcomes(upload(sarif("A"), people.maya)) == {"unchanged": 1}
    assert Finding.objects.get(rule_id="A").state == "rejected"


def test_words_and_severity_follow_the_file_until_triage(people):
    upload(sarif("A", level="warning"), people.maya)
    before = Finding.objects.get()
    assert outcomes(upload(sarif("A", level="error"), people.maya)) == {"updated": 1}
    after = Finding.objects.get()
    assert (after.severity, after.original_severity, after.version) == ("high", "medium", before.version + 1)
    assert after.current_due_at < before.current_due_at


def test_a_row_in_error_saves_nothing(people):
    with pytest.raises(services.RowsInError, match="Row 3") as refusal:
        upload(b"Title,Severity\nA,high\nB,terrible\n", people.maya)
    assert refusal.value.details["errors"][0]["row"] == 3
    assert (
        not Finding.objects.exists()
        and not ImportBatch.objects.exists()
        and not Event.objects.filter(kind="finding.imported").exists()
    )


def test_a_file_that_breaks_in_the_middle_saves_nothing(people):
    data = sarif(*(f"R{number}" for number in range(6000)))
    with pytest.raises(Invalid, match="cut off"):
        upload(data[: len(data) * 3 // 4], people.maya)
    assert not Finding.objects.exists()


def test_a_cancelled_import_saves_nothing(people):
    class Stop(Exception):
        pass

    def progress(done: int, total: int | None, note: str) -> None:
        if done >= 4000:
            raise Stop

    with pytest.raises(Stop):
        upload(sarif(*(f"R{number}" for number in range(9000))), people.maya, progress=progress)
    assert not Finding.objects.exists()


def test_a_preview_saves_nothing_and_pages(people):
    upload(sarif("A"), people.maya)
    seen = look(sarif("A", "B", "C", "C"), people.maya, offset=1, limit=2)
    assert outcomes(seen.counts) == {"unchanged": 1, "created": 2, "merged": 1}
    assert ([row.outcome for row in seen.rows], seen.total) == (["created", "created"], 4)
    assert look(sarif("A", "B"), people.maya, only="unchanged").rows[0].ref == "F-001"
    assert Finding.objects.count() == 1


def test_a_preview_names_ignored_rows_and_rows_in_error(people):
    seen = look((SAMPLES / "prowler.csv").read_bytes(), people.maya)
    assert [(row.outcome, row.reason) for row in seen.rows] == [
        ("created", "New."), ("ignored", "muted"), ("ignored", "manual check: a person decides"), ("ignored", "pass"),
    ]  # fmt: skip
    assert not look(b"Title,Severity\nA,terrible\n", people.maya).may_import


def test_only_who_may_import_imports(people):
    for someone in (people.otto, people.arun):
        with pytest.raises(NotAllowed):
            upload(sarif("A"), someone)
        with pytest.raises(NotAllowed):
            look(sarif("A"), someone)


def test_another_organization_has_its_own_fingerprints(people, other_org):
    from evidence import tenancy
    from tests.people import hire

    upload(sarif("A"), people.maya)
    with tenancy.entered(other_org.pk):
        theirs = hire(other_org)
        assert outcomes(upload(sarif("A"), theirs.maya)) == {"created": 1}
        assert Finding.objects.get().ref == "F-001"


def test_a_future_detection_starts_the_clock_now(people):
    upload(b"Title,Severity,Date\nA,high,2099-01-01\n", people.maya)
    assert Finding.objects.get().detected_at <= clock.now()


def test_hostile_text_is_kept_as_text(people):
    upload(b'Title,Severity,Description\n"=cmd|\' /C calc\'!A0",high,"<script>alert(1)</script>"\n', people.maya)
    assert Finding.objects.get().description == "<script>alert(1)</script>"


def _command(people, data: bytes, *flags: str) -> tuple[dict, int]:
    out = io.StringIO()
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(data)
        file.flush()
        try:
            call_command(
                "import_findings",
                file.name,
                "--organization",
                "lumenroll",
                "--as",
                account_of(people.maya).email,
                "--json",
                *flags,
                stdout=out,
            )
        except SystemExit as end:
            return json.loads(out.getvalue()), int(end.code)
    return json.loads(out.getvalue()), 0


def test_the_command_answers_in_json(people):
    answer, code = _command(people, (SAMPLES / "generic.csv").read_bytes(), "--dry-run")
    assert code == 0 and answer["created"] == 3 and not Finding.objects.exists()
    answer, code = _command(people, (SAMPLES / "generic.csv").read_bytes())
    assert (code, answer) == (
        0,
        {
            "format": "generic_csv", "rows": 4, "ignored": {"status closed": 1}, "merged": 1, "created": 3, "updated": 0, "reopened": 0,
            "unchanged": 0, "proposed_fixed": 0, "errors": [],
        },
    )  # fmt: skip
    assert sum(answer[name] for name in ("created", "updated", "reopened", "unchanged", "merged")) == answer["rows"]


def test_the_command_ends_with_1_and_saves_nothing_on_an_error(people):
    answer, code = _command(people, b'{"findings": [{}]}')
    assert code == 1 and answer["errors"] == [
        {"row": 1, "message": "Finding 1 has no title. Give it one, or remove it from the list."}
    ]
    answer, code = _command(people, b"%PDF-1.7 x")
    assert code == 1 and "PDF" in answer["errors"][0]["message"]
    assert not Finding.objects.exists()
