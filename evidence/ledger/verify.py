#!/usr/bin/env python3
"""Checks an evidence package without the portal that made it: offline, with Python 3.9 or newer and nothing else.

    python3 verify.py PKG-0002-issue-1.pdf --key KEY --earlier PKG-0001-issue-1.pdf

A package is a PDF, or a folder with the files attached to it. Keep the proof (PDF.tlog-proof) beside the PDF, or in the
folder. KEY is the organization's public key, got by another way than the package: "name+hash+base64", a file with it or
with a PEM key, or the key's SHA-256 fingerprint (of its 32 bytes).

Checked, in this order; the first thing that is wrong is named:
  file         the fingerprint in the PDF fits every byte up to its end; signatures (PAdES) may stand behind it
  manifest     the manifest is the one whose hash the PDF carries
  attachments  every file has the size and SHA-256 that the manifest lists, and there is no other
  checkpoint   the head of the event history is signed by the key (Ed25519, C2SP signed note)
  events       every enclosed event stands in the history under that checkpoint (RFC 9162 Merkle tree), no version missing
  rows         what the package prints is what those events say: histories, texts, states, decisions, exhibits
  approval     a sealed package holds exactly the rows that were approved
  consistency  the history continues the one of the package before, and of every --earlier
  proof        the history recorded the SHA-256 of exactly this PDF, signatures and all

Exit code 0: all of it holds. 1: something was altered. 2: it cannot be read, or cannot be checked in full.
It cannot show that a file was true at its source, that people are who they said, or that nothing was left unrecorded.
"""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import json
import re
import sys
import zipfile
import zlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

FORMAT, HOLDS, ALTERED, UNREADABLE = "clearhold-manifest/2", 0, 1, 2
LEFT = (".pdf.tlog-proof", ".exhibits.zip")  # what may lie beside the files of a package
VERDICTS, MARKS = ("holds", "altered", "unreadable"), ("holds", "ALTERED", "unread")


class Altered(Exception):
    """Something is not what it was."""


class Unreadable(Exception):
    """Something is not there, or not in a form that can be read."""


#: What reading a malformed file can raise; it never passes for a result.
MALFORMED = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


unbase64 = functools.partial(base64.b64decode, validate=True)


# --- Ed25519 (RFC 8032): only the check of a signature, so nothing here is secret ---------------------------------------
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]
NEUTRAL: Point = (0, 1, 1, 0)


