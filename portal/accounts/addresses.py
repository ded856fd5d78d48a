"""Which network address a request comes from: the nearest one that no trusted proxy of ours put there."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

SOCKET = "unix"


def of(request: HttpRequest) -> str | None:
    """The client's address, None when it can't be known (a socket of this machine without a trusted proxy)."""
    hop = request.META.get("REMOTE_ADDR", "")
    if not _is_trusted(hop):
        return _plain(hop)
    # Each proxy adds on the right the address it was asked from; what stands further left anybody may have written.
    for given in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        if _plain(given) is None:
            break
        hop = given
        if not _is_trusted(hop):
            break
    return _plain(hop)


def _is_trusted(hop: str) -> bool:
    trusted = settings.CLEARHOLD_TRUSTED_PROXIES
    address = _plain(hop)
    if address is None:
        return SOCKET in trusted and not hop.strip()
    return any(
        ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
        for network in trusted
        if network != SOCKET
    )


def _plain(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
