"""The sample shows a restricted finding, made as the right people would make it."""

import pytest

from evidence import clock, tenancy
from evidence.organizations.models import Organization
from portal.sample.load import Sample
from remediation.findings.models import Finding


@pytest.mark.django_db
def test_the_response_team_sees_it_and_others_do_not(settings, tmp_path):
    settings.CLEARHOLD_KEYS_DIR = tmp_path
    organization = Organization.objects.create(slug="sample", name="Sample", is_sample=True)
    with tenancy.entered(organization.pk):
        sample = Sample(organization, clock.today())
        sample.people_and_controls()
        sample.renew()
        sample.kept_to_a_few()
    seen = {}
    for key in ("priya", "tomas", "dana", "wes", "aisha"):
        with tenancy.entered(organization.pk, sample[key].person_id):
            seen[key] = Finding.objects.filter(is_restricted=True).exists()
    assert seen == {"priya": True, "tomas": True, "dana": True, "wes": False, "aisha": False}
