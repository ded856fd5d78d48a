"""The states of an engagement and the moves between them."""

from evidence.errors import WrongState
from portal.engagements.models import State

MOVES: dict[str, tuple[str, ...]] = {
    State.PLANNED: (State.OPEN,),
    State.OPEN: (State.CLOSED,),
    State.CLOSED: (State.OPEN,),
}


def check(current: str, wanted: str) -> None:
    if wanted not in MOVES.get(current, ()):
        raise WrongState(f"An engagement that is {State(current).label.lower()} cannot become {wanted}.")
