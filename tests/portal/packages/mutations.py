"""What can be wrong with a sealed and signed package and the files beside it, each with what every check must answer.

A case is the files that somebody would have, by name; the first is the package. `wrong` names the first check that says no,
`key` whether the reader knows the organization's key.
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pikepdf
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyhanko.pdf_utils.generic import DictionaryObject, NameObject, NumberObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from evidence.ledger import notes, verify
from portal.packages import binding
from tests.portal.packages.proven import Kept

HOLDS, ALTERED, UNREADABLE = "holds", "altered", "unreadable"


@dataclass(frozen=True)
class Case:
    title: str
    files: dict[str, bytes]
    verdict: str
    wrong: str | None = None
    words: str = ""
    key: bool = True
    earlier: bytes | None = None
    # What the portal's own check, which reads the PDF with another library too, finds besides.
    deeper: tuple[str, str] | None = None


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def cases(kept: Kept) -> Iterator[Case]:
    first, second = kept.first.read_bytes(), kept.second.read_bytes()
    name, proof_name, volume_name = (
        kept.second.name,
        f"{kept.second.name}.tlog-proof",
        f"{kept.second.stem}-exhibits.pdf",
    )
    proof, volume = (kept.folder / proof_name).read_bytes(), (kept.folder / volume_name).read_bytes()
    old_proof = (kept.folder / f"{kept.first.name}.tlog-proof").read_bytes()
    old_volume = (kept.folder / f"{kept.first.stem}-exhibits.pdf").read_bytes()
    closed = verify.whole(second)[1]

    def case(title, pdf, verdict, wrong=None, words="", **more) -> Case:
        files = {name: pdf, proof_name: proof, volume_name: volume} | more.pop("files", {})
        return Case(
            title, {key: data for key, data in files.items() if data is not None}, verdict, wrong, words, **more
        )

    yield case("as it was made", second, HOLDS)
    yield case("without its volume", second, HOLDS, files={volume_name: None})
    yield case("without its proof", second, UNREADABLE, "proof", files={proof_name: None})
    # Behind the signatures.
    recorded = "recorded another SHA-256"
    yield case("a byte behind the signatures", second + b"\n", ALTERED, "proof", recorded)
    yield case("a file behind the signatures", second + first, ALTERED, "proof", recorded)
    yield case("an incremental update", updated(second), ALTERED, "proof", recorded)
    yield case("an incremental update that exchanges attachments", exchanged(second), ALTERED, "proof", recorded)
    # The signatures and what they cover.
    for title, place in (
        ("the signature", closed + (len(second) - closed) // 4),
        ("the archive time-stamp", len(second) - 3000),
    ):
        yield case(f"a bit of {title}", flipped(second, place), ALTERED, "proof", recorded)
    yield case("the signatures cut off", second[:closed], ALTERED, "proof", recorded)
    yield case(
        "the archive time-stamp cut off", second[: second.rindex(b"%%EOF", 0, -10) + 6], ALTERED, "proof", recorded
    )
    yield case(
        "the signatures of the issue before",
        second[:closed] + first[verify.whole(first)[1] :],
        ALTERED,
        "proof",
        recorded,
    )
    yield case("a bit of a page", flipped(second, second.index(b"stream\n") + 20), ALTERED, "file", "fingerprint")
    for title, size in (("half of it", len(second) // 2), ("all but the last byte of what was closed", closed - 1)):
        yield case(title, second[:size], ALTERED, "file", "fingerprint")
    yield case("nothing", b"", UNREADABLE, "file", "not a PDF")
    yield case("its beginning cut off", second[1000:], UNREADABLE, "file", "not a PDF")
    # Other proofs, other issues.
    yield case(
        "the proof of another issue", second, ALTERED, "proof", "an earlier event", files={proof_name: old_proof}
    )
    yield case("an older issue under the newest's name", first, ALTERED, "manifest", "named PKG-0001-issue-2, but it is issue 1",
               files={proof_name: old_proof, volume_name: old_volume})  # fmt: skip
    yield case("a newer package given as the earlier", first, UNREADABLE, "consistency", "newer", earlier=second, files={
        name: None, proof_name: None, volume_name: None, kept.first.name: first, f"{kept.first.name}.tlog-proof": old_proof,
    })  # fmt: skip
    yield case("the issue before given as the earlier", second, HOLDS, earlier=first)
    # The volume beside it.
    yield case(
        "the volume of another issue", second, ALTERED, "attachments", volume_name, files={volume_name: old_volume}
    )
    yield case(
        "a bit of the volume", second, ALTERED, "attachments", volume_name, files={volume_name: flipped(volume, 999)}
    )
    yield case("an empty volume", second, ALTERED, "attachments", volume_name, files={volume_name: b""})
    yield case(
        "the package as its own volume", second, ALTERED, "attachments", volume_name, files={volume_name: second}
    )
    yield from forged(kept, second, case)


def forged(kept: Kept, second: bytes, case) -> Iterator[Case]:
    """By somebody who closes the PDF anew, and mends what he can."""
    recorded = "recorded another SHA-256"
    yield case("an attachment renamed", anew(second, renamed), ALTERED, "proof", recorded)
    yield case("an attachment renamed, without the proof", anew(second, renamed), UNREADABLE, "proof",
               files={f"{kept.second.name}.tlog-proof": None}, deeper=(ALTERED, "names"))  # fmt: skip
    yield case(
        "an attachment that the manifest does not list", anew(second, added), ALTERED, "attachments", "1 attached file"
    )
    yield case("an attachment left out", anew(second, removed), ALTERED, "attachments", "register.csv")
    yield case("written again by another program", plainly(second), UNREADABLE, "manifest", "another program")
    for title, length in (("a length above 2 GiB", b"3000000000"), ("a length that no machine has", b"9" * 30)):
        yield case(title, lengthened(second, length), UNREADABLE, "manifest", "longer")
    yield case("an attachment that ends early", shortened(second), UNREADABLE, "manifest", "not whole")
    yield case("a manifest that asks for 2 GiB", anew(second, heavy, mend=True), ALTERED, "attachments", "register.csv")
    stranger = notes.SigningKey(kept.signer.name, Ed25519PrivateKey.from_private_bytes(b"f" * 32))
    by_stranger = anew(second, lambda pdf: signed_by(pdf, stranger), mend=True)
    yield case(
        "a checkpoint signed by a stranger whose key the manifest names", by_stranger, ALTERED, "checkpoint", "no key"
    )
    yield case("the same, for a reader who knows no key", by_stranger, ALTERED, "proof", "no key", key=False)


def updated(data: bytes) -> bytes:
    """One more revision with a new object, as a PDF editor writes it."""
    file = io.BytesIO(data)
    writer = IncrementalPdfFileWriter(file)
    writer.root["/Extra"] = writer.add_object(DictionaryObject({NameObject("/A"): NumberObject(1)}))
    writer.update_root()
    writer.write_in_place()
    return file.getvalue()


def exchanged(data: bytes) -> bytes:
    file = io.BytesIO(data)
    writer = IncrementalPdfFileWriter(file)
    one, other = (each.get_object() for each in list(writer.root["/AF"])[:2])
    one["/EF"], other["/EF"] = other["/EF"], one["/EF"]
    writer.update_container(one), writer.update_container(other)
    writer.write_in_place()
    return file.getvalue()


def anew(data: bytes, change, *, mend: bool = False) -> bytes:
    """Changed, with a fingerprint that fits; with `mend` the manifest fits what is attached, too."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        change(pdf)
        if mend:
            mended(pdf)
        pdf.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return sealed(out.getvalue())