def add(one: Point, other: Point) -> Point:
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % P, (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def point(raw: bytes) -> Point | None:
    """The point that 32 bytes name; None when they name none."""
    sign, y = divmod(int.from_bytes(raw, "little"), 1 << 255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if len(raw) != 32 or y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P


BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or NEUTRAL


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature of the message is that of the public key."""
    key, scalar = point(public), int.from_bytes(signature[32:], "little")
    if key is None or len(signature) != 64 or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    minus_key = (P - key[0], key[1], 1, P - key[3])
    steps = {(0, 0): NEUTRAL, (0, 1): minus_key, (1, 0): BASE, (1, 1): add(BASE, minus_key)}
    reached = NEUTRAL
    for bit in range(252, -1, -1):
        reached = add(add(reached, reached), steps[scalar >> bit & 1, challenge >> bit & 1])
    inverse = pow(reached[2], -1, P)
    x, y = reached[0] * inverse % P, reached[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


# --- keys and signed notes (C2SP signed-note, tlog-checkpoint) ----------------------------------------------------------
DER_HEAD = bytes.fromhex("302a300506032b6570032100")  # what stands before the 32 bytes of an Ed25519 key in DER
PEM = re.compile("-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", re.DOTALL)


#: A public key; an empty name stands for any.
class Key(NamedTuple):
    name: str
    public: bytes

    @property
    def fingerprint(self) -> str:
        return sha256(self.public).hex()

    def id(self, name: str) -> bytes:
        return sha256(name.encode(), b"\n\x01", self.public)[:4]


def parse_key(text: str) -> Key:
    name, stated, encoded = text.strip().split("+", 2)
    raw = unbase64(encoded)
    key = Key(name, raw[1:])
    if len(raw) != 33 or raw[:1] != b"\x01" or key.id(name).hex() != stated:
        raise Unreadable(f"“{text.strip()[:60]}” is no Ed25519 key, or not the one of the hash in it")
    return key


def chosen_keys(given: Sequence[str], stated: Sequence[Key]) -> list[Key]:
    """The keys to believe: those given; a fingerprint is looked up among the stated ones."""
    keys: list[Key] = []
    for text in given:
        digits = re.sub(r"^sha-?256:|[\s:]", "", text.strip().lower())
        if re.fullmatch(r"[0-9a-f]{64}", digits):
            found = [key for key in stated if key.fingerprint == digits]
            if not found:
                raise Altered(f"no key of the package has the fingerprint {digits}; it was signed by somebody else")
            keys += found
        elif re.fullmatch(r"[^+\s]+\+[0-9a-f]{8}\+\S+", text.strip()):
            keys.append(parse_key(text))
        else:
            content = Path(text).read_text("utf-8")
            ders = [unbase64("".join(block.split())) for block in PEM.findall(content)]
            if not all(len(der) == 44 and der.startswith(DER_HEAD) for der in ders):
                raise Unreadable("the file holds another kind of key than Ed25519")
            lines = [line for line in PEM.sub("", content).split("\n") if re.fullmatch(r"\S+\+\S+\+\S+", line.strip())]
            keys += [Key("", der[12:]) for der in ders] + chosen_keys(lines, stated)
            if not keys:
                raise Unreadable(f"there is no key in {text}")
    return keys


#: The signed head of a history: whose it is, how many events, the root over them.
class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes


def open_checkpoint(note: str, keys: Sequence[Key]) -> Checkpoint:
    """What a known key signed. Lines of unknown keys are passed over: witnesses may add theirs."""
    text, gap, lines = note.rpartition("\n\n")
    if not gap or not lines.endswith("\n"):
        raise Unreadable("it is no signed note")
    signed = False
    for line in lines[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        raw = unbase64(encoded)
        if dash != "\u2014" or len(raw) < 5:
            raise Unreadable("a signature line is a dash, a name and a signature")
        for key in keys:
            if key.name in ("", name) and key.id(name) == raw[:4]:
                if not is_signed(key.public, (text + "\n").encode(), raw[4:]):
                    raise Altered(f"the signature of {name} does not belong to this text")
                signed = True
    if not signed:
        raise Altered("it is signed by no key that is known here; give a newer key of the same portal as another --key")
    origin, size, root = text.split("\n")[:3]
    if not re.fullmatch("0|[1-9][0-9]*", size) or len(unbase64(root)) != 32:
        raise Unreadable("a checkpoint has an origin, a size and a root")
    return Checkpoint(origin, int(size), unbase64(root))


# --- the Merkle tree (RFC 9162) -----------------------------------------------------------------------------------------
def split(count: int) -> int:
    """How many of so many leaves stand under the left child: the largest power of two below."""
    return 1 << (count - 1).bit_length() - 1


def leads(climb: Callable[[], object], goal: object, rest: list[bytes]) -> bool:
    """Whether climbing reaches the goal and uses up all hashes of the proof."""
    try:
        return climb() == goal and not rest
    except IndexError:
        return False


def stand_in(head: Checkpoint, leaves: Sequence[tuple[int, bytes]], hashes: Sequence[bytes]) -> bool:
    """Whether leaves by rising index stand in a tree; the hashes are of the subtrees beside their paths, from below."""
    indexes, rest = [index for index, _ in leaves], list(hashes)

    def climb(start: int, end: int, first: int, last: int) -> bytes:
        if end - start == 1:
            return leaves[first][1]
        middle = start + split(end - start)
        cut = bisect_left(indexes, middle, first, last)
        beside = rest.pop() if cut in (first, last) else b""
        left = beside if cut == first else climb(start, middle, first, cut)
        return sha256(b"\x01", left, beside if cut == last else climb(middle, end, cut, last))

    rising = indexes == sorted(set(indexes)) and all(0 <= index < head.size for index in indexes[:1] + indexes[-1:])
    return bool(indexes) and rising and leads(lambda: climb(0, head.size, 0, len(leaves)), head.root, rest)


def is_continued(old: Checkpoint, new: Checkpoint, hashes: Sequence[bytes]) -> bool:
    """Whether the tree of `new` begins with the tree of `old`: one climb gives the roots of both."""
    rest = list(hashes)

    def climb(kept: int, size: int, is_old: bool) -> tuple[bytes, bytes]:
        if kept == size:
            return (old.root, old.root) if is_old else (rest[-1], rest.pop())
        left, beside = split(size), rest.pop()
        before, after = climb(kept, left, is_old) if kept <= left else climb(kept - left, size - left, False)
        if kept <= left:
            return before, sha256(b"\x01", after, beside)
        return sha256(b"\x01", beside, before), sha256(b"\x01", beside, after)

    return 0 < old.size <= new.size and leads(lambda: climb(old.size, new.size, True), (old.root, new.root), rest)


def read_proof(text: str, *words: str) -> tuple[list[str], list[bytes], str]:
    """Read a proof that begins with these words, a line each: what follows them, the hashes, the checkpoint."""
    top, gap, note = text.partition("\n\n")
    lines = top.split("\n")
    if not gap or len(lines) < len(words) or not all(line.startswith(word) for line, word in zip(lines, words)):
        raise Unreadable(f"a proof begins with “{words[0]}”")
    hashes = [unbase64(line) for line in lines[len(words) :] if line]
    if any(len(each) != 32 for each in hashes):
        raise Unreadable("the hashes of a proof are SHA-256")
    return [line[len(word) :] for line, word in zip(lines, words)], hashes, note


def spread(text: str) -> list[int]:
    spans = [[int(part) for part in span.split("-", 1)] for span in text.split()]  # such as “3 5-9”
    return [number for span in spans for number in range(span[0], min(span[-1], span[0] + (1 << 24)) + 1)]


# --- the PDF ------------------------------------------------------------------------------------------------------------
IDENTIFIERS = re.compile(rb"/ID\s*\[\s*<([0-9a-fA-F]{32})>\s*<([0-9a-fA-F]{32})>\s*\]")


def whole(data: bytes) -> tuple[str, int]:
    """The first half of /ID, cut from the manifest's SHA-256, and where the revision ends that the second half closes:
    it is cut from that revision's SHA-256, itself blanked. Signatures alone stand behind, in revisions of their own."""
    found = list(IDENTIFIERS.finditer(data, max(0, len(data) - (1 << 24))))
    for each in found[:9]:
        (start, end), close = each.span(2), data.find(b"%%EOF\n", each.end()) + 6
        if sha256(data[:start], b"0" * 32, data[end:close]).hex()[:32] == each[2].lower().decode():
            if data[close:] and b"/ByteRange" not in data[close:]:
                raise Altered("the bytes of the PDF go on behind its end, and are no signature")
            return each[1].lower().decode(), close
    said = "the bytes of the PDF are not those that were closed with its fingerprint"
    raise Altered(said if found else "the PDF has no fingerprint: it was not made by the portal, or its end is missing")


def attached(data: bytes, close: int) -> Iterator[bytes]:
    """Every attached file. Streams are passed over one by one, so what stands inside one is not taken for another."""
    at = 0
    while (end := data.find(b">>\nstream\n", at, close)) >= 0:
        about = data[data.rfind(b" obj\n", at, end) : end]
        length = re.search(rb"/Length (\d+)(?! \d+ R)", about)
        if length is None or (at := end + 10 + int(length[1])) > close:
            raise Unreadable("the PDF was written again by another program, or a part of it says that it is longer")
        if b"/Type /EmbeddedFile" in about:
            raw, engine, is_packed = data[end + 10 : at], zlib.decompressobj(), b"/Filter /FlateDecode" in about
            yield engine.decompress(raw, 1 << 31) if is_packed else raw
            if is_packed and (engine.unused_data or not engine.eof):
                raise Unreadable("an attached file is not whole, or has more than 2 GiB")


# --- a package and the checks of it -------------------------------------------------------------------------------------
#: Events of findings that are not printed as rows; texts and verdicts as events name them and as rows do.
UNPRINTED = ("finding.drafted", "finding.edited")
TEXTS = {"title": "title", "description": "condition", "root_cause": "cause", "scope_check": "extent"}
VOTES = {"approve": "approval.approved", "reject": "approval.rejected"}


class Check(NamedTuple):
    name: str
    verdict: int
    words: str


class Package:
    """A package: its files, from the PDF or a folder; all checks of it, in order; and what no check covers."""

    def __init__(self, path: Path, given: Sequence[str] = ()) -> None:
        self.path, self.given, self.data, self.first, self.sha256 = path, given, b"", "", ""
        self.closed = self.texts = 0
        self.checks: list[Check] = []
        self.uncovered: list[str] = []
        self.files: dict[str, bytes] = {}
        self.enclosed: dict[int, tuple[bytes, dict[str, Any]]] = {}
        self.manifest: dict[str, Any] = {}
        self.old: Checkpoint | None = None
        proofs = sorted(path.glob("*.pdf.tlog-proof"))
        self.proof = proofs[0] if len(proofs) == 1 else path.with_name(path.name + ".tlog-proof")
        self.folder, stem = (path, "*") if path.is_dir() else (path.parent, path.stem)
        self.volumes = list(self.folder.glob(f"{stem}.exhibits.zip"))

    @property
    def first_wrong(self) -> Check | None:
        """Altered weighs most: what was changed may also have become unreadable in places."""
        return min((each for each in self.checks if each.verdict), key=lambda each: each.verdict, default=None)

    @property
    def verdict(self) -> int:
        return self.first_wrong.verdict if self.first_wrong else HOLDS

    def run(self, name: str, step: Callable[[], str]) -> None:
        try:
            verdict, words = HOLDS, step()
        except (Altered, Unreadable) as fault:
            verdict, words = (ALTERED if isinstance(fault, Altered) else UNREADABLE), str(fault)
        except (*MALFORMED, zlib.error, zipfile.BadZipFile) as fault:
            verdict, words = UNREADABLE, f"it is not of the form it must have, {type(fault).__name__}: {fault}"
        if words:
            self.checks.append(Check(name, verdict, words[:1].upper() + words[1:] + "."))

    def read(self) -> str:
        if self.path.is_dir():
            kept = (each for each in self.path.iterdir() if each.is_file() and not each.name.endswith(LEFT))
            self.files = {each.name: each.read_bytes() for each in kept}
            return f"A folder with {len(self.files)} files"
        self.data = self.path.read_bytes()
        self.sha256 = sha256(self.data).hex()
        if b"%PDF-" not in self.data[:1024]:
            raise Unreadable("this is not a PDF")
        self.first, self.closed = whole(self.data)
        behind = len(self.data) - self.closed
        return f"The fingerprint over every byte of the PDF{f' up to its {behind:,} bytes of signatures' if behind else ''} fits"

    def open(self) -> str:
        """Find the manifest and the files that it lists: in a PDF by their hashes, in a folder by their names."""
        inside = {sha256(data).hex(): data for data in attached(self.data, self.closed)}
        found = [data for digest, data in inside.items() if digest[:32] == self.first]
        raw = found[0] if found else self.files.pop("manifest.json", b"")
        if inside and not found:
            raise Altered("the manifest is not the one that this PDF was made with")
        if not raw:
            raise Unreadable("there is no manifest: this is not a package, or its attachments were removed")
        self.manifest_sha256, manifest = sha256(raw).hex(), json.loads(raw)
        if manifest["format"] != FORMAT or not manifest["ledger"]:
            raise Unreadable(f"this program reads packages with a manifest {FORMAT} and a checkpoint of the history")
        self.about = {name: manifest["package"][name] for name in ("ref", "issue", "state")}
        named = re.match(r"([A-Z]+-\d+)-issue-(\d+)", self.path.name)
        if named and named.groups() != (self.about["ref"], str(self.about["issue"])):
            raise Altered(f"the file is named {named[0]}, but it is issue {self.about['issue']} of {self.about['ref']}")
        self.manifest, self.ledger = manifest, manifest["ledger"]
        if self.data:
            self.files = {item["path"]: inside.get(item["sha256"], b"") for item in manifest["files"]}
        self.strangers = len(inside.keys() - {self.manifest_sha256, *(item["sha256"] for item in manifest["files"])})
        self.stated = [parse_key(text) for text in self.ledger["keys"]]
        self.trusted = chosen_keys(self.given, self.stated) or self.stated
        return f"The manifest of {self.about['ref']}, issue {self.about['issue']}: SHA-256 {self.manifest_sha256}"

    def text(self, name: str) -> str:
        if name not in self.files:
            raise Altered(f"the file {name} is missing")
        return self.files[name].decode()

    def attachments(self) -> str:
        items = self.manifest["files"]
        apart = {item["path"]: item["sha256"] for item in items if not item["attached"]}
        for item in items:
            data = self.files.get(item["path"], b"")
            if item["attached"] and (len(data) != item["size"] or sha256(data).hex() != item["sha256"]):
                raise Altered(f"the file {item['path']} is missing, or not the one that the manifest lists")
        if self.strangers:
            raise Altered(f"{self.strangers} attached files are not listed in the manifest")
        for place in (self.folder, *map(zipfile.Path, self.volumes)):
            for name in [name for name in apart if (place / name).is_file()]:
                if sha256((place / name).read_bytes()).hex() != apart.pop(name):
                    raise Altered(f"the file {name} in {place} is not the one that the manifest lists")
        self.uncovered += [f"{name} is listed but kept apart from the package" for name in sorted(apart)]
        return f"{len(items) - len(apart)} of {len(items)} listed files are there, byte for byte"

    def checkpoint(self) -> str:
        self.head = open_checkpoint(self.text("checkpoint"), self.trusted)
        stated = (self.ledger["origin"], self.ledger["tree_size"], self.ledger["root"])
        if (self.head.origin, self.head.size, self.head.root.hex()) != stated:
            raise Altered("the checkpoint is another one than the manifest names")
        return f"{self.head.size:,} events stand under the signed checkpoint"

    def events(self) -> str:
        """Each enclosed event stands in the tree; of no object's versions one is missing without being named."""
        if "events.proof" not in self.files:
            return "no events are enclosed"
        said, hashes, note = read_proof(self.text("events.proof"), "clearhold/tlog-multi-proof@v1", "indexes ")
        bodies, indexes = self.files["events.ndjson"].split(b"\n"), spread(said[1])
        if note != self.text("checkpoint") or bodies.pop() != b"" or len(bodies) != len(indexes):
            raise Altered("the proof of the events belongs to other events or to another checkpoint")
        leaves = [(index, sha256(b"\x00", body)) for index, body in zip(indexes, bodies)]
        if not stand_in(self.head, leaves, hashes):
            raise Altered("the enclosed events do not stand under the checkpoint")
        versions: dict[str, list[int]] = defaultdict(list)
        for (index, hashed), body in zip(leaves, bodies):
            event = json.loads(body)
            if event["organization"] not in self.head.origin.split("/"):
                raise Altered(f"event {index} belongs to another organization")
            versions[event["object"]["id"]].append(event["object"]["version"])
            self.enclosed[index] = (hashed, event)
        withheld = {key: spread(spans) for key, spans in self.ledger["withheld"].items()}
        for key, found in versions.items():
            for number, version in enumerate(sorted(found + withheld.get(key, [])), 1):
                if number != version:
                    raise Altered(f"version {number} of the object {key} is missing, or there twice")
        hidden = sum(map(len, withheld.values()))
        apart = f"; {hidden:,} more (comments, views, downloads) are named but not enclosed" if hidden else ""
        return f"{len(self.enclosed):,} events of {len(versions):,} objects stand under the checkpoint{apart}"

    def rows(self) -> str:
        rows, self.salts = json.loads(self.text("snapshot.json")), json.loads(self.files.get("salts.json", b"{}"))
        by_ref: dict[str, list[int]] = defaultdict(list)
        for index, (_, event) in self.enclosed.items():
            by_ref[event["object"]["type"] + " " + event["object"]["ref"]].append(index)
        for finding in rows["findings"]:
            self.finding(finding, {n: self.enclosed[n][1] for n in by_ref["findings.finding " + finding["ref"]]})
        for exhibit in rows["exhibits"]:
            facts = [self.enclosed[index][1]["facts"] for index in by_ref["artifacts.artifact " + exhibit["number"]]]
            if not any(each.get("after", {}).get("sha256") == exhibit["sha256"] for each in facts):
                raise Altered(f"no event records {exhibit['number']} with the SHA-256 that is printed")
        printed = sum(len(finding["history"]) for finding in rows["findings"])
        return f"{printed:,} printed events, {self.texts:,} texts, {len(rows['exhibits']):,} exhibits are the history's"

    def finding(self, row: dict[str, Any], events: dict[int, dict[str, Any]]) -> None:
        ref, lines = row["ref"], {line["number"]: line for line in row["history"]}
        for index, line in lines.items():
            event = events.get(index)
            if event is None or self.enclosed[index][0].hex() != line["leaf"] or event["kind"] != line["kind"]:
                raise Altered(f"{ref}: the event printed as number {index} is not in the history")
            if event["at"][:19] + "Z" != line["at"]:
                raise Altered(f"{ref}: event {index} happened at another time than is printed")
            if line["reason"]:
                self.says(index, "reason", line["reason"], ref)
        for index, event in events.items():
            if event["kind"] not in UNPRINTED and index not in lines:
                raise Altered(f"{ref}: event {index} is enclosed but not printed")
        for name, field in TEXTS.items():
            written = [index for index, event in events.items() if name in event["facts"].get("texts", {})]
            if written and row[field]:
                self.says(written[-1], name, row[field], f"{ref}, {field}")
        afters = [each["facts"].get("after", {}) for each in events.values() if each["kind"].startswith("finding.")]
        if [each["state"] for each in afters if "state" in each][-1:] not in ([], [row["state"]]):
            raise Altered(f"{ref}: the history says another state than {row['state']}")
        votes = [event for event in events.values() if event["kind"] in VOTES.values()]
        asked = [each for request in row["requests"] for each in request["decisions"]]
        printed = [(VOTES[each["verdict"]], each["content_sha256"]) for each in asked]
        if sorted((each["kind"], each["facts"]["data"]["content_sha256"]) for each in votes) != sorted(printed):
            raise Altered(f"{ref}: the printed decisions are not those of the history")

    def says(self, index: int, name: str, text: str, where: str) -> None:
        salt = self.salts.get(str(index), {}).get(name)
        if name not in self.enclosed[index][1]["facts"].get("texts", {}):
            raise Altered(f"{where}: a text is printed that event {index} does not hold")
        if salt is None:
            self.uncovered.append(f"{where}: that this text is the one of event {index} can't be shown; it was erased")
        elif sha256(bytes.fromhex(salt), text.encode()).hex() != self.enclosed[index][1]["facts"]["texts"][name]:
            raise Altered(f"{where}: the printed text is not the one that event {index} holds")
        else:
            self.texts += 1

    def recorded(self, text: str) -> tuple[int, dict[str, Any], Checkpoint]:
        """The event of this package that a tlog-proof carries in its extra line, once it stands under its checkpoint."""
        said, hashes, note = read_proof(text, "c2sp.org/tlog-proof@v1", "extra ", "index ")
        head = open_checkpoint(note, self.trusted)
        body, index = unbase64(said[1]), int(said[2])
        if not stand_in(head, [(index, sha256(b"\x00", body))], hashes):
            raise Altered("the event of the proof does not stand under its checkpoint")
        event = json.loads(body)
        if head.origin != self.head.origin or index < self.head.size or event["object"]["ref"] != self.about["ref"]:
            raise Altered("the proof is of another history, of an earlier event, or of another package")
        return index, event, head

    def approval(self) -> str:
        """Without the approver's name and the seal, the rows are those of the approval's event."""
        if self.about["state"] != "sealed":
            return ""
        index, event, _ = self.recorded(self.text("approval.tlog-proof"))
        rows = json.loads(self.text("snapshot.json"))
        rows["identity"].update(state="draft", approved_by="", approved_at=None)
        draft = json.dumps(rows, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        if event["kind"] != "package.approved" or event["facts"]["after"]["snapshot_sha256"] != sha256(draft).hex():
            raise Altered("what was approved are other rows than those of this package")
        return f"Event {index:,} approved exactly these rows"

    def consistency(self) -> str:
        before = self.manifest["previous"]
        if before is None:
            return ""
        said, hashes, note = read_proof(self.text("consistency.proof"), "old ")
        # Older checkpoints may be signed by older keys, which the manifest names; its hash stands in the proof's event.
        self.old = open_checkpoint(self.text("previous.checkpoint"), [*self.trusted, *self.stated])
        known = (self.old.origin, self.old.size) == (self.head.origin, int(said[0])) and note == self.text("checkpoint")
        if not known or not is_continued(self.old, self.head, hashes):
            raise Altered("the history does not continue the one of the package before")
        return f"The history continues the {self.old.size:,} events of {before['ref']}, issue {before['issue']}"

    def earlier(self, path: Path) -> str:
        other = Package(path, self.given)
        if path.is_dir() or path.read_bytes()[:5] == b"%PDF-":
            other.read()
            other.open()
        note = other.text("checkpoint") if other.files else path.read_text("utf-8")
        old = open_checkpoint(note, [*self.trusted, *self.stated])
        known = [head for head in (self.head, self.old) if head and head.size == old.size]
        if old.origin != self.head.origin or (known and known[0].root != old.root):
            raise Altered(f"{path.name} was made from another history: two were signed")
        if not known:
            name = path.name + ", which is newer: check that, with this as the earlier" * (old.size > self.head.size)
            raise Unreadable(f"the package holds no proof that it continues the {old.size:,} events of {name}")
        return f"The history continues that of {path.name}"

    def proven(self) -> str:
        index, event, head = self.recorded(self.proof.read_text("utf-8"))
        after = event["facts"]["after"]
        if after["manifest_sha256"] != self.manifest_sha256 or (self.data and after["sha256"] != self.sha256):
            raise Altered("the history recorded another SHA-256 for this package")
        what = "file" if self.data else "manifest"
        return f"Event {index:,} records exactly this {what}, under a checkpoint of {head.size:,}"

    def plain(self) -> dict[str, Any]:
        about = self.about if self.manifest else {"ref": "", "issue": None}
        facts = {"file": str(self.path), "package": about["ref"], "issue": about["issue"], "sha256": self.sha256}
        facts["checks"] = [{**each._asdict(), "verdict": VERDICTS[each.verdict]} for each in self.checks]
        wrong = self.first_wrong.name if self.first_wrong else None
        ended = {"verdict": VERDICTS[self.verdict], "ok": self.verdict == HOLDS, "wrong": wrong}
        return {**facts, "uncovered": self.uncovered, **ended}

    def told(self) -> str:
        lines = [f"{MARKS[each.verdict]:8} {each.name:12} {each.words}" for each in self.checks]
        lines += [f"note {'':16} {words}" for words in self.uncovered]
        start = ("All of it holds", "Something was altered", "It cannot be checked in full")[self.verdict]
        end = f"the first thing, {self.first_wrong.name}: {self.first_wrong.words}" if self.first_wrong else self.sha256
        return "\n".join([*lines, f"{start}; {end}"])


def check(path: Path, *, keys: Sequence[str] = (), earlier: Sequence[Path] = (), partial: bool = False) -> Package:
    """Check a package and all it carries. What is wrong with it stands in the answer; nothing is raised."""
    package = Package(path, keys)
    package.run("file", package.read)
    if not package.verdict:
        package.run("manifest", package.open)
    if package.verdict:
        return package
    for name in ("attachments", "checkpoint", "events", "rows", "approval", "consistency"):
        package.run(name, getattr(package, name))
        if name in ("checkpoint", "events") and package.checks[-1].verdict:
            return package  # what follows would rest on it
    for kept in earlier:
        package.run("consistency", functools.partial(package.earlier, kept))
    if package.proof.is_file() or not partial:
        package.run("proof", package.proven)
    else:
        part = f"; only its first {package.closed:,} bytes are checked" if package.closed < len(package.data) else ""
        package.uncovered.append(f"{package.proof.name} is not there: that the history recorded it is not shown{part}")
    if not keys:
        prints = ", ".join(key.fingerprint for key in package.stated)
        package.uncovered.append(f"the public key comes from the package itself; compare its fingerprint: {prints}")
    return package


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("package", type=Path, help="the PDF, or a folder with its files")
    parser.add_argument("--key", action="append", default=[], help="the public key, its file or its fingerprint")
    parser.add_argument("--earlier", action="append", default=[], type=Path, help="an earlier package or checkpoint")
    parser.add_argument("--partial", action="store_true", help="accept that the proof is not beside the file")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(words)
    package = check(options.package, keys=options.key, earlier=options.earlier, partial=options.partial)
    text = json.dumps(package.plain(), ensure_ascii=False, indent=1) if options.json else package.told()
    sys.stdout.buffer.write(text.encode() + b"\n")
    return package.verdict


if __name__ == "__main__":
    sys.exit(main())
