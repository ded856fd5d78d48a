"""One organization with one real thing behind every address, told through the same services that pages call.

`mark` goes into every text, name and file, so that a test can look for it where it must not be.
"""

import io
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from PIL import Image

from evidence import clock, tenancy
from evidence.artifacts import redaction
from evidence.artifacts import services as artifacts
from evidence.artifacts.facts import VersionFacts
from evidence.artifacts.models import Artifact, Redaction
from evidence.controls import services as controls
from evidence.controls.models import Control
from evidence.controls.services import ControlFacts
from evidence.intake import services as intake
from evidence.ledger import sequencer
from evidence.ledger.models import Checkpoint, Event, TimeStamp
from evidence.ledger.services import Subject
from evidence.organizations import services as organizations
from evidence.organizations.models import Organization
from evidence.organizations.policies import DEFAULTS
from evidence.retention import services as retention
from evidence.retention.models import Certificate, Disposal, Hold
from evidence.uploads import services as uploads
from evidence.uploads.models import Upload
from evidence.vault import services as vault
from portal.access import services as access
from portal.access import teams
from portal.accounts import granting, linking, reviews
from portal.accounts import services as accounts
from portal.accounts.models import Membership
from portal.engagements import services as engagements
from portal.engagements.models import Engagement, EngagementGrant
from portal.jobs import services as jobs
from portal.jobs.models import Job
from portal.packages import letterheads, planning
from portal.packages import services as packages
from portal.packages.links import services as links
from portal.packages.links.models import Link
from portal.packages.models import Package
from portal.watch.models import Report
from remediation.approvals import services as approvals
from remediation.approvals.absences import services as absences
from remediation.approvals.delegations import services as delegations
from remediation.approvals.emergencies import services as emergencies
from remediation.approvals.models import Absence, Delegation, Emergency, Request
from remediation.findings import services as findings
from remediation.importers import services as importers
from remediation.importers.jobs import KIND
from remediation.monitoring import services as monitoring
from remediation.monitoring.models import Run
from remediation.policies import services as policies
from remediation.policies.models import Proposal
from remediation.risk import services as risk
from remediation.sod.models import Waiver
from remediation.tasks import services as tasks
from tests.people import CAST, People, actor, join
from tests.remediation.story import Story

STEPS = ("reported", "triaged", "analysed", "planned", "in_remediation", "worked", "ready", "verified", "closure_asked",
         "closed")  # fmt: skip
# In the words of the finding that is kept to a few.
SECRET = "qxsecret"
# In every text of the other organization, whose public ids begin where ours have long ended.
CANARY = "zqcanary"
PREFIXES = ("F", "T", "E", "AC", "ENG", "PKG", "D", "H", "L")
PERIOD = (date(2026, 1, 1), date(2027, 12, 31))


@dataclass
class World:
    """What a URL can name, by what it is."""

    organization: Organization
    people: People
    olga: Any
    sam: Any
    elsa: Any
    nils: Any
    findings: dict[str, Story] = field(default_factory=dict)
    evidence: Artifact | None = None
    picture: Artifact | None = None
    redacted: Artifact | None = None
    redaction: Redaction | None = None
    disposal: Disposal | None = None
    certificate: Certificate | None = None
    hold: Hold | None = None
    held: Artifact | None = None
    upload: Upload | None = None
    control: Control | None = None
    run: Run | None = None
    engagement: Engagement | None = None
    grant: EngagementGrant | None = None
    package: Package | None = None
    sealed: Package | None = None
    link: Link | None = None
    job: Job | None = None
    blob: Any = None
    invitation: Any = None
    role_request: Any = None
    team_of_auditors: Any = None
    team_grant: Any = None
    claim: Any = None
    report: Any = None
    token: Any = None
    access_review: Any = None
    review_line: Any = None
    request: Request | None = None
    event: Event | None = None
    team: Any = None
    place_in_team: Any = None
    let_in: Any = None
    stamp: TimeStamp | None = None
    delegation: Delegation | None = None
    emergency: Emergency | None = None
    absence: Absence | None = None
    proposal: Proposal | None = None
    waiver: Waiver | None = None

    @property
    def slug(self) -> str:
        return self.organization.slug


