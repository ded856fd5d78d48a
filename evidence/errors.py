"""How the domain says no: one family of refusals, each with a stable code and a sentence that helps."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class Refused(Exception):
    """A rule of the domain said no. Nothing was saved; the message is meant for the person who asked.

    `rule` is the number of the rule in the rulebook, where it has one.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        help: str | None = None,  # noqa: A002
        details: Mapping[str, Any] | None = None,
        rule: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = code or self.code
        self.help = help
        self.rule = rule
        self.details: dict[str, Any] = ({"rule": rule} if rule else {}) | dict(details or {})


class NotAllowed(Refused):
    """The person lacks the right."""

    code = "not_allowed"
    status = 403


class ReauthenticationRequired(NotAllowed):
    """The act needs a fresh proof of who is there (SECURITY.md section 3)."""

    code = "reauthenticate"


class NotFound(Refused):
    """It does not exist, or not for this person: the two are never told apart."""

    code = "not_found"
    status = 404


class WrongState(Refused):
    """The move does not exist from the state the object is in."""

    code = "wrong_state"


class DutyConflict(Refused):
    """Segregation of duties forbids it: `rule` is its number, `acts` the person's own earlier acts."""

    code = "duty_conflict"

    def __init__(self, message: str, *, rule: str, acts: Sequence[str] = (), help: str | None = None) -> None:  # noqa: A002
        super().__init__(message, help=help, details={"acts": list(acts)}, rule=rule)
        self.acts = list(acts)


class Stale(Refused):
    """Somebody changed the object meanwhile; nothing of the caller's was recorded."""

    code = "stale"
    status = 412


class Invalid(Refused):
    """The input does not fit. `fields` maps a field's name to what is wrong with it."""

    code = "invalid"
    status = 422

    def __init__(
        self,
        message: str,
        *,
        fields: Mapping[str, Sequence[str]] | None = None,
        code: str | None = None,
        help: str | None = None,  # noqa: A002
        details: Mapping[str, Any] | None = None,
        rule: str = "",
    ) -> None:
        super().__init__(message, code=code, help=help, details=details, rule=rule)
        self.fields = {name: list(messages) for name, messages in (fields or {}).items()}


class TooLarge(Refused):
    """The input passes a limit of size."""

    code = "too_large"
    status = 413


class Unavailable(Refused):
    """A part the act needs is away for now; trying again later may work."""

    code = "unavailable"
    status = 503
