"""Making the sample: the whole way from a file to a package, each step through its service by the right person."""

import io
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.artifacts import services as artifacts
from evidence.artifacts.facts import VersionFacts
from evidence.artifacts.models import Artifact
from evidence.controls import services as controls
from evidence.controls.models import Control
from evidence.intake import services as intake
from evidence.organizations import queries as organizations
from evidence.organizations.models import Organization
from portal.access import services as access
from portal.access import teams
from portal.accounts import granting
from portal.accounts import services as accounts
from portal.engagements import services as engagements
from portal.engagements.models import Engagement
from portal.packages import delivery
from portal.packages.models import Package
from portal.packages.planning import Wishes
from portal.sample import NAME, SLUG, cast, files
from portal.sample.packages import STATEMENT, Press
from portal.sample.proofs import Proof
from portal.sample.story import AFTERWARDS, STEPS, TALES, Tale
from remediation.approvals import services as approvals
from remediation.approvals.absences import services as absences
from remediation.approvals.delegations import services as delegations
from remediation.approvals.emergencies import services as emergencies
from remediation.approvals.models import Request
from remediation.findings import services as findings
from remediation.findings.models import Finding
from remediation.importers import services as importers
from remediation.monitoring import services as monitoring
from remediation.monitoring.models import Run
from remediation.policies import services as policies
from remediation.policies.models import Proposal
from remediation.risk import services as risk
from remediation.tasks import checklist
from remediation.tasks import services as tasks
from remediation.tasks.models import Task

ZONE = "America/Chicago"
OWNERS = {
    "Identity lead": "marcus", "Salesforce lead": "aisha", "Platform lead": "marcus", "Data protection lead": "aisha",
    "Engineering manager": "dana", "Compliance manager": "priya",
}  # fmt: skip
# Whose weekly evidence somebody has already judged; the rest waits, as it would.
REVIEWED = ("AC-01", "AC-06")
Say = Callable[[str], None]


def exists() -> bool:
    return Organization.objects.filter(slug=SLUG).exists()


@dataclass(frozen=True)
class Loaded:
    """Where the PDF lies, and the address of a buyer's link when one was made just now: it is kept nowhere."""

    path: Path
    link: str = ""


def load(say: Say) -> Loaded:
    """Make the organization and all that is in it, or nothing, then its packages."""
    if not exists():
        _make(say)
        # It may still say that the sample was removed; the next start writes it anew.
        told().unlink(missing_ok=True)
    path = folder() / "package.pdf"
    return Loaded(path) if path.exists() else Loaded(path, _packages(path, say))


def _packages(path: Path, say: Say) -> str:
    """The auditor's, the buyer's, and the next issue with what happened meanwhile. Returns the buyer's link."""
    organization = Organization.objects.get(slug=SLUG)
    press = Press(organization)
    say("  a PDF package: built")
    first = press.build()
    say("  reviewed and sealed by somebody who did not prepare it")
    press.submit(first, "Ready for the auditor.")
    first = press.seal(first, "Totals and exhibits were compared.")
    say("  all history judged once more for conflicts of duties")
    press.judge()
    say("  released to the auditors of its engagement")
    press.release(first)
    say("  a summary for a buyer, sealed and given by a link")
    summary = press.build(
        template="buyer", title="Remediation summary for customers", wishes=Wishes(statement=STATEMENT)
    )
    press.submit(summary, "For Cedar Grove, who asked before they sign.")
    link = press.give(press.seal(summary, "Nothing internal is in it."))
    say("  the work goes on, and a worker builds the next issue")
    with press.inside():
        sample = Sample(organization, clock.today(ZONE))
        sample.actors = {part.key: cast.actor(organization, part.key) for part in cast.PARTS}
        sample.meanwhile()
    press.follow(first, "One finding closed, one verified, one new")
    with press.inside():
        delivery.write(Package.objects.get(pk=first.pk), path)
    return link


