"""What WeasyPrint may fetch while it sets a package: the fonts of this folder, the organization's logo, nothing else."""

from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

from portal.packages import fontfiles, typefaces

#: Of a document that is printed in one piece.
VARIANT = "pdf/a-3a"
LOGO = "asset:logo/"


class Refusing(URLFetcher):
    """Serves `asset:NAME` from the package's own folders; anything else stops the printing."""

    def __init__(self, logo: bytes = b"") -> None:
        self._logo = logo
        super().__init__(allowed_protocols=("asset",), allow_redirects=False, fail_on_errors=True)

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
        if url.startswith(LOGO) and self._logo:
            return URLFetcherResponse(url, self._logo, {"Content-Type": "image/png"})
        file = url.removeprefix("asset:fonts/")
        if file == url or file not in {face.file for face in typefaces.faces()}:
            raise FatalURLFetchingError(f"A package may not fetch {url[:200]!r}.")
        return URLFetcherResponse(url, fontfiles.program(file), {"Content-Type": "font/ttf"})
