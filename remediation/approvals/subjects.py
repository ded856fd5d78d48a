"""The seam by which a finding or a package tells approvals what a request is about and what follows a decision."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from evidence.actors import Actor

if TYPE_CHECKING:
    from remediation.approvals.models import Request


@dataclass(frozen=True)
class Description:
    """How a subject reads in a queue: its title now, and the URL name and key of its page if it has one."""

    title: str
    url_name: str = ""
    url_args: tuple[str, ...] = ()


Content = Callable[[UUID], Mapping[str, Any]]
Follow = Callable[["Request", Actor], None]
Describe = Callable[[Sequence[UUID]], Mapping[UUID, Description]]


@dataclass(frozen=True)
class Handler:
    """What one subject type does for one action. All of it runs inside the deciding transaction."""

    content: Content
    granted: Follow
    refused: Follow
    ended: Follow
    describe: Describe


_handlers: dict[tuple[str, str], Handler] = {}


def _nothing(request: "Request", actor: Actor) -> None:
    return None


def _undescribed(ids: Sequence[UUID]) -> Mapping[UUID, Description]:
    return {}


def register(
    subject_type: str,
    action: str,
    *,
    content: Content,
    granted: Follow = _nothing,
    refused: Follow = _nothing,
    ended: Follow = _nothing,
    describe: Describe = _undescribed,
) -> None:
    """Say what `action` on `subject_type` means; called from an AppConfig.ready, once per pair.

    `content(subject_id)` gives the content as it stands now (JSON scalars, lists, dicts; no floats); decide() calls
    it with the subject's row locked and voids the request when it differs from what was asked. `granted` and
    `refused` make the subject's own move; `ended` brings it back after a withdrawal, an expiry, or a void found while
    deciding (void_open tells nobody: its caller is the subject). `describe(ids)` gives titles for many subjects in one query.
    """
    _handlers[subject_type, action] = Handler(content, granted, refused, ended, describe)


def handler(subject_type: str, action: str) -> Handler | None:
    """The registered handler, or None."""
    return _handlers.get((subject_type, action))


def forget(subject_type: str, action: str) -> None:
    """Take a registration back; tests use it for subjects of their own."""
    _handlers.pop((subject_type, action), None)


def describe(pairs: Mapping[tuple[str, str], Sequence[UUID]]) -> dict[UUID, Description]:
    """Titles of many subjects, one call per kind of subject and action."""
    found: dict[UUID, Description] = {}
    for key, ids in pairs.items():
        known = _handlers.get(key)
        missing = [identifier for identifier in ids if identifier not in found]
        if known is not None and missing:
            found.update(known.describe(missing))
    return found