class Marked(Story):
    """The ordinary way, with a mark in every word."""

    mark = ""

    def say(self, words: str) -> str:
        return f"{words} {self.mark}".strip()

    def reported(self, **facts):
        given = {"title": "Leavers kept active logins", "description": "Seen in a sample.", "asset": "CRM"}
        return super().reported(**{name: self.say(words) for name, words in given.items()}, **facts)

    def triaged(self, **facts):
        return super().triaged(rationale=self.say("Student records."), note=self.say("Look at SSO."), **facts)

    def analysed(self):
        self.finding = findings.analyse(
            self.finding.pk, actor=self.people.ines, root_cause_class="process",
            root_cause=self.say("Nobody compares."), scope_check=self.say("61 leavers."),
        )  # fmt: skip
        return self

    def drafted(self, **given):
        tasks.draft_plan(
            self.finding.pk, actor=self.people.maya, text=self.say("SCIM."), success_test=self.say("Nobody logs in."),
            residual_risk=self.say("A day."),
        )  # fmt: skip
        self.task = tasks.add(
            self.finding.pk, actor=self.people.maya, title=self.say("Switch on SCIM"), details=self.say("In the CRM."),
            due_on=self.finding.current_due_at.date() - timedelta(days=1), assignee_id=self.people.ines.person_id,
            owed=((self.say("Reconciliation"), "report"),),
        )  # fmt: skip
        return self

    def evidence(self, actor=None, data=None):
        return add_evidence(actor or self.people.ines, self.mark, f"week,leavers\nW12,0 {self.mark}\n".encode())


def add_evidence(who, mark: str, data: bytes, name: str = "weeks.csv", kind: str = "report") -> Artifact:
    received = intake.take(
        io.BytesIO(data), filename=f"{mark}{name}", organization_id=who.organization_id, limit_bytes=10**6
    )
    about = VersionFacts(source_system=f"CRM {mark}", query=f"SELECT 1 {mark}", note=f"First {mark}", row_count=1)
    return artifacts.add(received, title=f"Reconciliation {mark}".strip(), kind=kind, actor=who, about=about)


def hired(organization: Organization, mark: str) -> People:
    return People(
        **{
            key: actor(organization, join(organization, f"{name} {mark}".strip(), role, f"{department} {mark}".strip()))
            for key, (name, role, department) in CAST.items()
        }
    )


def found(slug: str, name: str, mark: str = "") -> Organization:
    return Organization.objects.create(slug=slug, name=f"{name} {mark}".strip())


def build(organization: Organization, mark: str = "", *, whole: bool = True) -> World:
    """Everything, inside the organization that the transaction entered. `whole` also takes findings to every state."""
    people = hired(organization, mark)
    olga = actor(organization, join(organization, f"Olga Reis {mark}".strip(), "auditor"))
    sam = actor(organization, join(organization, f"Sam Support {mark}".strip(), "support"))
    elsa = actor(organization, join(organization, f"Elsa Elsewhere {mark}".strip(), "auditor"))
    nils = actor(organization, join(organization, f"Nils Second {mark}".strip(), "administrator"))
    world = World(organization, people, olga, sam, elsa, nils)
    _controls(world, mark)
    _findings(world, mark, STEPS if whole else ("triaged", "closure_asked", "closed"))
    _imports(world, mark)
    _pieces(world, mark)
    _redactions(world, mark)
    _retention(world, mark)
    _risks(world, mark)
    _people(world, mark)
    _kept_to_a_few(world, mark)
    _audit(world, mark)
    sequencer.run_once(organization.pk)
    world.event = Event.objects.filter(kind="finding.closed").latest("at")
    newest = Checkpoint.objects.order_by("-size").first()
    world.stamp = TimeStamp.objects.create(
        organization=organization, size=newest.size, token=mark.encode(), authority=mark, stamped_at=clock.now()
    )
    return world


def _controls(world: World, mark: str) -> None:
    maya = world.people.maya
    controls.adopt_starter_set(actor=maya)
    facts = ControlFacts(
        title=f"Leavers lose access {mark}".strip(), description=f"Weekly {mark}", frequency="weekly", criteria=("CC6.2",)
    )  # fmt: skip
    world.control = controls.create(facts, actor=maya, owner_id=world.people.ines.person_id)
    today = clock.today()
    start = today - timedelta(days=today.weekday() + 21)
    monitoring.schedule([world.control.pk], start=start, end=start + timedelta(days=27), actor=maya)
    runs = list(Run.objects.filter(control=world.control).order_by("due_on"))
    world.run = monitoring.record(runs[0].pk, state="missed", note=f"It failed. {mark}", actor=world.people.ines)
    monitoring.record(runs[1].pk, state="missed", note=f"It failed. {mark}", actor=world.people.ines)
    monitoring.explain(runs[1].pk, words=f"Checked by hand. {mark}", actor=world.people.ines)


