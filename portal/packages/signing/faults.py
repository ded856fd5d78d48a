"""How signing says no."""

from portal.packages.render import BuildFailed


class NotSigned(BuildFailed):
    """The package could not be signed as the settings say, so it was not sealed."""

    code = "package_not_signed"

    def __init__(self, message: str, *, help: str = "") -> None:  # noqa: A002
        words = help or "Correct the settings CLEARHOLD_SIGN_…, then print the sealed file again."
        super().__init__(f"{message} Nothing was sealed.", help=words)
