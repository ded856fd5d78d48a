"""Who really asks: what a proxy of ours says of the caller is believed, what anybody else says of it is dropped."""

import ipaddress
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# Nothing here reads them, and nothing shall: links are made from CLEARHOLD_BASE_URL.
DROPPED = ("HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PREFIX", "HTTP_FORWARDED", "HTTP_X_REAL_IP",
           "HTTP_X_ORIGINAL_URL", "HTTP_X_REWRITE_URL", "HTTP_X_HTTP_METHOD_OVERRIDE")  # fmt: skip


class ForwardingMiddleware:
    """Puts the caller's own address into REMOTE_ADDR when one of CLEARHOLD_PROXIES forwards the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META
        peer, chain = given.get("REMOTE_ADDR", ""), given.pop("HTTP_X_FORWARDED_FOR", "")
        if is_proxy(peer, settings.CLEARHOLD_PROXIES):
            given["REMOTE_ADDR"] = caller(chain, peer, settings.CLEARHOLD_PROXIES)
        else:
            given.pop("HTTP_X_FORWARDED_PROTO", None)
        for name in DROPPED:
            given.pop(name, None)
        return self.get_response(request)


def is_proxy(address: str, proxies: str) -> bool:
    """Whether the address is one of our proxies'. A socket file has no address, and only this machine reaches it."""
    if not address:
        return True
    found = _address(address)
    return found is not None and any(found in network for network in _networks(proxies))


def caller(chain: str, peer: str, proxies: str) -> str:
    """The last address of X-Forwarded-For that is not a proxy's: what stands before it anybody could have written."""
    for given in reversed(chain.split(",")):
        address = _address(given.strip())
        if address is None:
            break
        if not is_proxy(str(address), proxies):
            return str(address)
    return peer


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@lru_cache(maxsize=4)
def _networks(proxies: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(one) for one in proxies.replace(",", " ").split())
