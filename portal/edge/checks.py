"""Refuse to start with a door open: `check --deploy` asks what a browser and a proxy will be told."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import Error, Tags, register


@register(Tags.security, deploy=True)
def links_lead_here(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Links in mail begin with CLEARHOLD_BASE_URL, never with what a request says its host is."""
    address = urlsplit(settings.CLEARHOLD_BASE_URL)
    if address.scheme == "https" and address.hostname in settings.ALLOWED_HOSTS and not address.path.strip("/"):
        return []
    hint = "Set it to the address people open, such as https://clearhold.example.com."
    return [Error("CLEARHOLD_BASE_URL is not https:// and one of ALLOWED_HOSTS.", hint=hint, id="clearhold.E010")]


@register(Tags.security, deploy=True)
def hosts_are_named(app_configs: Any, **kwargs: Any) -> list[Error]:
    vague = [host for host in settings.ALLOWED_HOSTS if not host or host.startswith((".", "*"))]
    if vague:
        return [Error(f"ALLOWED_HOSTS holds a wildcard: {', '.join(vague)}.", hint="Name each.", id="clearhold.E011")]
    return []


@register(Tags.security, deploy=True)
def cookies_belong_to_this_host(app_configs: Any, **kwargs: Any) -> list[Error]:
    """`__Host-`: over HTTPS only, for no other host, for every path; so no neighbour can plant one."""
    wrong = [kind.lower() for kind in ("SESSION", "CSRF") if not _is_bound(kind)]
    return [Error(f"The cookie of {kind} lacks a protection.", id="clearhold.E012") for kind in wrong]


def _is_bound(kind: str) -> bool:
    parts = ("NAME", "SECURE", "HTTPONLY", "PATH", "DOMAIN", "SAMESITE")
    given = {part: getattr(settings, f"{kind}_COOKIE_{part}") for part in parts}
    is_ours = given["NAME"].startswith("__Host-") and given["PATH"] == "/" and not given["DOMAIN"]
    return bool(is_ours and given["SECURE"] and given["HTTPONLY"] and given["SAMESITE"] in ("Lax", "Strict"))


@register(Tags.security, deploy=True)
def the_policy_is_strict(app_configs: Any, **kwargs: Any) -> list[Error]:
    given = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    sources = [str(source) for value in given.values() if isinstance(value, list | tuple) for source in value]
    is_lax = any("unsafe" in source or source in ("*", "data:", "http:", "https:") for source in sources)
    if (
        is_lax
        or given.get("default-src") != ["'none'"]
        or "'script'" not in (given.get("require-trusted-types-for") or [])
    ):
        return [Error("The content policy lets in what it should not.", id="clearhold.E013")]
    return []


@register(Tags.security, deploy=True)
def proxies_are_known(app_configs: Any, **kwargs: Any) -> list[Error | checks.Warning]:
    if settings.USE_X_FORWARDED_HOST or settings.USE_X_FORWARDED_PORT:
        return [Error("A header of the request may choose the host.", id="clearhold.E014")]
    try:
        networks = [ipaddress.ip_network(one) for one in settings.CLEARHOLD_PROXIES.replace(",", " ").split()]
    except ValueError as error:
        return [Error(f"CLEARHOLD_PROXIES: {error}.", id="clearhold.E015")]
    if any(network.num_addresses > 2 ** (16 if network.version == 4 else 64) for network in networks):
        hint = "Whoever sits in it can say which address they have."
        return [checks.Warning("CLEARHOLD_PROXIES holds a very large network.", hint=hint, id="clearhold.W016")]
    return []


@register(Tags.security, deploy=True)
def somebody_can_be_told(app_configs: Any, **kwargs: Any) -> list[checks.Warning]:
    if settings.CLEARHOLD_SECURITY_CONTACT:
        return []
    hint = "An e-mail address or an address of a page, for /.well-known/security.txt."
    return [checks.Warning("CLEARHOLD_SECURITY_CONTACT is not set.", hint=hint, id="clearhold.W017")]
