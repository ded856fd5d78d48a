"""Which network address a request comes from: the caller's, which portal/edge/forwarding.py has put into REMOTE_ADDR."""

import ipaddress

from django.http import HttpRequest


def of(request: HttpRequest) -> str | None:
    """The caller's address, None when it can't be known (a socket of this machine without a proxy that names one)."""
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", "").strip())
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)
