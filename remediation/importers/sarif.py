"""SARIF 2.1.0 of any producer: levels, kinds, suppressions, baselines, rules in drivers and extensions.

Two passes: the first collects what describes the run (tool, rules, texts), wherever it stands; the second streams the
results. Snippets of code are never kept: they may quote a secret.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ijson import ObjectBuilder

from .reader import dates, fingerprints, limits
from .reader.formats import Format, Options, Sample
from .reader.json_stream import events, items, kind_of, mapping, number, sequence, word
from .reader.records import Ignored, Reading, Record, RowError, Scanned, names, small
from .reader.refusals import NotReadable, Oversized
from .reader.severities import Rated, by_score, rated
from .reader.source import Source
from .reader.text import clean, clean_line

_LEVELS = {"error": "high", "warning": "medium", "note": "low", "none": "low"}
_DESCRIBES = {
    "tool",
    "automationDetails",
    "invocations",
    "artifacts",
    "originalUriBaseIds",
    "logicalLocations",
    "properties",
    "versionControlProvenance",
}
_ARGUMENT = re.compile(r"\{(\d{1,3})\}")
_UNSTABLE = re.compile(r"file.?hash|commit|start.?line(?!hash)|line.?number", re.IGNORECASE)
_CWE = re.compile(r"cwe[-/ :_]*0*(\d{1,5})", re.IGNORECASE)
_DESCRIBED_BYTES = 200_000_000
_RESULTS_DEPTH = 4
"""Of the list `runs[].results`; what lies deeper is not looked at in the first pass."""
_SEPARATOR = "\0"


def _sniff(sample: Sample) -> int:
    look = sample.outline
    if look is None or not look.has("runs"):
        return 0
    if "sarif" in look.text("$schema").lower() or look.text("version").startswith(("2.1", "2.0", "1.0")):
        return 98
    return 90 if look.has("runs.item.tool.driver") or look.has("runs.item.results") else 0


@dataclass(slots=True)
class _Run:
    """What a run says about its results."""

    tool: str = ""
    scope: str = ""
    at: str = ""
    components: list[dict[str, Any]] = field(default_factory=list)
    artifacts: list[Any] = field(default_factory=list)
    logical: list[Any] = field(default_factory=list)
    overrides: list[Any] = field(default_factory=list)
    results: int = 0
    by_id: list[dict[str, dict[str, Any]]] = field(default_factory=list)
    ordinals: fingerprints.Ordinals = field(default_factory=fingerprints.Ordinals)

    def describe(self, told: dict[str, Any]) -> None:
        tool = mapping(told.get("tool"))
        self.components = [mapping(tool.get("driver")), *(mapping(each) for each in sequence(tool.get("extensions")))]
        self.tool = clean_line(self.components[0].get("name"), limits.TOOL_CHARS) or "SARIF"
        automation = mapping(told.get("automationDetails"))
        # `category/run`: the last part may number the run, the rest says what was scanned.
        identity = word(automation.get("id"))
        self.scope = clean_line(identity.rpartition("/")[0] if "/" in identity else identity, limits.NAME_CHARS)
        if not self.scope:
            for each in sequence(told.get("versionControlProvenance")):
                self.scope = clean_line(mapping(each).get("repositoryUri"), limits.NAME_CHARS)
                break
        for each in sequence(told.get("invocations")):
            at = dates.tolerant(mapping(each).get("endTimeUtc") or mapping(each).get("startTimeUtc"))
            self.at = max(self.at, at)
            self.overrides.extend(sequence(mapping(each).get("ruleConfigurationOverrides")))
        self.artifacts = sequence(told.get("artifacts"))
        self.logical = sequence(told.get("logicalLocations"))
        for component in self.components:
            self.by_id.append(
                {
                    word(rule.get("id")): rule
                    for rule in map(mapping, sequence(component.get("rules")))
                    if rule.get("id")
                }
            )

    def rule(self, result: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The rule's id and its descriptor, through id, index, or the component that the result names."""
        reference = mapping(result.get("rule"))
        given = word(result.get("ruleId")) or word(reference.get("id"))
        place = _index(result.get("ruleIndex", reference.get("index")))
        component = self._component(mapping(reference.get("toolComponent")))
        rules = sequence(self.components[component].get("rules")) if self.components else []
        if place is not None and place < len(rules):
            found = mapping(rules[place])
            own = word(found.get("id"))
            if not given or not own or given == own or given.startswith(f"{own}/"):
                return given or own, found
        look = [component, *(index for index in range(len(self.by_id)) if index != component)]
        for key in (given, given.rpartition("/")[0]):
            for index in look:
                if key and index < len(self.by_id) and key in self.by_id[index]:
                    return given, self.by_id[index][key]
        return given, {}

    def _component(self, reference: dict[str, Any]) -> int:
        index = _index(reference.get("index"))
        if index is not None and index < len(self.components) - 1:
            return index + 1
        for key in ("guid", "name"):
            for place, component in enumerate(self.components):
                if reference.get(key) and component.get(key) == reference.get(key):
                    return place
        return 0

    def level(self, result: dict[str, Any], rule_id: str, rule: dict[str, Any]) -> str:
        """The result's level, else an override of the run, else the rule's default, else warning (SARIF 3.27.10)."""
        if word(result.get("level")):
            return word(result["level"]).lower()
        for each in self.overrides:
            descriptor = mapping(mapping(each).get("descriptor"))
            level = word(mapping(mapping(each).get("configuration")).get("level"))
            if level and word(descriptor.get("id")) == rule_id != "":
                return level.lower()
        return word(mapping(rule.get("defaultConfiguration")).get("level")).lower() or "warning"


