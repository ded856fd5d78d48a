"""Which network address a request comes from; portal/edge/forwarding.py has put the caller's own into REMOTE_ADDR."""

import ipaddress

from django.http import HttpRequest


def of(request: HttpRequest) -> str | None:
    """The caller's address in its plain spelling, None when it can't be known."""
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", "").strip())
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)