def sealed(data: bytes) -> bytes:
    found = list(binding.IDENTIFIERS.finditer(data))[-1]
    start, end = found.span(2)
    digest = verify.sha256(data[:start], b"0" * 32, data[end:]).hex()[:32].encode()
    return data[:start] + digest + data[end:]


def mended(pdf: pikepdf.Pdf) -> None:
    files = {each: pdf.attachments[each].get_file() for each in pdf.attachments}
    listed = json.loads(files["manifest.json"].read_bytes())
    for item in listed["files"]:
        if item["path"] in files and item.get("size") != 1 << 31:
            told = files[item["path"]].read_bytes()
            item |= {"size": len(told), "sha256": verify.sha256(told).hex()}
    manifest = json.dumps(listed).encode()
    files["manifest.json"].obj.write(manifest)
    pdf.trailer.ID[0] = pikepdf.String(verify.sha256(manifest)[:16])


def renamed(pdf: pikepdf.Pdf) -> None:
    one, other = pdf.attachments["E-001-leavers 1.csv"].obj, pdf.attachments["E-002-leavers 2.csv"].obj
    one.EF, other.EF = other.EF, one.EF


def added(pdf: pikepdf.Pdf) -> None:
    pdf.attachments["extra.txt"] = pikepdf.AttachedFileSpec(pdf, b"more", filename="extra.txt")


def removed(pdf: pikepdf.Pdf) -> None:
    spec = pdf.attachments["register.csv"].obj
    pdf.Root.AF = pikepdf.Array([each for each in pdf.Root.AF if each.objgen != spec.objgen])
    del pdf.attachments["register.csv"]


def heavy(pdf: pikepdf.Pdf) -> None:
    file = pdf.attachments["manifest.json"].get_file()
    listed = json.loads(file.read_bytes())
    next(item for item in listed["files"] if item["path"] == "register.csv")["size"] = 1 << 31
    file.obj.write(json.dumps(listed).encode())


def signed_by(pdf: pikepdf.Pdf, stranger: notes.SigningKey) -> None:
    """Every signed head in the PDF, signed anew; the proof beside it needs the history's own key."""
    for each in ("checkpoint", "events.proof", "consistency.proof", "previous.checkpoint", "approval.tlog-proof"):
        held = pdf.attachments[each].get_file()
        before, gap, head = held.read_bytes().decode().rpartition("\n\n")[0].rpartition("\n\n")
        held.obj.write((before + gap + notes.sign(head + "\n", stranger)).encode())
    file = pdf.attachments["manifest.json"].get_file()
    listed = json.loads(file.read_bytes())
    listed["ledger"]["keys"] = [str(stranger.verifier)]
    listed["ledger"]["key"] = str(stranger.verifier)
    file.obj.write(json.dumps(listed).encode())


def plainly(data: bytes) -> bytes:
    """As another program writes it: the length of each stream stands elsewhere."""
    out = anew(data, lambda pdf: None)
    return sealed(re.sub(rb"/Length (\d)(\d+) ", rb"/Length \1 0 R ", out, count=1))


def lengthened(data: bytes, length: bytes) -> bytes:
    out = anew(data, lambda pdf: None)
    return sealed(re.sub(rb"/Length \d+", b"/Length " + length, out, count=1))


def shortened(data: bytes) -> bytes:
    """An attachment whose stream ends before its data does."""
    out = anew(data, lambda pdf: None)
    place = next(re.finditer(rb"/Type /EmbeddedFile", out)).start()
    at = out.index(b"/Length ", out.rindex(b" obj\n", 0, place)) + 8
    size = re.match(rb"\d+", out[at:])[0]
    return sealed(out[:at] + str(int(size) // 2).zfill(len(size)).encode() + out[at + len(size) :])