def _read(source: Source, options: Options) -> Iterator[Record]:
    runs = _runs(source)
    yield from (Scanned(each.tool, each.scope, each.at) for each in runs)
    remaining = iter(runs)
    run: _Run | None = None
    left = 0
    for row, result in enumerate(items(source, "runs.item.results.item"), 1):
        while left == 0:
            run = next(remaining)
            left = run.results
        left -= 1
        if not isinstance(result, dict):
            yield RowError(row, f"Result {row} is {kind_of(result)}, where an object belongs.")
            continue
        assert run is not None
        yield _record(row, result, run)


def _record(row: int, result: dict[str, Any], run: _Run) -> Record:
    rule_id, rule = run.rule(result)
    title = clean_line(_title(result, rule, rule_id), limits.TITLE_CHARS)
    reason = _no_finding(result)
    if reason:
        return Ignored(row, reason, title)
    place, spot, shown = _place(result, run)
    own = _own_fingerprint(result)
    tool_rule = rule_id or "no rule"
    message = _message(result, rule, run)
    # Several spots may share a fingerprint, a snippet or a wording: they are counted.
    part = own or _snippet(result) or fingerprints.wording(message)
    identity = f"{part}#{run.ordinals.of(_SEPARATOR.join((tool_rule, place, part)), spot or message)}"
    rating = _severity(result, rule, run, rule_id)
    properties = mapping(rule.get("properties"))
    tags = [word(tag) for tag in sequence(properties.get("tags"))]
    return Reading(
        row=row,
        fingerprint=fingerprints.fingerprint(run.tool, tool_rule, place, identity),
        title=title
        or clean_line(message, limits.TITLE_CHARS)
        or clean_line(rule_id, limits.TITLE_CHARS)
        or "Result without a title",
        severity=rating.severity,
        original_severity=rating.original,
        severity_note=rating.note,
        tool=run.tool,
        rule_id=clean_line(rule_id, limits.NAME_CHARS),
        location=clean_line(shown, limits.PLACE_CHARS),
        asset=clean_line(shown.split(":", 1)[0] if shown and "://" not in shown else shown, limits.NAME_CHARS),
        scope=run.scope,
        description=_description(message, rule),
        tool_fingerprint=clean_line(own, limits.NAME_CHARS),
        detected_at=dates.tolerant(mapping(result.get("provenance")).get("firstDetectionTimeUtc")) or run.at,
        cvss_vector=clean_line(properties.get("cvssv3_vector") or properties.get("cvss_vector") or "", 200),
        references=names([word(rule.get("helpUri"))]),
        raw=small(
            {
                "level": rating.original,
                "message": message,
                "baseline": result.get("baselineState"),
                "rank": word(result.get("rank")),
                "cwe": sorted({f"CWE-{number}" for tag in tags for number in _CWE.findall(tag)}),
            }
        ),
    )