def _make(say: Say) -> None:
    today = clock.today(ZONE)
    with transaction.atomic():
        organization = Organization.objects.create(slug=SLUG, name=NAME, timezone=ZONE, is_sample=True)
        sample = Sample(organization, today)
        written = files.write(folder(), today)
        with tenancy.entered(organization.pk):
            for word, step in (
                ("people, roles and 18 controls", sample.people_and_controls),
                (f"findings from {len(written)} files in {folder()}", lambda: sample.imports(written)),
                ("a policy of its own and one exception", sample.rules),
                ("triage, plans, work, evidence, verification, decisions", sample.tales),
                ("a colleague who stands in, an absence, an emergency", sample.cover),
                ("a dozen weeks of control runs", sample.runs),
                ("an engagement, released to its auditor", sample.engagement),
                ("two accounts that may be one person's", sample.twice),
                ("a role that waits for a second administrator", sample.a_role_asked_for),
                ("a team, and a finding kept to those who need to know", sample.kept_to_a_few),
            ):
                say(f"  {word}")
                sample.renew()
                step()


def told() -> Path:
    """What the first start said about the sample; `make run` shows it again."""
    return Path(settings.VAR) / "sample.txt"


def folder() -> Path:
    """Where the sample's files and its PDF lie, for a person to open."""
    return Path(settings.VAR) / "sample"


