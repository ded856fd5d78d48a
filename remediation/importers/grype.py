"""Grype's JSON: every match of a package and a weakness; what Grype was told to ignore stays ignored, by rule."""

from collections.abc import Iterator
from typing import Any

from .reader import dates, fingerprints, limits
from .reader.formats import Format, Options, Sample
from .reader.json_stream import events, items, kind_of, mapping, sequence, word
from .reader.records import Ignored, Reading, Record, RowError, Scanned, names, small
from .reader.refusals import NotReadable
from .reader.severities import exploited, rated
from .reader.source import Source
from .reader.text import clean, clean_line

TOOL = "Grype"


def _sniff(sample: Sample) -> int:
    look = sample.outline
    if look is None or not look.has("matches"):
        return 0
    if look.text("descriptor.name").casefold() == "grype" or look.has(
        "matches.item.vulnerability", "matches.item.artifact"
    ):
        return 96
    return 80 if look.has("source", "descriptor") else 0


def _read(source: Source, options: Options) -> Iterator[Record]:
    scope, at = _described(source)
    yield Scanned(TOOL, scope, at)
    row = 0
    for row, match in enumerate(items(source, "matches.item"), 1):
        if isinstance(match, dict):
            yield _record(row, match, scope, at)
        else:
            yield RowError(row, f"Match {row} is {kind_of(match)}, where an object belongs.")
    for number, match in enumerate(items(source, "ignoredMatches.item"), row + 1):
        held = mapping(match)
        weakness, package = mapping(held.get("vulnerability")), mapping(held.get("artifact"))
        yield Ignored(
            number,
            "ignored by a rule of Grype",
            clean_line(f"{word(weakness.get('id'))} in {word(package.get('name'))}", limits.TITLE_CHARS),
        )


def _described(source: Source) -> tuple[str, str]:
    """What was scanned and when: these stand after the matches, so the file is passed once for them."""
    depth = 0
    path: list[str] = []
    held: dict[str, str] = {}
    seen = False
    for kind, value in events(source):
        if kind == "map_key":
            if depth <= 3:
                path[depth - 1 :] = [value]
                seen = seen or (depth == 1 and value == "matches")
        elif kind in ("start_map", "start_array"):
            depth += 1
        elif kind in ("end_map", "end_array"):
            depth -= 1
            del path[max(depth, 0) :]
        elif (
            depth <= 3 and path and path[0] in ("source", "descriptor") and isinstance(value, str) and len(value) < 1000
        ):
            held.setdefault(".".join(path), value)
    if not seen:
        raise NotReadable("This file has no list “matches”, so it is no report of Grype.", code="format_mismatch")
    scope = (
        held.get("source.target.userInput")
        or held.get("source.target")
        or held.get("source.target.path")
        or held.get("source.name")
        or ""
    )
    return clean_line(fingerprints.image(scope), limits.NAME_CHARS), dates.tolerant(held.get("descriptor.timestamp"))


def _record(row: int, match: dict[str, Any], scope: str, at: str) -> Record:
    weakness, package = mapping(match.get("vulnerability")), mapping(match.get("artifact"))
    identifier, name, version = word(weakness.get("id")), word(package.get("name")), word(package.get("version"))
    if not identifier:
        return RowError(row, f"Match {row} has no vulnerability id, so it can't be told from others.")
    paths = [
        word(mapping(each).get("path")) or word(mapping(each).get("accessPath"))
        for each in sequence(package.get("locations"))
    ]
    paths = [path for path in paths if path]
    related = [mapping(each) for each in sequence(match.get("relatedVulnerabilities"))]
    rating, kev = rated(word(weakness.get("severity")), tool=TOOL), False
    if sequence(weakness.get("knownExploited")) or any(sequence(each.get("knownExploited")) for each in related):
        rating, kev = exploited(rating), True
    fix = mapping(weakness.get("fix"))
    fixed = ", ".join(word(each) for each in sequence(fix.get("versions"))) or word(weakness.get("fixedInVersion"))
    text = word(weakness.get("description")) or next(
        (word(each.get("description")) for each in related if each.get("description")), ""
    )
    return Reading(
        row=row,
        fingerprint=fingerprints.fingerprint(
            TOOL,
            identifier,
            f"{scope}|{name}|{version}|{fingerprints.path(min(paths)) if paths else ''}",
            word(package.get("type")),
        ),
        title=clean_line(f"{identifier} in {name} {version}", limits.TITLE_CHARS),
        severity=rating.severity,
        original_severity=rating.original,
        severity_note=rating.note,
        tool=TOOL,
        rule_id=clean_line(identifier, limits.NAME_CHARS),
        location=clean_line(
            f"{scope}: {paths[0] if paths else name}" if scope else paths[0] if paths else name, limits.PLACE_CHARS
        ),
        asset=clean_line(scope or name, limits.NAME_CHARS),
        scope=scope,
        description=clean(
            "\n\n".join(part for part in (text, f"Fixed in {fixed}." if fixed else "") if part), limits.TEXT_CHARS
        ),
        detected_at=at,
        cvss_vector=_vector([weakness, *related]),
        kev=kev,
        references=names(
            [
                word(weakness.get("dataSource")),
                *map(word, sequence(weakness.get("urls"))[:5]),
                *map(word, sequence(weakness.get("links"))[:5]),
            ]
        ),
        raw=small(
            {
                "package": name,
                "version": version,
                "type": word(package.get("type")),
                "fixed": fixed,
                "fix state": word(fix.get("state")),
                "namespace": word(weakness.get("namespace")),
                "paths": paths[:5],
                "also": [word(each.get("id")) for each in related],
            }
        ),
    )


def _vector(holders: list[dict[str, Any]]) -> str:
    for held in holders:
        for score in map(mapping, sequence(held.get("cvss"))):
            if word(score.get("vector")):
                return clean_line(score["vector"], 200)
        for key in ("cvssV3", "cvssV2"):
            if word(mapping(held.get(key)).get("vector")):
                return clean_line(mapping(held[key])["vector"], 200)
    return ""


FORMAT = Format(name="grype", title="Grype JSON", kinds=("json",), sniff=_sniff, read=_read)
