"""Signs what was printed for a seal, and keeps who signed with the package that is sealed."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from portal.packages.models import Package
from portal.packages.render import Printed
from portal.packages.signing.models import Signature

if TYPE_CHECKING:
    from portal.packages.signing import pades


class Signing:
    """The signature of one sealed package: made of its printed file, kept with its row in the same transaction."""

    def __init__(self, slug: str) -> None:
        self.slug = slug
        self.signed: pades.Signed | None = None

    def __call__(self, printed: Printed) -> Printed:
        """Sign the file in its place. Raises NotSigned."""
        # They load pyHanko, which only a seal needs.
        from portal.packages.signing import identities, pades

        with identities.lent(self.slug) as identity:
            self.signed = pades.sign(printed.path, identity)
        return replace(printed, sha256=self.signed.sha256, size=self.signed.size)

    def keep(self, package: Package) -> None:
        """Write who signed. The package is sealed already, in the same transaction."""
        facts = asdict(self.signed)  # type: ignore[arg-type]
        for name in ("sha256", "size"):
            del facts[name]
        Signature.objects.create(organization_id=package.organization_id, package=package, **facts)

    def told(self) -> dict[str, Any]:
        """For the event: the level and the certificate by its hash; names stand in the file and in the row."""
        found = self.signed
        return {"signature": {"level": str(found.level), "certificate_sha256": found.certificate_sha256, "own": found.is_own}} if found else {}  # fmt: skip
