"""What the signer remembers outside the database, so that an old or altered database is noticed before it is signed.

One file per organization under CLEARHOLD_SIGNER_DIR holds the size and root that were last signed. Before the
database commits a checkpoint, the file names it as pending; after the commit, as signed. Whatever moment a crash
picks, the next start finds the tree at the one or the other, and anything else is an alarm.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings

from evidence import crashing
from evidence.errors import Unavailable
from evidence.ledger import tree


class SignerRefused(Unavailable):
    """The tree in the database is not the one that was signed. Nothing more is signed until somebody has looked."""

    code = "signer_refused"


@dataclass(frozen=True)
class Head:
    """A size and its root."""

    size: int
    root: bytes


@dataclass(frozen=True)
class State:
    """The last head that was signed, the one that is being committed, and the line (keys.py) they belong to."""

    signed: Head
    pending: Head | None = None
    line: int = 1


EMPTY = Head(0, tree.EMPTY_ROOT)


@contextmanager
def held(organization_id: UUID) -> Iterator[None]:
    """Keep other processes of this machine from signing for the organization meanwhile."""
    folder = Path(settings.CLEARHOLD_SIGNER_DIR)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / f"{organization_id}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def load(organization_id: UUID) -> State | None:
    """The state on disk; None when this signer never signed for the organization. Raises SignerRefused."""
    path = _path(organization_id)
    try:
        raw = json.loads(path.read_text())
        pending = raw["pending"]
        return State(_head(raw["signed"]), _head(pending) if pending else None, int(raw.get("line", 1)))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as fault:
        raise SignerRefused(f"The signer's state file {path.name} cannot be read.", code="signer_state") from fault


def check(state: State | None, read: tree.Read, head: Head, line: int = 1) -> None:
    """Raise SignerRefused unless the tree in the database, read after the state, continues what was signed."""
    if state is None:
        if head.size:
            raise SignerRefused(
                f"The database holds a tree of {head.size} events that this signer has never signed.",
                code="signer_state",
            )
        return
    if state.line != line:
        raise SignerRefused(
            f"The database holds line {line} of the tree, but line {state.line} was signed.", code="signer_line"
        )
    for known in _acceptable(state, head):
        if head.size < known.size:
            raise SignerRefused(
                f"The database holds {head.size} sealed events, but {known.size} were signed: it was set back.",
                code="tree_smaller",
            )
        try:
            found = tree.root(read, known.size)
        except tree.Damaged as fault:
            raise SignerRefused(f"The tree is damaged: {fault}.", code="tree_damaged") from fault
        if found != known.root:
            raise SignerRefused(
                f"The first {known.size} events are no longer those that were signed.", code="tree_differs"
            )


def intend(organization_id: UUID, old: Head, new: Head, line: int = 1) -> None:
    """Remember, before the database commits, what is about to be signed."""
    _store(organization_id, State(signed=old, pending=new, line=line))


def confirm(organization_id: UUID, head: Head, line: int = 1) -> None:
    """Remember, after the database has committed, that it was signed."""
    _store(organization_id, State(signed=head, line=line))


def begin_line(organization_id: UUID, head: Head, line: int) -> None:
    """Go on from `head` under a new line. What was signed before is kept beside, and never signed again."""
    path = _path(organization_id)
    if path.exists():
        kept = path.with_suffix(f".before-line-{line}")
        if not kept.exists():
            os.link(path, kept)
    _store(organization_id, State(signed=head, line=line))


def forget(organization_id: UUID) -> None:
    """Forget an organization whose history is gone by right, which only the sample's ever is."""
    for path in Path(settings.CLEARHOLD_SIGNER_DIR).glob(f"{organization_id}.*"):
        path.unlink(missing_ok=True)


def known_organizations() -> list[UUID]:
    """The organizations this signer has signed for."""
    return [UUID(path.stem) for path in sorted(Path(settings.CLEARHOLD_SIGNER_DIR).glob("*.json"))]


def _acceptable(state: State, head: Head) -> list[Head]:
    # A pending head that the database does not hold was never committed, so nobody has seen it.
    if state.pending and head.size > state.signed.size:
        return [state.signed, state.pending]
    return [state.signed]


def _store(organization_id: UUID, state: State) -> None:
    path = _path(organization_id)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    pending = _plain(state.pending) if state.pending else None
    with draft.open("w") as file:
        json.dump({"signed": _plain(state.signed), "pending": pending, "line": state.line}, file)
        file.flush()
        os.fsync(file.fileno())
    crashing.point("signer.drafted")
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _path(organization_id: UUID) -> Path:
    return Path(settings.CLEARHOLD_SIGNER_DIR) / f"{organization_id}.json"


def _plain(head: Head) -> dict[str, object]:
    return {"size": head.size, "root": head.root.hex()}


def _head(raw: dict[str, object]) -> Head:
    return Head(int(str(raw["size"])), bytes.fromhex(str(raw["root"])))
