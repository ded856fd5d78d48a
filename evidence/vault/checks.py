"""Refuse to start with a store that would lose or replace what it is given."""

from typing import Any

from django.core.checks import Error, register

from evidence.errors import Unavailable
from evidence.vault import backends


@register("vault", deploy=True)
def the_stores_are_safe(app_configs: Any, **kwargs: Any) -> list[Error]:
    """Ask every store that is set up, the current one first."""
    return [
        Error(fault, id="clearhold.E010", hint="docs/operators.md, “Where files are kept”, says what a store needs.")
        for name in backends.known()
        for fault in faults_of(name)
    ]


def faults_of(name: str) -> list[str]:
    try:
        return backends.named(name).faults()
    except (ModuleNotFoundError, ValueError):
        return [f"CLEARHOLD_BLOB_BACKEND is “{name}”, and there is no such kind of store: it may be local or s3."]
    except Unavailable as failure:
        return [failure.message]
