"""How a reader says no, with the place and what would help; the parent turns these into `Invalid` and `TooLarge`."""


class Refusal(Exception):
    """The file can't be imported at all."""

    kind = "invalid"

    def __init__(self, message: str, *, code: str = "", row: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.row = row


class NotReadable(Refusal):
    """The file is broken, or is no file of the kind."""


class Oversized(Refusal):
    """The file asks for more than an import may use."""

    kind = "too_large"