class Sample:
    """The organization while it is being made."""

    def __init__(self, organization: Organization, today: date) -> None:
        self.organization, self.today = organization, today
        self.actors: dict[str, Actor] = {}

    def __getitem__(self, key: str) -> Actor:
        return self.actors[key]

    def renew(self) -> None:
        """Everybody signs in anew: decisions want a fresh proof of who is there."""
        self.actors = {key: replace(actor, authenticated_at=clock.now()) for key, actor in self.actors.items()}

    def people_and_controls(self) -> None:
        self.actors = cast.hire(self.organization)
        owners = {role: self[key].person_id for role, key in OWNERS.items()}
        controls.adopt_starter_set(actor=self["priya"], owners=owners)  # type: ignore[arg-type]

    def rules(self) -> None:
        """The compliance manager proposes, the executive decides: a tighter life of votes, and a dated exception."""
        quorum = {**organizations.policy(self.organization.pk, "quorum").body, "votes_expire_days": 10}
        self._agree(
            policies.propose(
                {"sod": {"allow": ["S-09"]}, "quorum": quorum},
                actor=self["priya"],
                reason="Whoever reported a small finding may verify it; votes should not lie about for two weeks.",
            )
        )
        self._agree(
            policies.ask_exception(
                person_id=self["wes"].person_id,
                rules=["S-10"],
                reviewer="Nadia Brook, Brook Advisory",
                days=60,
                actor=self["priya"],
                reason="Only two people approve until the third is hired in spring.",
            )
        )

    def _agree(self, proposal: Proposal) -> None:
        asked = Request.objects.get(subject_type=policies.SUBJECT, subject_id=proposal.pk)
        approvals.decide(asked.pk, verdict="approve", reason="Read it; the auditor was told.", actor=self["ruth"])

    def twice(self) -> None:
        """Tomás was invited once as a contractor and once as an employee: possibly one person, for Jonas to look at."""
        issued = accounts.invite(
            email=f"tomas+contract@{cast.DOMAIN}", name="Tomás Herrera", role="engineer", department="Contractors",
            actor=self["jonas"],
        )  # fmt: skip
        accounts.accept_invitation(self.organization.pk, issued.secret, password=cast.password())

    def a_role_asked_for(self) -> None:
        """Jonas asks that Tomás also approve; it waits for Mei, the second administrator."""
        granting.ask_for_member(
            self["tomas"].person_id, role="approver", department="Security", actor=self["jonas"],  # type: ignore[arg-type]
            reason="A third approver, so that two are left when one is away.",
        )  # fmt: skip

    def imports(self, written: dict[str, Path]) -> None:
        for name, path in written.items():
            with path.open("rb") as file:
                importers.run_import(file, actor=self["priya"], name=name)
        findings.draft(
            actor=self["aisha"], title="Guest users may see shared folders", asset="Salesforce site",
            description="Seen while preparing the access review; needs facts before it is reported.",
        )  # fmt: skip
        findings.report(
            actor=self["marcus"], title="On-call rota has no second person at weekends", asset="Operations",
            description="Found in the post-incident review.", severity="low", criteria=["CC7.4"],
            detected_at=clock.now() - timedelta(days=4),
        )  # fmt: skip

    def tales(self) -> None:
        for tale in TALES:
            self.renew()
            Told(self, tale).tell()

    def cover(self) -> None:
        """Wes goes on leave and Tomás stands in for what is not severe; one night the directory locked everybody out."""
        zone = ZoneInfo(ZONE)
        first = datetime.combine(self.today + timedelta(days=7), time.min, zone)
        last = first + timedelta(days=10) - timedelta(seconds=1)
        lent = delegations.offer(
            deputy_id=self["tomas"].person_id, actor=self["wes"], reason="Ten days of leave; medium and low can't wait.",
            terms=delegations.Terms("approver", first, last, scope="severity", ceiling="medium"),
        )  # fmt: skip
        delegations.accept(lent.pk, actor=self["tomas"])
        absences.note(starts_at=first, ends_at=last, actor=self["wes"], note="Leave")
        asked = emergencies.ask(
            role="administrator", hours=1, ticket="INC-2046", actor=self["aisha"],
            reason="The directory locked the on-call group out during the roster sync.",
        )  # fmt: skip
        emergencies.activate(asked.pk, actor=self["jonas"])
        emergencies.end(asked.pk, actor=self["aisha"])
        emergencies.review(
            asked.pk, verdict="fitting", actor=self["priya"],
            words="Nothing was done beside reading the settings; the directory let everybody in again.",
        )  # fmt: skip

    def kept_to_a_few(self) -> None:
        """One finding that an investigation is about; the response team is let in."""
        team = teams.found(name="Incident response", purpose="Looks into suspected misuse.", actor=self["jonas"])
        for key in ("tomas", "dana"):
            teams.take_in(team.pk, person_id=self[key].person_id, actor=self["jonas"])  # type: ignore[arg-type]
        finding = findings.report(
            actor=self["marcus"], title="A shared service account was used outside working hours", asset="Data warehouse",
            description="Twelve exports between midnight and four o’clock; who used it is not known yet.",
            severity="high", criteria=["CC7.3"], detected_at=clock.now() - timedelta(days=1),
        )  # fmt: skip
        priya = self["priya"]
        with tenancy.entered(self.organization.pk, priya.person_id):
            findings.triage(
                finding.pk, actor=priya, severity="high", owner_id=priya.person_id, duplicates_searched=True,
                rationale="Student records may have been read by somebody who should not have.",
            )  # fmt: skip
            findings.restrict(finding.pk, actor=priya, reason="An investigation is under way; a person may be named.")
            access.let_team_in(
                finding.pk, team_id=team.pk, valid_until=clock.now() + timedelta(days=60), actor=priya,
                reason="They look into it.",
            )  # fmt: skip

    def runs(self) -> None:
        """Record what ran since the period began; a run that nobody recorded is missed and stays so."""
        start, end = self.period()
        rows = list(Control.objects.filter(organization=self.organization).order_by("number"))
        monitoring.schedule([row.pk for row in rows], start=start, end=end, actor=self["priya"])
        due = Run.objects.filter(organization=self.organization, due_on__lt=self.today).select_related("control")
        weekly: dict[tuple[str, date], list[Run]] = defaultdict(list)
        for run in due.order_by("control__number", "due_on"):
            weekly[(run.control.ref, run.week)].append(run)
        for (ref, week), found in weekly.items():
            self._record(ref, (week - start).days // 7, found)
        monitoring.miss_overdue(actor=Actor.system(self.organization.pk, "sample"))
        missed = Run.objects.filter(organization=self.organization, state="missed", control__ref="AC-01").first()
        if missed is not None:
            monitoring.explain(missed.pk, words="The reconciliation began after the fix; four weeks lie before it.",
                               actor=self["marcus"])  # fmt: skip

    def meanwhile(self) -> None:
        """What happens after the first package: the next issue tells it."""
        for title, steps, words in AFTERWARDS:
            tale = next(tale for tale in TALES if tale.title == title)
            told_on = Told(self, replace(tale, **words))
            for step in steps:
                getattr(told_on, step)()
        found = findings.report(
            actor=self["marcus"], title="Two former contractors still own shared dashboards", asset="Reporting",
            description="Seen in the monthly list of owners. They can’t sign in, but nobody else can change the dashboards.",
            severity="medium", criteria=["CC6.2"], detected_at=clock.now() - timedelta(days=2),
        )  # fmt: skip
        findings.triage(
            found.pk, actor=self["priya"], severity="medium", owner_id=self["priya"].person_id,
            assignee_id=self["marcus"].person_id, duplicates_searched=True, criteria=("CC6.2",),
            rationale="No access is left, but reports to schools could go stale unnoticed.",
        )  # fmt: skip
        engagement = Engagement.objects.filter(organization=self.organization).order_by("number")[0]
        engagements.scope_everything(engagement.pk, actor=self["priya"])

    def _record(self, ref: str, week: int, found: list[Run]) -> None:
        """The runs of one control in one week, with one piece of evidence."""
        number = found[0].control.number
        seed = (number * 7 + week * 3) % 11
        if seed == 5 or (ref == "AC-01" and week < 4) or (ref == "AC-06" and week < 6):
            return
        worker, last = self["marcus" if number % 2 else "aisha"], found[-1].due_on
        lines = "".join(f"{run.due_on},checked,0 exceptions\n" for run in found)
        proof = Proof(f"{ref.lower()}-{last}.csv", f"run,state,note\n{lines}".encode(),
                      f"{found[0].control.title}, runs to {last}", "report", "Control run", f"runs to {last}", len(found))  # fmt: skip
        artifact = self.artifact(proof, worker, days=(self.today - last).days)
        for run in found:
            state, note = ("partial", "One system answered late and was left out.") if seed == 3 else ("operated", "")
            monitoring.record(run.pk, state=state, actor=worker, artifact_id=artifact.pk, note=note)
        if ref in REVIEWED and seed != 3:
            artifacts.accept(artifact.pk, number=1, actor=self["tomas"], reason="Complete for the week.")

    def artifact(self, proof: Proof, actor: Actor, *, days: int = 1) -> Artifact:
        received = intake.take(
            io.BytesIO(proof.data), filename=proof.filename, organization_id=self.organization.pk, limit_bytes=10**8
        )
        collected = min(clock.now() - timedelta(minutes=5), _noon(self.today - timedelta(days=max(0, days - 1))))
        about = VersionFacts(
            period_from=self.today - timedelta(days=days + 84), period_to=self.today - timedelta(days=days),
            as_of=collected, collected_at=collected, collector_id=actor.person_id, source_system=proof.source,
            is_production=True, query=proof.query, row_count=proof.rows,
        )  # fmt: skip
        return artifacts.add(received, title=proof.title, kind=proof.kind, actor=actor, about=about)

    def period(self) -> tuple[date, date]:
        start = (self.today - timedelta(weeks=12)).replace(day=1)
        return start, start + timedelta(days=181)

    def engagement(self) -> None:
        start, end = self.period()
        made = engagements.create(
            engagements.Facts(
                title="SOC 2 Type II re-audit", period_start=start, period_end=end,
                auditor_firm="Brightwater Assurance LLP", categories=("CC", "A", "C", "PI", "P"),
                system_description=(
                    "Lumenroll enrols students for schools. Student records live in a Salesforce CRM and in databases "
                    "on AWS; schools send rosters every night and parents get messages through a vendor."
                ),
                exclusions=("The public website, which holds no student data.",),
                known_gaps=(
                    "Leaver reconciliation runs only since the fourth week of the period.",
                    "API logs of 19 days before the period can't be brought back.",
                ),
                user_controls=("Schools keep their own lists of staff who may see records.",),
                vendors=(
                    {"name": "Salesforce", "service": "CRM", "report": "SOC 2 Type II", "note": "Carved out"},
                    {"name": "Amazon Web Services", "service": "Hosting", "report": "SOC 2 Type II", "note": "Carved out"},
                ),
            ),
            actor=self["priya"],
        )  # fmt: skip
        engagements.change_state(made.pk, "open", actor=self["priya"], reason="The auditor has been engaged.")
        engagements.scope_everything(made.pk, actor=self["priya"])
        engagements.release(made.pk, actor=self["priya"])
        helen = self["helen"]
        engagements.grant(
            made.pk,
            account_id=helen.account_id,
            valid_until=_noon(end + timedelta(days=60)),
            actor=self["priya"],  # type: ignore[arg-type]
        )


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), ZoneInfo(ZONE))


