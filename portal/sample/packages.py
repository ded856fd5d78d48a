"""The sample's packages: a full one that its auditor has, a summary that a buyer has by a link, and the next issue as draft.

Whoever prepares a package doesn't seal it, here neither: Priya builds and asks, Wes approves.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic, sleep
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.ledger import sequencer
from evidence.organizations.models import Organization
from portal.celery import app
from portal.engagements.models import Engagement
from portal.jobs.models import Job
from portal.packages import services
from portal.packages.links import releasing
from portal.packages.links import services as links
from portal.packages.models import Package
from portal.sample import cast
from portal.watch import services as duties

SEAL_SECONDS = 300
LINK_DAYS = 30
BUYER = "Dr. Ana Oyelaran, Cedar Grove School District"
STATEMENT = (
    "We opened every finding of the report to our own review and fixed the gravest first.\n"
    "What is still open has an owner, a date and a person who approves its closure."
)


class Press:
    """Builds and seals packages of the organization, each step through its service."""

    def __init__(self, organization: Organization) -> None:
        self.organization = organization

    @contextmanager
    def inside(self, *, system: bool = False) -> Iterator[None]:
        with transaction.atomic(), tenancy.entered(self.organization.pk, system=system):
            yield

    def actor(self, key: str) -> Actor:
        return cast.actor(self.organization, key)

    def build(self, **wanted: Any) -> Package:
        """A draft of Priya's of the only engagement."""
        with self.inside():
            priya = self.actor("priya")
            engagement = Engagement.objects.filter(organization=self.organization).order_by("number")[0]
            package = services.start(engagement.pk, actor=priya, **wanted)
        sequencer.run_once(self.organization.pk)
        services.perform_build(package.pk, actor=priya, inside=self.inside, watch=lambda done, total, note: None)
        return package

    def submit(self, package: Package, note: str) -> None:
        with self.inside():
            services.submit_for_review(package.pk, actor=self.actor("priya"), reason=note)

    def seal(self, package: Package, reason: str) -> Package:
        """Wes approves it, and its job prints and signs it. Raises RuntimeError when it ends otherwise."""
        with self.inside():
            job = services.seal(package.pk, actor=self.actor("wes"), reason=reason).job
        sequencer.run_once(self.organization.pk)
        if job is None or self._done(job) != Job.State.SUCCEEDED:
            raise RuntimeError("the sample's package could not be sealed; its job's page says why")
        sequencer.run_once(self.organization.pk)
        with self.inside():
            return Package.objects.get(pk=package.pk)

    def _done(self, job: Job) -> str:
        """Do the job here, or wait for the worker that was quicker to it; the state it ended in."""
        app.tasks[job.kind].perform(job.pk)
        end = monotonic() + SEAL_SECONDS
        while True:
            with self.inside():
                job.refresh_from_db()
            if job.is_over or monotonic() > end:
                return str(job.state)
            sleep(0.2)

    def judge(self) -> None:
        """All history, for conflicts of duties."""
        product = Actor.system(self.organization.pk, "check on duties")
        duties.run_round(actor=product, inside=lambda: self.inside(system=True), watch=lambda done, total, note: None)

    def release(self, package: Package) -> None:
        with self.inside():
            releasing.release(package.pk, actor=self.actor("priya"))

    def follow(self, package: Package, change: str) -> None:
        """The next issue, built by a worker: whoever looks sees it being built, then compares and approves it."""
        with self.inside():
            services.supersede(package.pk, actor=self.actor("priya"), change=change)

    def give(self, package: Package) -> str:
        """A link to it for a buyer; the address that opens it, which is kept nowhere."""
        with self.inside():
            priya = replace(self.actor("priya"), authenticated_at=clock.now())
            made = links.make(
                package.pk, actor=priya, recipient=BUYER, email="ana.oyelaran@cedargrove.example", days=LINK_DAYS
            )
        return settings.CLEARHOLD_BASE_URL + reverse("recipients:page", args=[made.token])
