"""Trivy's JSON: vulnerabilities, misconfigurations that FAIL, secrets and licences, of images, file systems and clusters.

Read in two streams: where each target stands (as Trivy writes a target's name before its results), then the items.
"""

from collections.abc import Iterator
from typing import Any

from ijson import ObjectBuilder

from .reader import dates, fingerprints, limits
from .reader.formats import Format, Options, Sample
from .reader.json_stream import events, kind_of, mapping, sequence, word
from .reader.records import Ignored, Reading, Record, RowError, Scanned, names, small
from .reader.severities import rated
from .reader.source import Source
from .reader.text import clean, clean_line

TOOL = "Trivy"
_LISTS = ("Vulnerabilities", "Misconfigurations", "Secrets", "Licenses", "ExperimentalModifiedFindings")
_CLUSTER_LISTS = ("Vulnerabilities", "Misconfigurations", "Resources", "Findings")
_PENDING = 20_000
_KNOWN_TOP = {"ArtifactName", "ArtifactType", "CreatedAt", "ClusterName", "SchemaVersion"}


def _sniff(sample: Sample) -> int:
    look = sample.outline
    if look is None:
        return 0
    if look.has("SchemaVersion") and (look.has("Results") or look.has("ArtifactName")):
        return 95
    if look.has("ClusterName") and any(look.has(name) for name in _CLUSTER_LISTS):
        return 95
    if look.has("item.Target") and any(look.has(f"item.{name}") for name in (*_LISTS, "Type", "Class")):
        return 93
    return 90 if look.has("Results.item.Target") else 0


def _read(source: Source, options: Options) -> Iterator[Record]:
    reader = _Reader()
    yield from reader.walk(source)
    yield Scanned(TOOL, reader.scope, reader.at)