def _findings(world: World, mark: str, steps: tuple[str, ...]) -> None:
    for step in steps:
        story = Marked(world.people, severity="high" if step == "planned" else "medium")
        story.mark = mark
        world.findings[step] = story.until(step)
    maya, closed = world.people.maya, world.findings["closed"].finding
    draft = Marked(world.people)
    draft.finding = findings.draft(
        actor=maya, title=f"Draft {mark}", source="internal", asset="CRM", detected_at=clock.now(), severity="low",
        criteria=["CC6.2"],
    )  # fmt: skip
    world.findings["draft"] = draft
    findings.comment(closed.pk, actor=maya, body=f"INTERNAL {mark}")
    findings.comment(closed.pk, actor=maya, body=f"Public {mark}", internal=False)
    findings.link(closed.pk, world.findings["triaged"].finding.pk, actor=maya, kind="related")
    world.evidence = Artifact.objects.filter(links__target_id=world.findings["closed"].task.pk).first()
    artifacts.link_control(world.evidence.pk, world.control.ref, actor=world.people.ines)
    artifacts.accept(world.evidence.pk, number=1, actor=world.people.vera, reason=f"Totals named. {mark}")
    world.upload = uploads.begin(
        filename=f"{mark}half.bin", length=10, limit_bytes=10**6, actor=world.people.ines, told={"title": f"Half {mark}"}
    )  # fmt: skip
    world.request = Request.objects.get(subject_id=world.findings["closure_asked"].finding.pk, state="open")
    approvals.ask(world.request.pk, person_id=world.people.arun.person_id, message=f"Please. {mark}", actor=maya)


def sarif(mark: str, *rules: str) -> bytes:
    results = ",".join(
        f'{{"ruleId":"{rule}","level":"error","message":{{"text":"Weakness {rule} {mark}"}}}}' for rule in rules
    )
    return (
        f'{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"HouseScan {mark}"}}}},"results":[{results}]}}]}}'
    ).encode()


def _imports(world: World, mark: str) -> None:
    maya = world.people.maya
    for data in (sarif(mark, "one", "two"), sarif(mark, "one")):
        importers.run_import(io.BytesIO(data), actor=maya, name=f"{mark}scan.sarif")
    hinted = Marked(world.people)
    hinted.finding = findings_with_hint()
    world.findings["hinted"] = hinted
    world.blob = importers.hold(io.BytesIO(sarif(mark, "three")), actor=maya)
    world.job = jobs.enqueue(
        KIND, actor=maya, title=f"Import of {mark}", args={"blob": str(world.blob.pk), "name": f"{mark}.sarif"}
    )


def findings_with_hint():
    from remediation.findings.models import Finding

    return Finding.objects.filter(proposed_fixed_at__isnull=False).get()


def _pieces(world: World, mark: str) -> None:
    png = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(png, "PNG")
    world.picture = add_evidence(world.people.ines, mark, png.getvalue(), "screen.png", "screenshot")
    artifacts.link_control(world.picture.pk, world.control.ref, actor=world.people.ines)
    artifacts.accept(world.picture.pk, number=1, actor=world.people.vera, reason=f"Good. {mark}")
    rows = f"student_id,score\n1001,{mark}\n".encode()
    world.held = add_evidence(world.people.ines, mark, rows, "students.csv", "report")


def _redactions(world: World, mark: str) -> None:
    """A copy that Maya made of what Ines brought; nobody has decided on it."""
    world.redacted = add_evidence(world.people.ines, mark, b"name\nAnn Lee\n", "names.csv")
    copy = intake.take(
        io.BytesIO(b"name\n[masked]\n"), filename=f"{mark}copy.csv", organization_id=world.organization.pk, limit_bytes=99
    )  # fmt: skip
    world.redaction = redaction.propose(
        world.redacted.latest.pk, copy, actor=world.people.maya, method="upload", reason=f"Names. {mark}"
    )  # fmt: skip


def _retention(world: World, mark: str) -> None:
    """One file gone with its certificate, one that a request waits for, and one that a hold keeps."""
    people = world.people
    gone, asked, held = (
        add_evidence(people.ines, mark, f"{number} {mark}".encode(), f"{number}.txt") for number in range(3)
    )
    words = {"reason": f"Kept long enough. {mark}", "authority": f"Policy 4 {mark}"}
    done = retention.ask(gone.pk, actor=people.maya, **words)
    retention.approve(done.pk, actor=people.edda, reason=f"Agreed. {mark}")
    world.certificate = retention.execute(done.pk, actor=people.edda)
    world.disposal = retention.ask(asked.pk, actor=people.maya, **words)
    target = Subject("artifacts.artifact", held.pk, held.ref)
    world.hold = retention.set_hold(
        actor=people.edda, scope="artifact", target=target, matter=f"Case 7 {mark}", reason=f"A lawsuit. {mark}"
    )


