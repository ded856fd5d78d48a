"""verify.py and the keys to use it with: a page and a file that anybody may fetch, without an account, at addresses that stay.

Nothing here says which organizations there are: the keys are the installation's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from csp.decorators import csp_replace
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from evidence.ledger import keys as ledger_keys
from evidence.ledger import verify
from portal.edge.isolation import open_to_other_sites
from portal.edge.tenancy import outside_transaction
from portal.packages import proving

app_name = "verifying"
# Whoever drops a package on the page can see in its policy that nothing leaves the browser.
SENDS_NOTHING = {"connect-src": ["'none'"], "form-action": ["'none'"]}


@dataclass(frozen=True)
class ShownKey:
    """A public key as verify.py takes it, and its fingerprint."""

    text: str
    fingerprint: str


@require_safe
@csp_replace(SENDS_NOTHING)
@outside_transaction
def start(request: HttpRequest) -> HttpResponse:
    """A package checked in the reader's browser; verify.py, its SHA-256, and the fingerprints of this installation's keys."""
    program = proving.program()
    context = {
        "program_sha256": program.sha256,
        "lines": program.data.count(b"\n"),
        "fingerprints": [verify.Key("", public).fingerprint for public in ledger_keys.public_keys()],
    }
    return render(request, "packages/verifying.html", context)


@require_safe
@open_to_other_sites
@outside_transaction
def program(request: HttpRequest) -> HttpResponse:
    made = proving.program()
    answer = HttpResponse(made.data, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="verify.py"'
    answer["Cache-Control"] = "public, max-age=300"
    return answer


def context(organization_id: UUID, proof_url: str) -> dict[str, Any]:
    """What the card “Verify it on your own machine” needs beside the package."""
    return {
        "program_sha256": proving.program().sha256,
        "keys": _shown(ledger_keys.verifier_keys(organization_id)),
        "proof_url": proof_url,
    }


def _shown(found: Iterable[Any]) -> list[ShownKey]:
    return [ShownKey(str(key), verify.Key(key.name, key.public).fingerprint) for key in found]


urlpatterns = [
    path("verify", start, name="start"),
    path("verify.py", program, name="program"),
]