class _Reader:
    """Follows the document with a stack of what stands around an item; items are built one at a time."""

    def __init__(self) -> None:
        self.row = 0
        self.scope = ""
        self.at = ""
        self.ordinals = fingerprints.Ordinals()
        self._results = 0

    def walk(self, source: Source) -> Iterator[Record]:
        around: list[dict[str, str]] = []
        keys: list[str] = []
        lists: list[str] = []
        builder: ObjectBuilder | None = None
        build_depth = 0
        depth = 0
        key = ""
        pending: list[tuple[str, dict[str, Any]]] = []
        for kind, value in events(source):
            opens, closes = kind in ("start_map", "start_array"), kind in ("end_map", "end_array")
            if builder is not None:
                builder.event(kind, value)
                depth += opens - closes
                if closes and depth == build_depth:
                    if "Target" in around[-1] or len(pending) >= _PENDING:
                        yield from self._item(lists[-1], builder.value, around)
                    else:
                        # Keys in another order than Trivy's: wait until the target is known.
                        pending.append((lists[-1], builder.value))
                    builder = None
                continue
            in_list = bool(lists) and lists[-1] in _LISTS and self._inside_result(around) and keys[-1] == "["
            if in_list and not closes:
                if kind == "start_map":
                    builder, build_depth = ObjectBuilder(), depth
                    builder.event(kind, value)
                    depth += 1
                    continue
                self.row += 1
                yield RowError(
                    self.row, f"Result {self.row} is {kind_of(value if not opens else [])}, where an object belongs."
                )
            if kind == "map_key":
                key = value
            elif kind == "start_map":
                around.append({})
                keys.append("{")
                depth += 1
            elif kind == "start_array":
                keys.append("[")
                lists.append(key)
                self._results += key == "Results"
                depth += 1
            elif kind == "end_map":
                if pending:
                    for what, item in pending:
                        yield from self._item(what, item, around)
                    pending.clear()
                around.pop()
                keys.pop()
                depth -= 1
            elif kind == "end_array":
                lists.pop()
                keys.pop()
                depth -= 1
            elif around and isinstance(value, str) and len(value) < 2000:
                around[-1][key] = value
                if len(around) == 1 and key in _KNOWN_TOP:
                    self._top(key, value)

    def _top(self, key: str, value: str) -> None:
        if key in ("ArtifactName", "ClusterName"):
            self.scope = clean_line(fingerprints.image(value), limits.NAME_CHARS)
        elif key == "CreatedAt":
            self.at = dates.tolerant(value)

    @staticmethod
    def _inside_result(around: list[dict[str, str]]) -> bool:
        """A list of results stands beside its target; the lists of a cluster report stand beside ClusterName."""
        return (
            bool(around)
            and "ClusterName" not in around[-1]
            and ("Target" in around[-1] or "Class" in around[-1] or "Type" in around[-1])
        )

    def _item(self, what: str, item: dict[str, Any], around: list[dict[str, str]]) -> Iterator[Record]:
        self.row += 1
        target = around[-1].get("Target", "")
        place = fingerprints.image(target)
        owner = next((each for each in reversed(around[:-1]) if "Kind" in each and "Name" in each), {})
        if owner:
            place = "/".join(part for part in (owner.get("Namespace", ""), owner["Kind"], owner["Name"], place) if part)
        match what:
            case "Vulnerabilities":
                yield self._vulnerability(item, place, target)
            case "Misconfigurations":
                yield self._misconfiguration(item, place, target)
            case "Secrets":
                yield self._secret(item, place, target)
            case "Licenses":
                yield self._licence(item, place, target)
            case _:
                reason = f"accepted in Trivy ({clean_line(item.get('Status') or 'ignored', 40)})"
                yield Ignored(
                    self.row, reason, clean_line(mapping(item.get("Finding")).get("Title"), limits.TITLE_CHARS)
                )

    def _reading(
        self,
        item: dict[str, Any],
        *,
        rule: str,
        place: str,
        own: str,
        title: str,
        shown: str,
        text: str,
        note: str,
        raw: dict[str, Any],
    ) -> Record:
        rating = rated(word(item.get("Severity")), tool=TOOL)
        if not rule:
            return RowError(self.row, f"Result {self.row} has no identifier, so it can't be told from others.")
        return Reading(
            row=self.row,
            fingerprint=fingerprints.fingerprint(
                TOOL, rule, f"{self.scope}|{place}" if self.scope and self.scope != place else place, own
            ),
            title=clean_line(title, limits.TITLE_CHARS),
            severity=rating.severity,
            original_severity=rating.original,
            severity_note=rating.note,
            tool=TOOL,
            rule_id=clean_line(rule, limits.NAME_CHARS),
            location=clean_line(shown, limits.PLACE_CHARS),
            asset=clean_line(self.scope or place, limits.NAME_CHARS),
            scope=self.scope,
            description=clean("\n\n".join(part for part in (text, note) if part), limits.TEXT_CHARS),
            tool_fingerprint=clean_line(word(item.get("Fingerprint")), limits.NAME_CHARS),
            detected_at=self.at,
            cvss_vector=_vector(item),
            references=names([word(item.get("PrimaryURL")), *map(word, sequence(item.get("References"))[:5])]),
            raw=small(raw),
        )

    def _vulnerability(self, item: dict[str, Any], place: str, target: str) -> Record:
        identifier, package = word(item.get("VulnerabilityID")), word(item.get("PkgName"))
        path = word(item.get("PkgPath"))
        installed, fixed = word(item.get("InstalledVersion")), word(item.get("FixedVersion"))
        title = word(item.get("Title"))
        return self._reading(
            item,
            rule=identifier,
            place=place,
            own=f"{package}|{fingerprints.path(path)}|{installed}",
            title=f"{identifier} in {package}: {title}" if title else f"{identifier} in {package}",
            shown=f"{target}: {path or package} {installed}".strip(),
            text=word(item.get("Description")),
            note=f"Fixed in {fixed}." if fixed else "",
            raw={
                "package": package,
                "installed": installed,
                "fixed": fixed,
                "status": word(item.get("Status")),
                "path": path,
                "cwe": [word(each) for each in sequence(item.get("CweIDs"))],
                "severity source": word(item.get("SeveritySource")),
            },
        )

    def _misconfiguration(self, item: dict[str, Any], place: str, target: str) -> Record:
        identifier = word(item.get("ID")) or word(item.get("AVDID"))
        title = word(item.get("Title"))
        status = word(item.get("Status")).upper() or "FAIL"
        if status != "FAIL":
            return Ignored(
                self.row,
                "pass" if status in ("PASS", "PASSED") else status.lower(),
                clean_line(title, limits.TITLE_CHARS),
            )
        cause = mapping(item.get("CauseMetadata"))
        resource, line = word(cause.get("Resource")), word(cause.get("StartLine"))
        message = word(item.get("Message"))
        number = self.ordinals.of(
            f"{identifier}|{place}|{resource}|{fingerprints.wording(message)}",
            f"{line}:{word(cause.get('EndLine'))}:{message}",
        )
        return self._reading(
            item,
            rule=identifier,
            place=place,
            own=f"{resource}|{fingerprints.wording(message)}|{number}",
            title=f"{identifier}: {title}",
            shown=f"{target}{f':{line}' if line not in ('', '0') else ''}",
            text="\n\n".join(part for part in (message, word(item.get("Description"))) if part),
            note=word(item.get("Resolution")),
            raw={
                "resource": resource,
                "type": word(item.get("Type")),
                "service": word(cause.get("Service")),
                "line": line,
            },
        )

    def _secret(self, item: dict[str, Any], place: str, target: str) -> Record:
        rule, line = word(item.get("RuleID")), word(item.get("StartLine"))
        number = self.ordinals.of(f"{rule}|{place}", f"{line}:{word(item.get('Offset'))}")
        return self._reading(
            item,
            rule=rule,
            place=place,
            own=f"secret|{number}",
            title=f"Secret in {target}: {word(item.get('Title')) or rule}",
            shown=f"{target}:{line}",
            text="",
            note="The secret itself is not kept here.",
            raw={"category": word(item.get("Category")), "line": line},
        )

    def _licence(self, item: dict[str, Any], place: str, target: str) -> Record:
        name, package, path = word(item.get("Name")), word(item.get("PkgName")), word(item.get("FilePath"))
        return self._reading(
            item,
            rule=f"license:{name}" if name else "",
            place=place,
            own=f"{package}|{fingerprints.path(path)}",
            title=f"Licence {name} of {package or path}",
            shown=f"{target}: {package or path}",
            text="",
            note="",
            raw={
                "category": word(item.get("Category")),
                "confidence": word(item.get("Confidence")),
                "package": package,
                "path": path,
            },
        )


def _vector(item: dict[str, Any]) -> str:
    scores = mapping(item.get("CVSS"))
    preferred = [word(item.get("SeveritySource")), "nvd", *scores]
    for source in preferred:
        held = mapping(scores.get(source))
        for key in ("V40Vector", "V3Vector", "V2Vector"):
            if word(held.get(key)):
                return clean_line(held[key], 200)
    return ""


FORMAT = Format(name="trivy", title="Trivy JSON", kinds=("json",), sniff=_sniff, read=_read)
