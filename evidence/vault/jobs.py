"""The long work of the vault as durable jobs, each with progress and a safe point to stop at every file."""

from typing import Any

from celery import shared_task

from evidence.actors import Actor
from evidence.vault import checking, moving, rotation

SCRUB, VERIFY, REWRAP, MOVE = "vault.scrub", "vault.verify", "vault.rewrap", "vault.move"


@shared_task(name=SCRUB, bind=True)  # type: ignore[untyped-decorator]
def scrub(self: Any, job: Any, *, actor: Actor) -> dict[str, Any]:
    """Today's share of the files, read and hashed again."""
    return dict(checking.scrub(actor=actor, inside=self.inside, watch=self.progress).counts())


@shared_task(name=VERIFY, bind=True)  # type: ignore[untyped-decorator]
def verify(self: Any, job: Any, *, actor: Actor) -> dict[str, Any]:
    """Every file, read and hashed again."""
    return dict(checking.verify_everything(actor=actor, inside=self.inside, watch=self.progress).counts())


@shared_task(name=REWRAP, bind=True)  # type: ignore[untyped-decorator]
def rewrap(self: Any, job: Any, *, actor: Actor) -> dict[str, Any]:
    """Every data key under the current key."""
    return {"files": rotation.rewrap_all(actor=actor, inside=self.inside, watch=self.progress)}


@shared_task(name=MOVE, bind=True)  # type: ignore[untyped-decorator]
def move(self: Any, job: Any, *, actor: Actor, to: str) -> dict[str, Any]:
    """Every file to the store `to`."""
    return moving.move_all(to, actor=actor, inside=self.inside, watch=self.progress).counts()
