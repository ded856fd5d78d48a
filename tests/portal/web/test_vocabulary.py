"""Every state that the domain knows has an icon, a word and a tone; every icon is in the sprite."""

import pytest
from django.apps import apps
from django.db import models

from portal.web import iconsprite, vocabulary

# Where the domain keeps its states: vocabulary, model label, field.
STATES = [
    ("finding", "findings.Finding", "state"),
    ("task", "tasks.Task", "state"),
    ("plan", "tasks.Plan", "state"),
    ("verification", "tasks.Verification", "result"),
    ("evidence", "artifacts.Artifact", "state"),
    ("review", "artifacts.ArtifactReview", "verdict"),
    ("scan", "artifacts.Scan", "outcome"),
    ("personal", "artifacts.PersonalCheck", "outcome"),
    ("upload", "uploads.Upload", "state"),
    ("run", "monitoring.Run", "state"),
    ("package", "packages.Package", "state"),
    ("job", "jobs.Job", "state"),
    ("request", "approvals.Request", "state"),
    ("decision", "approvals.Decision", "verdict"),
    ("risk", "risk.Acceptance", "state"),
    ("risk", "risk.Deferral", "state"),
    ("engagement", "engagements.Engagement", "state"),
    ("identity", "accounts.IdentityClaim", "state"),
    ("role_request", "accounts.RoleRequest", "state"),
]


@pytest.mark.parametrize(("kind", "label", "field"), STATES, ids=[f"{label}.{field}" for _, label, field in STATES])
def test_every_state_of_the_domain_has_a_sign(kind, label, field):
    found: models.Field = apps.get_model(label)._meta.get_field(field)
    unknown = [value for value, _ in found.flatchoices if value and value not in vocabulary.VOCABULARIES[kind]]
    assert not unknown, f"add {unknown} to {kind} in portal/web/vocabulary.py"


def test_every_state_field_of_the_domain_is_looked_at():
    known = {(label, field) for _, label, field in STATES}
    ours = [
        model for model in apps.get_models() if model.__module__.split(".")[0] in {"evidence", "remediation", "portal"}
    ]
    found = {
        (model._meta.label, field.name)
        for model in ours
        for field in model._meta.fields
        if field.choices and field.name in {"state", "scan_state"}
    }
    assert found <= known, f"add {sorted(found - known)} to STATES here and to portal/web/vocabulary.py"


def test_severities_of_the_domain_have_a_sign():
    choices = apps.get_model("findings.Finding")._meta.get_field("severity").flatchoices
    assert {value for value, _ in choices if value} <= set(vocabulary.SEVERITIES)


def test_every_sign_has_a_word_an_icon_and_a_tone_that_exists():
    for kind, words in vocabulary.VOCABULARIES.items():
        for state, sign in words.items():
            assert sign.word, (kind, state)
            assert sign.icon, (kind, state)
            assert sign.tone in vocabulary.TONES, (kind, state)


def test_signs_that_a_person_must_tell_apart_differ_in_icon_or_word():
    for kind, words in vocabulary.VOCABULARIES.items():
        looks = {}
        for state, sign in words.items():
            other = looks.setdefault((sign.icon, sign.word), sign)
            assert other.tone == sign.tone, f"{kind}.{state} differs only in colour"


def test_a_state_nobody_listed_still_has_an_icon_and_its_own_name():
    sign = vocabulary.sign("finding", "brand_new_state")
    assert (sign.word, sign.icon) == ("Brand new state", "circle-question-mark")


def test_every_icon_in_use_is_in_the_sprite():
    missing = iconsprite.used() - iconsprite.in_sprite()
    assert not missing, "run manage.py iconsprite"


def test_the_sprite_is_what_the_command_writes():
    assert iconsprite.SPRITE.read_text() == iconsprite.build(iconsprite.in_sprite())