def _no_finding(result: dict[str, Any]) -> str:
    kind = word(result.get("kind")).lower() or "fail"
    if kind != "fail":
        return f"kind {clean_line(kind, 40)}"
    suppressions = sequence(result.get("suppressions"))
    if suppressions and all(word(mapping(each).get("status")).lower() in ("", "accepted") for each in suppressions):
        return "suppressed"
    if word(result.get("baselineState")).lower() == "absent":
        return "absent from this run (baseline)"
    return ""


def _severity(result: dict[str, Any], rule: dict[str, Any], run: _Run, rule_id: str) -> Rated:
    level = run.level(result, rule_id, rule)
    for holder in (mapping(result.get("properties")), mapping(rule.get("properties"))):
        score = holder.get("security-severity")
        if score is not None and (scored := by_score(score, f"{level}, security-severity {word(score)[:10]}")):
            return scored
    if level not in _LEVELS:
        return rated(level, tool=run.tool)
    note = "Level “none”: kept as low until triage." if level == "none" else ""
    return Rated(_LEVELS[level], level, note)


def _title(result: dict[str, Any], rule: dict[str, Any], rule_id: str) -> str:
    for text in _titles(result, rule, rule_id):
        if text.strip():
            first = text.strip().split("\n", 1)[0]
            return first if len(first) <= limits.TITLE_CHARS or ". " not in first else first.split(". ", 1)[0]
    return ""


def _titles(result: dict[str, Any], rule: dict[str, Any], rule_id: str) -> Iterator[str]:
    name = word(rule.get("name"))
    yield word(mapping(rule.get("shortDescription")).get("text"))
    yield name if " " in name else ""
    yield word(mapping(result.get("message")).get("text"))
    yield word(mapping(rule.get("fullDescription")).get("text"))
    yield name
    yield rule_id


def _message(result: dict[str, Any], rule: dict[str, Any], run: _Run) -> str:
    """The text, or the rule's message of that id, with its arguments put in."""
    message = mapping(result.get("message"))
    text = word(message.get("text")) or word(message.get("markdown"))
    if not text and word(message.get("id")):
        key = word(message["id"])
        holders = [
            mapping(rule.get("messageStrings")),
            *(mapping(each.get("globalMessageStrings")) for each in run.components),
        ]
        for holder in holders:
            found = mapping(holder.get(key))
            text = word(found.get("text")) or word(found.get("markdown"))
            if text:
                break
    arguments = [word(each) for each in sequence(message.get("arguments"))]
    if arguments and text:
        text = _ARGUMENT.sub(lambda hit: arguments[int(hit[1])] if int(hit[1]) < len(arguments) else hit[0], text)
        text = text.replace("{{", "{").replace("}}", "}")
    return clean(text, limits.TEXT_CHARS)


def _description(message: str, rule: dict[str, Any]) -> str:
    parts = [message]
    for key in ("fullDescription", "help"):
        text = clean(mapping(rule.get(key)).get("text"), 4_000)
        if text and text not in parts and text != message:
            parts.append(text)
    return clean("\n\n".join(part for part in parts if part), limits.TEXT_CHARS)


def _place(result: dict[str, Any], run: _Run) -> tuple[str, str, str]:
    """The normalised place, the exact spot within it, and what is shown."""
    location = next((each for each in map(mapping, sequence(result.get("locations"))) if each), {})
    physical = mapping(location.get("physicalLocation"))
    artifact = mapping(physical.get("artifactLocation")) or mapping(result.get("analysisTarget"))
    uri = word(artifact.get("uri"))
    index = _index(artifact.get("index"))
    if not uri and index is not None and index < len(run.artifacts):
        uri = word(mapping(mapping(run.artifacts[index]).get("location")).get("uri"))
    region = mapping(physical.get("region"))
    line = word(region.get("startLine"))
    logical = ""
    for each in map(mapping, sequence(location.get("logicalLocations"))):
        index = _index(each.get("index"))
        known = mapping(run.logical[index]) if index is not None and index < len(run.logical) else {}
        logical = (
            word(each.get("fullyQualifiedName")) or word(known.get("fullyQualifiedName")) or word(each.get("name"))
        )
        if logical:
            break
    spot = ":".join(
        word(region.get(key))
        for key in ("startLine", "startColumn", "endLine", "endColumn", "charOffset", "byteOffset")
    )
    place = fingerprints.path(uri)
    shown = f"{place}:{line}" if place and line else place or logical
    return (place if place else logical), spot.strip(":"), shown


