"""What anybody may read of an organization's history: the signed checkpoint, tiles of hashes, the public keys.

C2SP tlog-tiles, read-only, without an account, unless the organization's policy says no. Never the entries: events are
private, and their hashes carry a nonce, so none of them can be guessed.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from evidence import tenancy
from evidence.errors import NotFound
from evidence.ledger import keys, queries, tiles
from evidence.ledger.tree import HASH_BYTES, TILE_HASHES
from evidence.organizations.models import Organization
from evidence.organizations.queries import policy
from portal.edge import rates
from portal.edge.isolation import open_to_other_sites

app_name = "published"

# Whoever watches a tree asks again for its head, and never again for what can't change.
HEAD_SECONDS = 10
FOREVER = "public, max-age=31536000, immutable"
TILE = re.compile(r"((?:x\d{3}/)*)(\d{3})(?:\.p/([1-9]\d{0,2}))?")
LEVELS = 6


@require_safe
@rates.limited
@open_to_other_sites
def checkpoint(request: HttpRequest, tree: UUID) -> HttpResponse:
    """The newest signed checkpoint: name, size, root, signatures."""
    with _open(tree):
        note = queries.standing(tree).note
    if not note:
        raise NotFound("Nothing is signed here yet.")
    return _answer(note, "text/plain; charset=utf-8", f"public, max-age={HEAD_SECONDS}")


@require_safe
@rates.limited
@open_to_other_sites
def verifier_keys(request: HttpRequest, tree: UUID) -> HttpResponse:
    """The public keys of every epoch, one a line, as C2SP writes them."""
    with _open(tree):
        lines = [f"{key}\n" for key in keys.verifier_keys(tree)]
    return _answer("".join(lines), "text/plain; charset=utf-8", f"public, max-age={HEAD_SECONDS}")


@require_safe
@rates.limited
@open_to_other_sites
def tile(request: HttpRequest, tree: UUID, level: int, place: str) -> HttpResponse:
    """The hashes of a full tile, or of the first so many of one that still grows."""
    index, width = _parsed(place)
    if level >= LEVELS:
        raise NotFound("There is no such tile.")
    with _open(tree):
        hashes = tiles.reader(tree)(level, index)[: width * HASH_BYTES]
    if len(hashes) < width * HASH_BYTES:
        raise NotFound("The tree does not reach so far yet.")
    return _answer(hashes, "application/octet-stream", FOREVER)


@contextmanager
def _open(tree: UUID) -> Iterator[None]:
    with tenancy.entered(tree):
        known = Organization.objects.filter(pk=tree).exists()
        # One answer for what is not there and what is not shown.
        if not known or not policy(tree, "publication").body["checkpoints"]:
            raise NotFound("No history is published here.")
        yield


def _parsed(place: str) -> tuple[int, int]:
    """The index and width that a path names: x001/x234/067 is 1234067, and .p/42 the first 42 hashes."""
    found = TILE.fullmatch(place)
    if found is None:
        raise NotFound("There is no such tile.")
    above, last, width = found.groups()
    digits = above.replace("x", "").replace("/", "") + last
    if above.startswith("x000"):
        raise NotFound("There is no such tile.")
    wanted = int(width) if width else TILE_HASHES
    if wanted > TILE_HASHES - (1 if width else 0) or len(digits) > 15:
        raise NotFound("There is no such tile.")
    return int(digits), wanted


def _answer(content: str | bytes, kind: str, cache: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Cache-Control"] = cache
    # A verifier in somebody's browser reads these from another site; they are public.
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


urlpatterns = [
    path("<uuid:tree>/checkpoint", checkpoint, name="checkpoint"),
    path("<uuid:tree>/keys", verifier_keys, name="keys"),
    path("<uuid:tree>/tile/<int:level>/<path:place>", tile, name="tile"),
]