def _risks(world: World, mark: str) -> None:
    people = world.people
    for name in ("accepted", "deferred"):
        story = Marked(people)
        story.mark = mark
        world.findings[name] = story.until("triaged" if name == "accepted" else "in_remediation")
    finding = world.findings["accepted"].finding
    risk.ask_acceptance(
        finding.pk, actor=people.maya, reason=f"Spring. {mark}", residual_risk=f"One. {mark}",
        compensating=f"Review. {mark}", expires_on=clock.today() + timedelta(days=30),
    )  # fmt: skip
    asked = Request.objects.get(subject_id=finding.pk, action="risk.accept", state="open")
    approvals.decide(asked.pk, verdict="approve", reason=f"The owner is named. {mark}", actor=people.edda)
    finding = world.findings["deferred"].finding
    risk.ask_deferral(
        finding.pk, actor=people.maya, reason=f"Vendor. {mark}", vendor=f"Vendor {mark}",
        new_due_on=finding.current_due_at.date() + timedelta(days=20), check_in_on=clock.today() + timedelta(days=20),
    )  # fmt: skip


def _people(world: World, mark: str) -> None:
    people = world.people
    world.proposal = policies.ask_exception(
        person_id=people.vera.person_id, rules=["S-09"], reviewer=f"Reviewer {mark}", days=30, actor=people.maya,
        reason=f"A small team, {mark}.",
    )  # fmt: skip
    asked = Request.objects.get(subject_id=world.proposal.pk)
    approvals.decide(asked.pk, verdict="approve", reason=f"Read it, {mark}.", actor=people.edda)
    world.waiver = Waiver.objects.get()
    organizations.set_policy("uploads", DEFAULTS["uploads"], actor=people.adam)
    world.invitation = accounts.invite(
        email=f"new{mark.lower()}@{world.slug}.example", name=f"New {mark}", role="engineer", actor=people.adam
    )
    world.role_request = granting.ask_for_member(
        people.ivan.person_id, role="approver", department=f"Security {mark}".strip(), actor=world.nils,
        reason=f"A third one who approves. {mark}",
    )  # fmt: skip
    terms = delegations.Terms("approver", clock.now(), clock.now() + timedelta(days=5))
    world.delegation = delegations.offer(
        deputy_id=people.vera.person_id, terms=terms, reason=f"Leave in the mountains. {mark}", actor=people.arun
    )
    world.absence = absences.note(
        starts_at=clock.now() + timedelta(days=40), ends_at=clock.now() + timedelta(days=42), note=f"Hills {mark}",
        actor=people.arun,
    )  # fmt: skip
    world.emergency = emergencies.ask(
        role="administrator", hours=1, reason=f"Locked out of the directory. {mark}", ticket=f"INC-1 {mark}",
        actor=people.ivan,
    )  # fmt: skip
    world.claim = linking.claim(
        people.ines.person_id, people.ivan.person_id, evidence=["records"], reason=f"One in the payroll. {mark}",
        actor=people.adam,
    )  # fmt: skip
    printed = vault.store(io.BytesIO(f"%PDF {mark}".encode()), organization_id=world.organization.pk, limit_bytes=10**6)
    world.report = Report.objects.create(
        organization=world.organization, start=PERIOD[0], end=PERIOD[1], blob=vault.adopt(printed),
        sha256=printed.sha256, pages=1, made_by_id=people.maya.person_id,
    )  # fmt: skip
    world.access_review = reviews.begin(actor=people.maya)
    world.review_line = world.access_review.lines.get(person_id=people.ines.person_id, kind="role")
    world.token = accounts.create_token(name=f"ci {mark}".strip(), scopes=["jobs.view"], days=5, actor=people.maya).row


def _kept_to_a_few(world: World, mark: str) -> None:
    """A restricted finding, a team, and who was let in. Its keeper acts as in a request of theirs."""
    people = world.people
    world.team = teams.found(name=f"Response {mark}".strip(), purpose=f"Incidents {mark}", actor=people.adam)
    world.place_in_team = teams.take_in(world.team.pk, person_id=people.alba.person_id, actor=people.adam)
    story = Marked(people)
    story.mark = f"{mark} {SECRET}".strip()
    world.findings["restricted"] = story.until("triaged")
    with tenancy.entered(world.organization.pk, people.maya.person_id):
        given = {"valid_until": clock.now() + timedelta(days=9), "actor": people.maya}
        story.finding = findings.restrict(story.finding.pk, actor=people.maya, reason=f"Theft {mark} {SECRET}")
        world.let_in = access.let_team_in(
            story.finding.pk, team_id=world.team.pk, reason=f"They look into it {mark}", **given
        )


