"""`check --deploy` refuses an installation that leaves a door open, each by its own number."""

import copy

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings

SAFE = {
    "ALLOWED_HOSTS": ["clearhold.example"], "CLEARHOLD_BASE_URL": "https://clearhold.example",
    "SESSION_COOKIE_NAME": "__Host-session", "SESSION_COOKIE_SECURE": True, "CSRF_COOKIE_NAME": "__Host-csrf",
    "CSRF_COOKIE_SECURE": True, "CLEARHOLD_SECURITY_CONTACT": "security@clearhold.example",
}  # fmt: skip


def policy(**directives):
    changed = copy.deepcopy(settings.CONTENT_SECURITY_POLICY)
    changed["DIRECTIVES"].update({name.replace("_", "-"): value for name, value in directives.items()})
    return {"CONTENT_SECURITY_POLICY": changed}


UNSAFE = {
    "clearhold.E010 plain": {"CLEARHOLD_BASE_URL": "http://clearhold.example"},
    "clearhold.E010 another host": {"CLEARHOLD_BASE_URL": "https://elsewhere.example"},
    "clearhold.E011": {"ALLOWED_HOSTS": ["clearhold.example", "*"]},
    "clearhold.E011 domain": {"ALLOWED_HOSTS": ["clearhold.example", ".example"]},
    "clearhold.E012 name": {"SESSION_COOKIE_NAME": "sessionid"},
    "clearhold.E012 domain": {"CSRF_COOKIE_DOMAIN": "example"},
    "clearhold.E012 path": {"SESSION_COOKIE_PATH": "/o/"},
    "clearhold.E012 scripts": {"SESSION_COOKIE_HTTPONLY": False},
    "clearhold.E012 other sites": {"SESSION_COOKIE_SAMESITE": "None"},
    "clearhold.E013 inline": policy(script_src=["'self'", "'unsafe-inline'"]),
    "clearhold.E013 anything": policy(img_src=["*"]),
    "clearhold.E013 strings": policy(require_trusted_types_for=None),
    "clearhold.E014": {"USE_X_FORWARDED_HOST": True},
    "clearhold.E015": {"CLEARHOLD_PROXIES": "the proxy"},
    "clearhold.W016": {"CLEARHOLD_PROXIES": "0.0.0.0/0"},
    "clearhold.W017": {"CLEARHOLD_SECURITY_CONTACT": ""},
}


def found(**changed):
    with override_settings(**{**SAFE, **changed}):
        return {message.id for message in run_checks(include_deployment_checks=True, tags=["security"])}


def ours(ids):
    return {one for one in ids if one.startswith("clearhold.") and one[-2:] >= "10"}


def test_a_safe_installation_hears_nothing():
    assert not ours(found())


@pytest.mark.parametrize("case", UNSAFE)
def test_an_open_door_is_named(case):
    assert ours(found(**UNSAFE[case])) == {case.split()[0]}