class Told:
    """One finding, taken as far as its tale goes."""

    def __init__(self, sample: Sample, tale: Tale) -> None:
        self.sample, self.tale = sample, tale
        self.worker = sample[tale.worker]
        self.owner = sample["priya"]
        found = Finding.objects.filter(organization=sample.organization, title__icontains=tale.title)
        if not found:
            raise LookupError(f"no imported finding is called “{tale.title}”")
        self.finding = found.order_by("number")[0]
        self.task: Task | None = None

    @property
    def id(self) -> UUID:
        return self.finding.pk

    def tell(self) -> None:
        for step in STEPS[1 : STEPS.index(self.tale.end) + 1]:
            getattr(self, step)()
        if self.tale.turn:
            getattr(self, self.tale.turn)()

    def triaged(self) -> None:
        refs = Control.objects.filter(organization=self.sample.organization, ref__in=self.tale.controls)
        findings.triage(
            self.id, actor=self.owner, severity=self.tale.severity, rationale=self.tale.rationale,
            owner_id=self.owner.person_id, assignee_id=self.worker.person_id, duplicates_searched=True,
            criteria=self.tale.criteria, controls=list(refs.values_list("pk", flat=True)),
        )  # fmt: skip

    def analysed(self) -> None:
        findings.analyse(
            self.id, actor=self.worker, root_cause_class=self.tale.cause_class, root_cause=self.tale.cause,
            scope_check=self.tale.scope_check,
        )  # fmt: skip

    def planned(self) -> None:
        tale = self.tale
        tasks.draft_plan(self.id, actor=self.owner, text=tale.plan, success_test=tale.success_test,
                         residual_risk="Low once the control has run for its period.")  # fmt: skip
        self.finding.refresh_from_db()
        due = self.finding.current_due_at.astimezone(ZoneInfo(ZONE)).date()
        self.task = tasks.add(
            self.id, actor=self.owner, title=tale.task, due_on=min(due, self.sample.today + timedelta(days=14)),
            assignee_id=self.worker.person_id, changes_production=tale.change is not None,
            owed=(("What shows that it works", "report"),),
        )  # fmt: skip
        tasks.submit_plan(self.id, actor=self.owner)

    def in_remediation(self) -> None:
        self._decide("finding.approve_plan", "The plan names a test that can fail, and it was written first.")
        assert self.task is not None
        tasks.start(self.task.pk, actor=self.worker)
        if self.tale.change:
            ticket, pull, deploy = self.tale.change
            tasks.refer_to_change(
                self.task.pk, actor=self.worker, change_ticket=ticket, pull_request=pull, deploy=deploy
            )

    def ready(self) -> None:
        assert self.task is not None and self.tale.proof is not None
        artifact = self._proof()
        tasks.submit(self.task.pk, actor=self.worker, words="Done and tried in production; the evidence shows it.")
        tasks.accept(self.task.pk, actor=self.owner, words="Complete.")
        artifacts.accept(artifact.pk, number=1, actor=self.sample["tomas"], reason="Source and totals are named.")
        tasks.ready(self.id, actor=self.worker)

    def _proof(self) -> Artifact:
        assert self.task is not None and self.tale.proof is not None
        artifact = self.sample.artifact(self.tale.proof(self.sample.today), self.worker)
        owed = self.task.owed.first()
        tasks.attach_evidence(artifact.pk, actor=self.worker, task_id=self.task.pk, owed_id=owed.pk if owed else None)
        for ref in self.tale.controls:
            artifacts.link_control(artifact.pk, ref, actor=self.worker)
        return artifact

    def verified(self) -> None:
        tasks.verify(
            self.id, actor=self.sample["tomas"], test_result=self.tale.test_result,
            answers=dict.fromkeys(checklist.KEYS, "yes"),
        )  # fmt: skip

    def asked(self) -> None:
        tasks.request_closure(self.id, actor=self.owner, design_only=True,
                              reason="The fix is in place; the control begins to run.")  # fmt: skip

    def closed(self) -> None:
        self._decide("finding.close", "The retest shows that it works, and the evidence is whole.")

    def _decide(self, action: str, why: str, *, verdict: str = "approve") -> None:
        for key in ("dana", "wes"):
            request = Request.objects.filter(subject_id=self.id, action=action, state="open").first()
            if request is not None:
                approvals.decide(request.pk, verdict=verdict, reason=why, actor=self.sample[key])

    def plan_refused(self) -> None:
        self._decide("finding.approve_plan", "The plan moves the right but doesn't say who reads the logs then.",
                     verdict="reject")  # fmt: skip

    def task_returned(self) -> None:
        assert self.task is not None
        proof = Proof("sync-counts.csv", b"night,read,written\n1,812,812\n", "Counts of one night", "report", "Roster sync",
                      "SELECT night, read, written FROM runs", 1)  # fmt: skip
        artifact = self.sample.artifact(proof, self.worker)
        owed = self.task.owed.first()
        tasks.attach_evidence(artifact.pk, actor=self.worker, task_id=self.task.pk, owed_id=owed.pk if owed else None)
        tasks.refer_to_change(self.task.pk, actor=self.worker, change_ticket="CHG-1208", pull_request="platform/sync#31",
                              deploy="deploy 2251")  # fmt: skip
        tasks.submit(self.task.pk, actor=self.worker, words="The alert is live.")
        tasks.give_back(self.task.pk, actor=self.owner, words="One night shows little: add the week after the change.")
        artifacts.give_back(artifact.pk, number=1, actor=self.sample["tomas"], reason="The export has no run date.")

    def reopened(self) -> None:
        findings.reopen(self.id, actor=self.sample["tomas"], owner_id=self.owner.person_id,
                        reason="The scan of today shows the same token in a new branch.")  # fmt: skip

    def deferral_asked(self) -> None:
        self.finding.refresh_from_db()
        due = self.finding.current_due_at.date()
        risk.ask_deferral(
            self.id, actor=self.owner, reason="The replica moves with the database upgrade of next quarter.",
            new_due_on=due + timedelta(days=45), vendor="Amazon Web Services",
            check_in_on=self.sample.today + timedelta(days=21),
        )  # fmt: skip

    def deferred(self) -> None:
        self.deferral_asked()
        self._decide("finding.defer", "The vendor's new report is announced for that month.")

    def risk_asked(self) -> None:
        risk.ask_acceptance(
            self.id, actor=self.owner, reason="Removing it now would cut off a school in the middle of a term.",
            residual_risk="Low: few files, known senders.", compensating="Addresses are allow-listed and files are encrypted.",
            expires_on=self.sample.today + timedelta(days=120),
        )  # fmt: skip

    def risk_accepted(self) -> None:
        self.risk_asked()
        request = Request.objects.get(subject_id=self.id, action="risk.accept", state="open")
        approvals.decide(request.pk, verdict="approve", reason="Carried until the term ends; the district has a date.",
                         actor=self.sample["ruth"])  # fmt: skip

    def rejection_asked(self) -> None:
        findings.propose_rejection(self.id, actor=self.owner, kind="out_of_scope",
                                   reason="The variable can't be set in production.",
                                   proof="The deployment's allow-list of variables, reviewed today.")  # fmt: skip

    def rejected(self) -> None:
        findings.propose_rejection(self.id, actor=self.owner, kind="false_positive",
                                   reason="The key is a published example and opens nothing.",
                                   proof="The vendor's documentation prints the same key.")  # fmt: skip
        self._decide("finding.reject", "Compared with the vendor's documentation: the same key.")
