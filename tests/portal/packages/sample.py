"""A hand-written snapshot of an invented vendor: enough of everything that a package can say."""

import dataclasses
import hashlib
from datetime import UTC, date, datetime, timedelta

from portal.packages import narrowing, outlines
from portal.packages import sampling as draws
from portal.packages.snapshot import (
    Acceptance,
    Checkpoint,
    Control,
    Criterion,
    Decision,
    Deferral,
    Duties,
    Engagement,
    Exhibit,
    Finding,
    Gap,
    HistoryEvent,
    Identity,
    Issue,
    Item,
    Letter,
    Organization,
    Population,
    Request,
    Rule,
    Sampling,
    Scope,
    Snapshot,
    Task,
    Template,
    Vendor,
)

MATRIX = "2026.1"
OWNERS = ("Tamsin Okafor", "Ruben Aldaz", "Mireille Caron", "Jonas Heidt")

CRITERIA = (
    Criterion("CC5.1", "Control activities", "Selecting controls, separation of duties"),
    Criterion("CC6.1", "Logical and physical access", "Logical access protection"),
    Criterion("CC6.2", "Logical and physical access", "User registration and removal"),
    Criterion("CC6.3", "Logical and physical access", "Least privilege and separated duties"),
    Criterion("CC6.7", "Logical and physical access", "Protection of data moved or removed"),
    Criterion("CC7.2", "System operations", "Monitoring for anomalies"),
    Criterion("CC7.4", "System operations", "Incident response"),
    Criterion("CC8.1", "Change management", "Change management"),
    Criterion("CC9.2", "Risk mitigation", "Vendors and partners"),
    Criterion("A1.2", "Availability", "Backup, environment and recovery infrastructure"),
)


