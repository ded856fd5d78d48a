"""While the history does not match what was signed, every page says so, to staff and to auditors."""

from datetime import date, timedelta

import pytest
from django.db import transaction
from django.test import Client

from evidence import clock, tenancy
from evidence.errors import Unavailable
from evidence.ledger import keys, sequencer, services, signer
from evidence.organizations.models import Organization
from portal.engagements import services as engagements
from tests.people import account_of, hire


def test_every_page_says_so_to_staff_and_auditors(own_database, settings, tmp_path):
    """On real connections: an auditor's page is drawn on another one than a manager's."""
    settings.CLEARHOLD_KEYS_DIR, settings.CLEARHOLD_SIGNER_DIR = tmp_path / "keys", tmp_path / "signer"
    keys.ensure_key()
    with transaction.atomic():
        organization = Organization.objects.create(slug="lumenroll", name="Lumenroll")
    with transaction.atomic(), tenancy.entered(organization.pk):
        people = hire(organization)
        facts = engagements.Facts(title="Re-audit", period_start=date(2026, 9, 1), period_end=date(2027, 2, 28))
        made = engagements.create(facts, actor=people.maya)
        until = clock.now() + timedelta(days=30)
        engagements.grant(made.pk, account_id=people.otto.account_id, valid_until=until, actor=people.maya)
    sequencer.run_once(organization.pk)
    signer.confirm(organization.pk, signer.Head(99, b"\x00" * 32))
    with pytest.raises(signer.SignerRefused):
        sequencer.inspect(organization.pk)
    for someone, paths in ((people.maya, ("", "findings", "jobs/", "ledger/")), (people.otto, (f"audit/{made.ref}/",))):
        client = Client()
        with transaction.atomic():
            client.force_login(account_of(someone), backend="portal.accounts.backend.RoleBackend")
        for path in paths:
            answer = client.get(f"/o/lumenroll/{path}")
            assert answer.status_code == 200
            assert "The history does not match what was signed." in answer.content.decode(), path
    with transaction.atomic(), tenancy.entered(organization.pk), pytest.raises(Unavailable):
        services.require_healthy()
