"""The description of the API: whole, valid, without a warning, and true enough that nonsense sent by it ends in 4xx."""

import copy
import io
import itertools
import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver
from openapi_spec_validator import OpenAPIV31SpecValidator

from evidence import tenancy
from tests.contracts.addresses import BLANKS, SAME_EVERYWHERE, patterns
from tests.contracts.test_access_matrix import forgotten, signed_in
from tests.contracts.world import World

SECONDS = 60
SCHEMA = "schema"
NASTY: list[Any] = [None, True, -1, 2**70, 1.5, "", "\x00", "\U0001f600" * 400, "x" * 70_000, "2026-99-99", "' OR 1=1 --",
                    "<script>", [], [[]], {}, {"a": None}, ["\x00"], "\u202e", "\ud800"]  # fmt: skip
NASTY_TEXTS = [
    "",
    "\x00",
    "\U0001f600" * 300,
    "-1",
    "9" * 40,
    "2026-99-99",
    "' OR 1=1 --",
    "%",
    "../..",
    "\u202e",
    "[]",
]


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    written = io.StringIO()
    call_command("spectacular", format="openapi-json", fail_on_warn=True, stdout=written)
    return json.loads(written.getvalue())


def test_it_is_valid_openapi_3_1_made_without_a_warning(schema):
    assert schema["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(schema).validate()


def test_every_address_of_the_api_stands_in_it(schema):
    described = {re.sub(r"\{[^}]+\}", "{}", path) for path in schema["paths"]}
    missing = [
        route for name, route in routes() if name != SCHEMA and re.sub(r"<[^>]+>", "{}", f"/{route}") not in described
    ]
    assert not missing
    assert len(described) > 30


def routes() -> list[tuple[str, str]]:
    return [
        (":".join((*spaces, pattern.name or "")), route)
        for route, pattern, spaces in patterns(get_resolver().url_patterns)
        if route.startswith("api/")
    ]


def test_it_is_served_and_says_how_to_sign_in(ours: World, schema):
    answer = Client().get("/api/v1/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})
    assert answer.status_code == 200
    assert {"token", "session"} <= set(schema["components"]["securitySchemes"])


@pytest.mark.slow
def test_nonsense_is_refused_and_never_breaks_it(ours: World, schema):
    client = signed_in(ours.people.maya)
    client.raise_request_exception = False
    broken, asked, began = [], 0, time.monotonic()
    for method, url, given in shuffled(requests(schema, ours)):
        if time.monotonic() - began > SECONDS:
            break
        asked += 1
        with forgotten(), tenancy.entered(None):
            answer = getattr(client, method)(url, **given)
            if answer.streaming:
                b"".join(answer.streaming_content)
        if answer.status_code >= 500:
            broken.append(f"{answer.status_code} {method} {url[:200]} {str(given.get('data'))[:200]}")
    assert not broken, "\n".join(broken[:40])
    assert asked > 200


def shuffled(streams: list[Iterator[Any]]) -> Iterator[Any]:
    """One of each operation in turn, so that a slow machine still touches all."""
    for row in itertools.zip_longest(*streams):
        yield from (one for one in row if one is not None)


def requests(schema: dict[str, Any], world: World) -> list[Iterator[Any]]:
    finding = world.findings["triaged"].finding
    known = {
        "organization": world.slug, "job": str(world.job.pk), "request_id": str(world.request.pk), "number": "1",
        "filename": "a.csv", "upload": str(world.upload.pk),
    }  # fmt: skip
    known |= {blank: str(BLANKS[blank](world)) for blank in SAME_EVERYWHERE}
    found = []
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if method in ("get", "post", "put", "delete") and path != "/api/v1/schema/":
                noun = path.split("/")[5]
                ref = {
                    "findings": finding.ref, "tasks": world.findings["worked"].task.ref, "packages": str(world.sealed.pk),
                }.get(noun, world.evidence.ref)  # fmt: skip
                found.append(variants(schema, path, method, operation, {**known, "ref": ref}))
    return found


def variants(schema: Any, path: str, method: str, operation: Any, known: dict[str, str]) -> Iterator[Any]:
    blanks = re.findall(r"\{(\w+)\}", path)
    url = path.format(**known)
    content = operation.get("requestBody", {}).get("content", {})
    headers = {"If-Match": '"1"'}
    whole = example(schema, content["application/json"]["schema"]) if "application/json" in content else None
    if whole is not None:
        yield method, url, {"data": json.dumps(whole), "content_type": "application/json", "headers": headers}
        for value in (b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 5000):
            yield method, url, {"data": value, "content_type": "application/json", "headers": headers}
        for name, value in itertools.product(whole, NASTY):
            body = copy.copy(whole) | {name: value}
            yield method, url, {"data": json.dumps(body), "content_type": "application/json", "headers": headers}
    elif method in ("post", "put"):
        for value in (b"", b"a,b\n1,2\n", b"\x00" * 100, b"[" * 5000):
            yield method, url, {"data": value, "content_type": "application/octet-stream"}
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query" and method == "get":
            for text in NASTY_TEXTS:
                yield method, url, {"data": {parameter["name"]: text}}
    for blank in set(blanks) & {"ref", "filename"}:
        for text in ("F-999999999999999999", "%00", "%F0%9F%98%80", "-", "x" * 300):
            yield method, path.format(**{**known, blank: text}), {"headers": headers}


def example(schema: Any, shape: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in shape:
        return example(schema, schema["components"]["schemas"][shape["$ref"].rsplit("/", 1)[1]])
    return {name: value_of(schema, inner) for name, inner in shape.get("properties", {}).items()}


def value_of(schema: Any, shape: dict[str, Any]) -> Any:
    if "$ref" in shape:
        return value_of(schema, schema["components"]["schemas"][shape["$ref"].rsplit("/", 1)[1]])
    for group in ("allOf", "oneOf", "anyOf"):
        if group in shape:
            return value_of(schema, shape[group][0])
    if "enum" in shape:
        return shape["enum"][0]
    kind = shape.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return example(schema, shape)
    if kind == "array":
        return []
    texts = {"date": "2027-01-05", "date-time": "2026-01-05T10:00:00Z", "uuid": "01a20dd9-e1a8-706d-991a-f4ae420be180"}
    return {"boolean": True, "integer": 1, "number": 1}.get(
        kind or "", texts.get(shape.get("format", ""), "Some words")
    )