def content(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def at(month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def decision(person: str, department: str, when: datetime, about: str, reason: str) -> Decision:
    return Decision(person, department, "approve", when, reason, MATRIX, content(about))


def closed_finding() -> Finding:
    about = "F-001 closure"
    plan = "F-001 plan"
    return Finding(
        ref="F-001",
        title="Student record reads through the CRM API left no complete log",
        severity="critical",
        original_severity="high",
        state="closed",
        cycle=1,
        source="audit_report",
        condition=(
            "For 11 of 25 sampled days the export of API events held no file for bulk reads of student records, "
            "while the login history shows integration logins on each of these days.\n"
            "Nobody had noticed the missing files before the sample was drawn."
        ),
        detected_on=date(2026, 2, 6),
        reported_on=date(2026, 2, 9),
        due_on=date(2026, 3, 11),
        current_due_on=date(2026, 3, 11),
        remediated_on=date(2026, 3, 4),
        verified_on=date(2026, 3, 9),
        closed_on=date(2026, 3, 11),
        severity_rationale=(
            "Reads of student records could not be attributed for eleven days. The integration account can read all "
            "student objects, so impact is high and likelihood moderate."
        ),
        audit_rating="deficiency",
        asset="CRM production, integration user int-sync-02",
        finder="Audit report, exception 4",
        owner="Tamsin Okafor",
        assignee="Ines Barros",
        controls=("AC-04",),
        criteria=("CC7.2", "CC6.1"),
        cause_class="process",
        cause="The export ran on a laptop schedule. When its token expired it stopped without an alert.",
        extent="All five event types were compared with the login history for twelve months; bulk reads alone had gaps.",
        plan="Export event files hourly from a server job with its own principal, write them to storage that cannot be changed, and alert when a day has logins but no file.",
        success_test="For 30 days in a row each day with API logins has a file whose row count equals the ingested count.",
        design_fixed_on=date(2026, 3, 4),
        operating_evidence_until=date(2026, 4, 3),
        tasks=(
            Task("T-001", "Move the export to a server job", "Ines Barros", "done", date(2026, 2, 20), "CHG-2210, PR 871"),
            Task("T-002", "Alert on a day with logins and no file", "Ivan Petrov", "done", date(2026, 2, 27), "CHG-2214, PR 880"),
        ),
        exhibits=("E-001", "E-002", "E-003"),
        requests=(
            Request("plan", "granted", 1, "Tamsin Okafor", at(2, 12), content(plan), MATRIX, (decision("Arun Mehta", "Risk", at(2, 13, 8, 40), plan, "Scope and test fit the exception."),)),
            Request(
                "close",
                "granted",
                2,
                "Vera Lindgren",
                at(3, 9, 15),
                content(about),
                MATRIX,
                (
                    decision("Arun Mehta", "Risk", at(3, 10, 9, 12), about, "Row counts tie out for 30 days."),
                    decision("Alba Reyes", "Engineering", at(3, 11, 11, 5), about, "Job and alert reviewed in production."),
                ),
            ),
        ),
        history=(
            HistoryEvent(118, at(2, 9, 9, 12), "finding.reported", "Maya Stern reported F-001", reason="Exception 4 of the audit report."),
            HistoryEvent(121, at(2, 10, 14, 40), "finding.triaged", "Maya Stern triaged F-001 as critical"),
            HistoryEvent(140, at(2, 13, 8, 40), "approval.granted", "Arun Mehta approved the plan"),
            HistoryEvent(188, at(3, 4, 16, 5), "finding.submitted", "Ines Barros submitted F-001 for verification", reason="Two tasks done, three exhibits attached."),
            HistoryEvent(203, at(3, 9, 10, 21), "finding.verified", "Vera Lindgren verified F-001", reason="Success test met."),
            HistoryEvent(219, at(3, 11, 11, 5), "finding.closed", "Alba Reyes closed F-001 as the second of two approvers"),
        ),
    )  # fmt: skip


def other_findings() -> tuple[Finding, ...]:
    rows = (
        ("F-002", "Production change deployed without recorded approval", "high", "closed", "AC-08", "CC8.1", 3, 2, 28),
        (
            "F-003",
            "Support console lets one person grant and use export rights",
            "high",
            "closed",
            "AC-03",
            "CC6.3",
            3,
            9,
            30,
        ),
        (
            "F-004",
            "Restore test compared file counts, not content",
            "high",
            "in_remediation",
            "AC-10",
            "A1.2",
            8,
            24,
            0,
        ),
        ("F-005", "Leaver kept CRM access for nine days", "medium", "closed", "AC-02", "CC6.2", 4, 2, 12),
        (
            "F-006",
            "Roster endpoint answers id guesses without a limit",
            "high",
            "ready_for_verification",
            "AC-06",
            "CC7.2",
            9,
            1,
            0,
        ),
        (
            "F-007",
            "学生信息导出缺少审批记录 (export approval missing)",
            "medium",
            "triaged",
            "AC-05",
            "CC6.7",
            9,
            14,
            0,
        ),
        (
            "F-008",
            "مراجعة صلاحيات المدير متأخرة (late admin review) 🔐",
            "medium",
            "deferred",
            "AC-03",
            "CC6.3",
            5,
            4,
            0,
        ),
        ("F-009", "Vendor without a current report", "medium", "risk_accepted", "AC-12", "CC9.2", 5, 20, 0),
        ("F-010", "Incident exercise has no student data scenario", "low", "closed", "AC-11", "CC7.4", 6, 1, 41),
        ("F-011", "Scanner hit in a test fixture", "low", "rejected", "AC-09", "CC6.1", 6, 15, 0),
        ("F-012", "<img src=http://evil.example/x> in a title & more", "low", "analysed", "AC-09", "CC6.1", 9, 21, 0),
    )
    made = []
    for index, (ref, title, severity, state, control, criterion, month, day, days) in enumerate(rows):
        reported = date(2026, month, day)
        due = reported + timedelta(days={"critical": 15, "high": 30, "medium": 90, "low": 180}[severity])
        made.append(
            Finding(
                ref=ref,
                title=title,
                severity=severity,
                original_severity=severity,
                state=state,
                cycle=1,
                source="internal" if index % 2 else "audit_report",
                condition=f"{title}. Seen in the sample of the quarter; the record names the affected accounts.",
                detected_on=reported - timedelta(days=2),
                reported_on=reported,
                due_on=due,
                current_due_on=date(2026, 12, 15) if state == "deferred" else due,
                closed_on=reported + timedelta(days=days) if state == "closed" else None,
                severity_rationale="Rated on likelihood and impact as the policy says.",
                owner=OWNERS[index % 4],
                assignee="Ivan Petrov",
                controls=(control,),
                criteria=(criterion,),
                cause_class="process",
                cause="The step depended on one person's memory.",
                plan="Make the step a check that refuses to go on.",
                success_test="Ten attempts without the step, ten refusals.",
                exhibits=(f"E-{index + 4:03d}",) if index < 4 else (),
                design_only=ref == "F-003",
                history=(
                    HistoryEvent(240 + index * 7, datetime(2026, month, day, 10, 0, tzinfo=UTC), "finding.reported", f"Maya Stern reported {ref}"),
                ),
            )
        )  # fmt: skip
    return tuple(made)


def controls() -> tuple[Control, ...]:
    rows = (
        ("AC-01", "Administrators sign in with a second factor", "CC6.1", "daily", 0, 0),
        ("AC-02", "Leavers lose access within one day", "CC6.2", "daily", 58, 61),
        ("AC-03", "Privileged access is reviewed every quarter", "CC6.3", "quarterly", 3, 4),
        ("AC-04", "API reads of student records are logged in full", "CC7.2", "daily", 365, 365),
        ("AC-05", "Exports of student records carry an approval", "CC6.7", "weekly", 40, 52),
        ("AC-06", "Guessing of ids is limited and alerts", "CC7.2", "weekly", 52, 52),
        ("AC-07", "Data moves under TLS 1.2 or newer", "CC6.7", "monthly", 12, 12),
        ("AC-08", "A change is reviewed by another person", "CC8.1", "weekly", 52, 52),
        ("AC-09", "Secrets stay out of source and configuration", "CC6.1", "weekly", 51, 52),
        ("AC-10", "A restore is tested and its content compared", "A1.2", "quarterly", 4, 4),
        ("AC-11", "Incidents are exercised every year", "CC7.4", "annual", 1, 1),
        ("AC-12", "Critical vendors have a current report", "CC9.2", "quarterly", 4, 4),
        ("AC-13", "Duties that conflict are not given to one person", "CC5.1", "monthly", 12, 12),
    )
    found: dict[str, list[str]] = {}
    for finding in (closed_finding(), *other_findings()):
        for ref in finding.controls:
            found.setdefault(ref, []).append(finding.ref)
    return tuple(
        Control(
            ref,
            title,
            OWNERS[i % 4],
            (criterion,),
            frequency,
            operated,
            due,
            tuple(found.get(ref, ())),
            missed=due - operated,
            gaps=tuple(
                Gap(date(2026, 4, 1 + n), "missed", "" if n else "The reviewer was on leave.", place=n + 1)
                for n in range(due - operated)
            ),
        )
        for i, (ref, title, criterion, frequency, operated, due) in enumerate(rows)
    )


FILES = {
    "E-001": ("event-files-2026-q1.csv", "API event files by day, first quarter", b"day,type,rows\n2026-02-01,BulkApi,4410\n"),
    "E-002": ("chg-2210.txt", "Change record of the export job", b"CHG-2210 approved by a.reyes\n"),
    "E-003": ("alert-test.json", "Test of the alert on missing files", b'{"fired": true}\n'),
    "E-004": ("release-gate.log", "Deploy gate log", b"refused: no approval\n"),
    "E-005": ("console-roles.csv", "Roles of the support console", b"person,role\n"),
    "E-006": ("restore-compare.txt", "Checksums of the restore test", b"ok 1024\n"),
    "E-007": ("leavers.csv", "Leavers and removal times", b"id,left,removed\n"),
}  # fmt: skip


def exhibits() -> tuple[Exhibit, ...]:
    of = {
        "E-001": "F-001",
        "E-002": "F-001",
        "E-003": "F-001",
        "E-004": "F-002",
        "E-005": "F-003",
        "E-006": "F-004",
        "E-007": "F-005",
    }
    return tuple(
        Exhibit(
            number=number,
            title=title,
            kind="log" if name.endswith("log") else "report",
            filename=name,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            media_type="text/csv" if name.endswith("csv") else "text/plain",
            collected_at=at(3, 5, 8, 30),
            collected_by="Ines Barros",
            period_start=date(2026, 1, 1),
            period_end=date(2026, 3, 31),
            source_system="CRM event log" if index < 3 else "",
            query="SELECT EventType, LogDate FROM EventLogFile" if index < 2 else "",
            row_count=90 if index == 0 else None,
            scan="clean",
            findings=(of[number],),
        )
        for index, (number, (name, title, data)) in enumerate(FILES.items())
    )  # fmt: skip


def snapshot(**changes) -> Snapshot:
    whole = Snapshot(
        organization=Organization("Larkspur Learning Cooperative", "larkspur", "America/Chicago"),
        engagement=Engagement(
            "ENG-1",
            "Examination of the Larkspur admissions platform",
            "SOC 2 Type II",
            "Pell & Voss Assurance",
            date(2025, 10, 1),
            date(2026, 9, 30),
            ("Security", "Availability", "Confidentiality"),
            "The Larkspur admissions platform, production, with its CRM and its student data sync, region us-central.",
        ),
        identity=Identity(
            "PKG-0001",
            1,
            "Package for the examination",
            "draft",
            datetime(2026, 10, 14, 17, 20, 8, tzinfo=UTC),
            "Maya Stern",
            "Assurance",
            issues=(Issue(1, date(2026, 10, 14), "First issue"),),
            recipients=(("Pell & Voss Assurance", "Examination"),),
        ),
        scope=Scope(
            gaps=(
                "AC-01 has no recorded run in the period.",
                "AC-03 was due four times and ran three times; the review of April is missing.",
                "One finding is overdue: F-004.",
            ),
            exclusions=("The public web site, which holds no student records.",),
            vendors=(Vendor("Cloud provider", "Physical safeguards", "SOC 2 Type II to 31 Mar 2026"),),
            user_controls=("Schools administer and remove their own users.",),
        ),
        criteria=CRITERIA,
        controls=controls(),
        findings=(closed_finding(), *other_findings()),
        acceptances=(
            Acceptance("F-009", "Vendor without a current report", "medium", "risk_accepted", "The vendor is being replaced by March.", "A breach at the vendor would be seen late.", "Weekly review of its access log.", date(2027, 3, 1), "Ruben Aldaz", "Edda Winther", at(6, 2), date(2026, 6, 2)),
        ),
        deferrals=(
            Deferral("F-008", "Late admin review", "medium", "deferred", "The directory is moved to another supplier first.", date(2026, 8, 2), date(2026, 12, 15), "Directory supplier", date(2026, 10, 30), "Mireille Caron", "Arun Mehta", at(7, 20), date(2026, 7, 20)),
        ),
        duties=Duties(
            MATRIX,
            (
                Rule("S-04", "Who implemented a finding's fix may not verify it."),
                Rule("S-07", "Who uploaded closing evidence may not approve the closure."),
                Rule("S-11", "Who verified may not approve."),
            ),
            3,
            2,
            6,
        ),
        exhibits=exhibits(),
        checkpoint=Checkpoint(
            "clearhold.example/larkspur\n4187\nqO06QCMPtNxxIqJtqNFM7+WLJi3X7f6UTiskmsG3Lu4=\n\n— clearhold.example/larkspur Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n",
            "clearhold.example/larkspur",
            4187,
            "a8ed3a40230fb4dc7122a26da8d14cefe58b262dd7edfe944b2a249ac1b72ee9",
            "clearhold.example/larkspur+969e8d3f+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            datetime(2026, 10, 14, 17, 20, 7, tzinfo=UTC),
        ),
        severity_scale=(
            ("critical", "A criterion is not met and nothing else makes up for it.", 15),
            ("high", "A key control failed; others limit the effect.", 30),
            ("medium", "A control deviated without effect on the objective.", 90),
            ("low", "Documentation or timeliness only.", 180),
        ),
    )  # fmt: skip
    return dataclasses.replace(whole, **changes)


def sampling(seed: str = "") -> Sampling:
    """Two populations: a daily control whose seventeenth run is missing, and a quarterly one; drawn when there is a seed."""
    return Sampling(
        algorithm=draws.ALGORITHM if seed else "",
        seed=seed,
        seed_from="Pell & Voss Assurance" if seed else "",
        populations=(
            population("AC-02", "Leavers lose access within one day", "daily", seed, [date(2026, 3, 1) + timedelta(days=n) for n in range(60)]),
            population("AC-10", "A restore is tested and its content compared", "quarterly", seed, [date(2026, month, 1) for month in (1, 4, 7)]),
        ),
    )  # fmt: skip


def population(control: str, title: str, frequency: str, seed: str, days: list[date]) -> Population:
    ids = [f"{control} {day}" for day in days]
    sha256 = draws.fingerprint(ids)
    ranks = {name: n for n, name in enumerate(draws.ranked(draws.key(seed, control, sha256), ids), 1)} if seed else {}
    items = tuple(
        Item(name, day, "missed" if n == 16 else "operated", f"E-{n % 7 + 1:03d}", ranks.get(name, 0))
        for n, (name, day) in enumerate(zip(ids, days, strict=True))
    )
    size = draws.size(frequency, len(ids), "lower")
    return Population(
        control, title, frequency.capitalize(), date(2025, 10, 1), date(2026, 9, 30), len(ids), sha256, size, items
    )


LETTER = Letter(
    to=("Cedar Grove School District", "Purchasing", "12 Alder Road", "Springfield"),
    salutation="Dear Ms. Ortega",
    signed_by="Edda Winther",
    signed_as="Chief executive",
    changes="The student data sync moved to a second region on 12 October 2026. Management knows of no other change.",
    report="SOC 2 Type II, Pell & Voss Assurance, 3 December 2025",
)
STATEMENT = "Management takes each finding seriously.\nThe two that are late have a new owner since September."


def templated(key: str, **changes) -> Snapshot:
    """The snapshot as a package of this template tells it."""
    outline = outlines.BY_KEY[key]
    template = Template(
        key,
        statement=STATEMENT if outlines.Asks.STATEMENT in outline.asks else "",
        letter=LETTER if outline.is_letter else None,
        finding="F-001" if key == "finding" else "",
    )
    told = sampling("auditor-7f3a") if "samples" in outline.sections else Sampling()
    return narrowing.narrowed(snapshot(template=template, sampling=told, **changes))


def many(number: int) -> Snapshot:
    """The sample with as many findings as asked, each with the weight of a real one."""
    pattern = closed_finding()
    rest = other_findings()
    findings = [pattern, *rest]
    while len(findings) < number:
        ref = f"F-{len(findings) + 1:03d}"
        like = rest[len(findings) % len(rest)]
        findings.append(dataclasses.replace(pattern, ref=ref, title=f"{like.title}, again", severity=like.severity, state=like.state, closed_on=like.closed_on, exhibits=()))  # fmt: skip
    return snapshot(findings=tuple(findings[:number]))
