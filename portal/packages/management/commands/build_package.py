"""Builds a package of an engagement and writes it, with its proof, to a file."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from evidence import clock, tenancy
from evidence.actors import Actor
from evidence.errors import Invalid, Refused
from evidence.ledger import sequencer
from evidence.organizations.models import Organization
from portal.accounts import roles
from portal.accounts.backend import roles_of
from portal.accounts.models import Account, Membership
from portal.engagements.models import Engagement
from portal.packages import delivery, languages, outlines, planning, services
from portal.packages.models import Package, Paper

#: What a template may ask for, as options; a letter's lines are parted by “|”.
WISHES = {
    "finding": "for one finding: its reference",
    "statement": "management's statement",
    "to": "for a letter: who gets it and the address, lines parted by |",
    "salutation": "for a letter: how it begins",
    "signed_by": "for a letter: who signs it",
    "signed_as": "for a letter: in which office",
    "changes": "for a bridge letter: the changes since the period ended",
    "report": "for a bridge letter: the report that it continues",
    "seed": "for samples: the seed, given after the populations were hashed",
    "seed_from": "for samples: who gave the seed",
    "risk": "for samples: lower or higher",
}


class Command(BaseCommand):
    help = "Builds a package of an engagement as a PDF; its proof is written beside it as FILE.pdf.tlog-proof."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("engagement", help="the engagement's reference, such as ENG-1")
        parser.add_argument("--out", required=True, type=Path, help="the PDF to write")
        parser.add_argument("--organization", help="slug; not needed while there is only one")
        parser.add_argument("--as", dest="email", help="who builds it; by default somebody who may")
        parser.add_argument("--paper", choices=Paper.values, default="", help="by default the organization's")
        parser.add_argument("--title", default="")
        parser.add_argument("--template", choices=list(outlines.BY_KEY), default=outlines.FULL.key)
        parser.add_argument(
            "--sections", default="", help="those to print, in order, with commas; by default the template's"
        )
        parser.add_argument("--language", choices=languages.offered(), default=languages.SOURCE)
        for name, told in WISHES.items():
            parser.add_argument(f"--{name.replace('_', '-')}", default="", help=told)

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        if not out.parent.is_dir():
            raise CommandError(f"There is no folder {out.parent}.")
        organization = _organization(options["organization"])
        self.inside = _inside(organization)
        began = time.monotonic()
        try:
            package = self._build(organization, options)
            with self.inside():
                delivery.write(package, out)
        except Invalid as refusal:
            words = [f"--{name.replace('_', '-')}: {' '.join(many)}" for name, many in refusal.fields.items()]
            raise CommandError(" ".join([refusal.message, *words])) from refusal
        except Refused as refusal:
            raise CommandError(f"{refusal.message} {refusal.help or ''}".strip()) from refusal
        self.stdout.write(
            f"{out}: {package.ref} issue {package.issue}, {package.pages} pages, {package.finding_count} findings, "
            f"{package.exhibit_count} exhibits, {package.size:,} bytes\n"
            f"SHA-256 {package.sha256}\n"
            f"{time.monotonic() - began:.1f} s, the printing alone {package.build_seconds} s with a peak of "
            f"{package.peak_bytes / 2**20:.0f} MiB"
        )

    def _build(self, organization: Organization, options: dict[str, Any]) -> Package:
        with self.inside():
            actor = _actor(organization, options["email"])
            engagement = Engagement.objects.filter(ref=options["engagement"]).first()
            if engagement is None:
                known = ", ".join(Engagement.objects.order_by("number").values_list("ref", flat=True)) or "none"
                raise CommandError(f"There is no engagement {options['engagement']} here; there is: {known}.")
            # Built here and now, so the queue must not start it a second time.
            package = services.start(
                engagement.pk, actor=actor, title=options["title"], paper=options["paper"],
                template=options["template"], wishes=_wishes(options),
            )  # fmt: skip
        sequencer.run_once(organization.pk)
        services.perform_build(package.pk, actor=actor, inside=self.inside, watch=self._watch)
        sequencer.run_once(organization.pk)
        with self.inside():
            return Package.objects.get(pk=package.pk)

    def _watch(self, done: int, total: int, note: str) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{done}/{total} {note}".ljust(70), ending="")


def _wishes(options: dict[str, Any]) -> planning.Wishes:
    given = {
        name: options[name].replace("|", "\n") if name == "to" else options[name] for name in WISHES if options[name]
    }
    named = tuple(subject.strip() for subject in options["sections"].split(",") if subject.strip())
    return planning.Wishes(sections=named, language=options["language"], **given)


def _inside(organization: Organization) -> Any:
    @contextmanager
    def inside() -> Iterator[None]:
        with transaction.atomic(), tenancy.entered(organization.pk):
            yield

    return inside


def _organization(slug: str | None) -> Organization:
    found = list(Organization.objects.filter(slug=slug) if slug else Organization.objects.all()[:2])
    if len(found) != 1:
        words = f"no organization {slug}" if slug else "not exactly one organization; name it with --organization"
        raise CommandError(f"There is {words}.")
    return found[0]


def _actor(organization: Organization, email: str | None) -> Actor:
    if email:
        account = Account.objects.filter(email__iexact=email, is_active=True).select_related("person").first()
        if account is None or not roles_of(account.person_id, organization.pk):
            raise CommandError(f"{email} is not somebody of this organization.")
    else:
        account = _somebody_who_may(organization)
    return Actor(
        organization_id=organization.pk,
        account_id=account.pk,
        person_id=account.person_id,
        via="job",
        authenticated_at=clock.now(),
        name=account.person.name,
        rights=account,
    )


def _somebody_who_may(organization: Organization) -> Account:
    able = [key for key, role in roles.ROLES.items() if "packages.build" in role.permissions]
    holders = Membership.objects.filter(organization_id=organization.pk, role__in=able, ended_at=None)
    account = (
        Account.objects.filter(person_id__in=holders.values("person_id"), is_active=True)
        .select_related("person")
        .order_by("created_at")
        .first()
    )
    if account is None:
        raise CommandError("Nobody of this organization may build packages; name somebody with --as.")
    return account
