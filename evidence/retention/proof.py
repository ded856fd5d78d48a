"""What a decision about destroying or freeing evidence asks of the person: to be one, and to have just proved it."""

from datetime import datetime
from uuid import UUID

from evidence.actors import Actor
from evidence.errors import Invalid, NotAllowed, ReauthenticationRequired

REASON_LIMIT = 2000


def person(actor: Actor) -> UUID:
    """The person who acts. Raises NotAllowed for the product itself: its sweeps only propose."""
    if actor.person_id is None:
        raise NotAllowed("Only a person can do this; the product itself never disposes of anything.")
    return actor.person_id


def fresh(actor: Actor) -> datetime:
    """The moment of a proof of identity not older than a decision may lean on. Raises ReauthenticationRequired."""
    moment = actor.fresh_proof
    if moment is None:
        raise ReauthenticationRequired(
            "This needs a fresh proof that it is you (rule Z-08).", help="Enter your password and send it again."
        )
    return moment


def words(text: str, *, field: str = "reason", hint: str = "Say why, in words.") -> str:
    """A reason that says something. Raises Invalid naming the field."""
    if not text.strip() or len(text) > REASON_LIMIT:
        raise Invalid("Nothing was recorded; a reason is needed.", fields={field: [hint]})
    return text.strip()