def _own_fingerprint(result: dict[str, Any]) -> str:
    for key in ("fingerprints", "partialFingerprints"):
        found = mapping(result.get(key))
        stable = {
            name: value
            for name, value in found.items()
            if not _UNSTABLE.search(name) and value not in (None, "", "requires login")
        }
        if stable:
            return "|".join(f"{name}={_flat(value)}" for name, value in sorted(stable.items()))
    return word(result.get("correlationGuid"))


def _index(value: Any) -> int | None:
    """A position in a list; the format writes -1 for none."""
    found = number(value)
    return int(found) if found is not None and 0 <= found < 10**9 else None


def _flat(value: Any) -> str:
    return ",".join(_flat(each) for _, each in sorted(value.items())) if isinstance(value, dict) else word(value)


def _snippet(result: dict[str, Any]) -> str:
    for location in map(mapping, sequence(result.get("locations"))):
        text = word(
            mapping(mapping(mapping(location.get("physicalLocation")).get("region")).get("snippet")).get("text")
        )
        if text.strip():
            return fingerprints.fingerprint("", "", " ".join(text.split()))
    return ""


def _runs(source: Source) -> list[_Run]:
    """Each run's description and its number of results; refuses other versions and files without runs."""
    runs: list[_Run] = []
    top: dict[str, Any] = {}
    told: dict[str, Any] = {}
    depth = 0
    key = run_key = ""
    builder: ObjectBuilder | None = None
    build_depth = size = 0
    runs_seen = False
    for kind, value in events(source):
        opens = kind in ("start_map", "start_array")
        closes = kind in ("end_map", "end_array")
        if depth > _RESULTS_DEPTH and builder is None:
            depth += opens - closes
            continue
        if builder is not None:
            builder.event(kind, value)
            size += 60 + (len(value) if isinstance(value, str) else 0)
            if size > _DESCRIBED_BYTES:
                raise Oversized(
                    "The rules and artifacts of this SARIF file alone exceed what an import may hold.",
                    code="sarif_description_size",
                )
        if kind == "map_key":
            if depth == 1:
                key = value
            elif depth == 3 and key == "runs":
                run_key = value
            continue
        if depth == 1 and not opens and not closes:
            top[key] = value
        if key == "runs" and depth == 2 and kind == "start_map":
            runs.append(_Run())
            told = {}
        if key == "runs" and depth == 1 and kind == "start_array":
            runs_seen = True
        if key == "runs" and depth == _RESULTS_DEPTH and run_key == "results" and not closes:
            runs[-1].results += 1
        if key == "runs" and depth == 3 and builder is None and run_key in _DESCRIBES and opens:
            builder, build_depth = ObjectBuilder(), depth
            builder.event(kind, value)
        if opens:
            depth += 1
        elif closes:
            depth -= 1
            if builder is not None and depth == build_depth:
                told[run_key] = builder.value
                builder = None
            if key == "runs" and depth == 2 and kind == "end_map":
                runs[-1].describe(told)
                run_key = ""
    version = word(top.get("version"))
    if version and not version.startswith("2.1"):
        raise NotReadable(
            f"This is SARIF {clean_line(version, 20)}; importers read 2.1.0. Most tools can be told to write it.",
            code="sarif_version",
        )
    if not runs_seen:
        raise NotReadable("This SARIF file has no list of runs, so there is nothing to read.", code="sarif_no_runs")
    return runs


FORMAT = Format(name="sarif", title="SARIF 2.1.0", kinds=("json",), sniff=_sniff, read=_read)