@contextmanager
def inside():
    yield


def still(done: int, total: int, note: str) -> None:
    """Watches and lets it go on."""


def _audit(world: World, mark: str) -> None:
    maya = world.people.maya
    facts = engagements.Facts(
        f"Examination {mark}", *PERIOD, auditor_firm=f"Haas {mark}", system_description=f"The CRM {mark}",
        known_gaps=(f"Backups {mark}",), exclusions=(f"Web site {mark}",), user_controls=(f"Users {mark}",),
        vendors=({"name": f"Cloud {mark}", "service": "Hosting", "report": "SOC 2", "note": ""},),
    )  # fmt: skip
    world.engagement = engagements.create(facts, actor=maya)
    scoped = [world.findings["closed"].finding.pk, world.findings["triaged"].finding.pk]
    engagements.scope(world.engagement.pk, actor=maya, controls=[world.control.pk], findings=scoped)
    engagements.release(world.engagement.pk, actor=maya, findings=scoped[:1])
    world.grant = engagements.grant(
        world.engagement.pk, account_id=world.people.otto.account_id, valid_until=clock.now() + timedelta(days=30),
        actor=maya,
    )  # fmt: skip
    # Nobody is in it: of the auditors here, Otto alone is let in.
    world.team_of_auditors = teams.found(name=f"Field team {mark}".strip(), actor=world.people.adam)
    world.team_grant = engagements.grant_team(
        world.engagement.pk, team_id=world.team_of_auditors.pk, valid_until=clock.now() + timedelta(days=30), actor=maya
    )  # fmt: skip
    other = engagements.create(engagements.Facts(f"Another {mark}", *PERIOD), actor=maya)
    engagements.scope(other.pk, actor=maya, findings=scoped[1:])
    engagements.release(other.pk, actor=maya)
    engagements.grant(
        other.pk, account_id=world.elsa.account_id, valid_until=clock.now() + timedelta(days=30), actor=maya
    )
    letterheads.change(letterheads.Wanted(name=f"Firm {mark}", address=f"1 {mark} Street"), actor=world.people.adam)
    wishes = planning.Wishes(statement=f"Management of {mark} says so.")
    world.package = packages.start(world.engagement.pk, actor=maya, title=f"Package {mark}", wishes=wishes)
    sequencer.run_once(world.organization.pk)
    packages.perform_build(world.package.pk, actor=maya, inside=inside, watch=still)
    packages.submit_for_review(world.package.pk, actor=maya)
    world.package.refresh_from_db()
    _hand_over(world, other, mark)


def _hand_over(world: World, engagement: Engagement, mark: str) -> None:
    """A sealed package of the shortest kind, and a link to it."""
    people, pk = world.people, world.organization.pk
    made = packages.start(engagement.pk, actor=people.maya, title=f"Summary {mark}", template="buyer")
    sequencer.run_once(pk)
    packages.perform_build(made.pk, actor=people.maya, inside=inside, watch=still)
    packages.submit_for_review(made.pk, actor=people.maya)
    packages.seal(made.pk, actor=people.arun, reason="Read and agreed.")
    Package.objects.filter(pk=made.pk).update(job=None)
    sequencer.run_once(pk)
    packages.perform_seal(made.pk, actor=people.arun, inside=inside, watch=still)
    sequencer.run_once(pk)
    world.sealed = Package.objects.get(pk=made.pk)
    giver = replace(people.maya, authenticated_at=clock.now())
    world.link = links.make(made.pk, actor=giver, recipient=f"Bea Buyer {mark}", email="bea@buyer.example", days=30).row


def people_of(world: World) -> dict[str, Any]:
    """The callers of the matrix, by the word that its rows use."""
    p = world.people
    return {
        "manager": p.maya, "engineer": p.ines, "reviewer": p.vera, "approver": p.arun, "executive": p.edda,
        "administrator": p.adam, "auditor": p.otto, "auditor_without": world.olga, "support": world.sam,
        "auditor_elsewhere": world.elsa,
    }  # fmt: skip


def members(world: World) -> int:
    return Membership.objects.filter(organization=world.organization).count()
