"""The API as each role asks it, by schemathesis: whatever fits the description is answered as the description says.

Requests are made from the schema itself, half of them with the ids of things that exist; each goes through the whole
stack of middleware. An answer is a fault when it is a 5xx, has a content type or a body that the schema does not name,
or gives a status that the operation does not have.
"""

import base64
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from django.core.management import call_command
from django.test import Client
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from evidence import clock, tenancy
from portal.accounts import roles
from tests.contracts.addresses import BLANKS, SAME_EVERYWHERE
from tests.contracts.test_access_matrix import forgotten, prove_again, signed_in
from tests.contracts.world import World, people_of
from tests.portal.edge.test_who_is_let_in import bearer

pytestmark = pytest.mark.slow

# Every role that the portal has (PRACTICE.md section 4: implementers and uploaders are engineers, verifiers reviewers,
# acceptors executives), so that a new one is asked for by itself; and a token with less than its owner may.
ROLES = (*roles.ROLES, "narrow token")
CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
# For each operation: well-formed requests, and as many that break the schema somewhere.
EXAMPLES = {GenerationMode.POSITIVE: 6, GenerationMode.NEGATIVE: 4}
SCOPES = ["findings.view", "jobs.view"]
FAULTS_SHOWN = 30


@schemathesis.serializer("application/offset+octet-stream")
def piece(context: Any, value: Any) -> bytes:
    """A piece of a resumable upload is bytes as they are."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def api() -> Any:
    import io
    import json

    written = io.StringIO()
    call_command("spectacular", format="openapi-json", stdout=written)
    return schemathesis.openapi.from_dict(json.loads(written.getvalue()))


@pytest.fixture(scope="module")
def callers(ours: World) -> dict[str, Client]:
    clients = {word: signed_in(who) for word, who in people_of(ours).items()}
    with tenancy.entered(ours.organization.pk):
        headers, row = bearer(ours.people.maya, *SCOPES)
        type(row).objects.filter(pk=row.pk).update(last_used_on=clock.today())
    clients["narrow token"] = Client(headers=headers)
    for client in clients.values():
        client.raise_request_exception = False
    return clients


@pytest.fixture(scope="module")
def made(api: Any, ours: World) -> list[tuple[Any, Any]]:
    """Every operation with its requests, made once: each role sends the same."""
    return [
        (operation, case)
        for operation in operations(api)
        for mode, most in EXAMPLES.items()
        for case in cases(operation, known(operation, ours), mode, most)
    ]


@pytest.mark.parametrize("role", ROLES)
def test_every_answer_is_as_described(role: str, made: list[tuple[Any, Any]], ours: World, callers: dict[str, Client]):
    client = callers[role]
    prove_again(client)
    faults: list[str] = []
    asked: dict[str, int] = {}
    for operation, case in made:
        asked[operation.label] = asked.get(operation.label, 0) + 1
        faults += judged(client, case, version_of(operation, ours))
    assert not faults, f"{len(faults)} faults\n" + "\n".join(dict.fromkeys(faults[:FAULTS_SHOWN]))
    assert len(asked) > 50 and sum(asked.values()) > 300


def operations(api: Any) -> Iterator[Any]:
    for found in api.get_all_operations():
        operation = found.ok()
        if operation.path != "/api/v1/schema/":
            yield operation


def cases(operation: Any, path: dict[str, str], mode: GenerationMode, most: int) -> list[Any]:
    """Requests of one operation, the same in every run."""
    found: list[Any] = []

    @seed(zlib.crc32(operation.label.encode()))
    @hypothesis(
        max_examples=most, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=path))
    def collect(case: Any) -> None:
        found.append(case)

    try:
        collect()
    except schemathesis.errors.SchemathesisError:
        # Where everything that can be sent fits, nothing can be made that breaks the schema.
        assert mode is GenerationMode.NEGATIVE
    return found[:most]


def known(operation: Any, world: World) -> dict[str, str]:
    """The ids of what there is, for the blanks of the operation's address."""
    noun = operation.path.split("/")[5]
    refs = {
        "findings": world.findings["triaged"].finding.ref, "tasks": world.findings["in_remediation"].task.ref,
        "engagements": world.engagement.ref, "packages": str(world.sealed.pk),
    }  # fmt: skip
    values = {
        "organization": world.slug, "ref": refs.get(noun, world.evidence.ref), "number": "1", "filename": "a.csv",
        "job": str(world.job.pk), "request_id": str(world.request.pk), "upload": str(world.upload.pk),
        "package": str(world.package.pk),
    }  # fmt: skip
    values |= {blank: str(BLANKS[blank](world)) for blank in SAME_EVERYWHERE}
    return {name: value for name, value in values.items() if f"{{{name}}}" in operation.path}


def version_of(operation: Any, world: World) -> str:
    noun = operation.path.split("/")[5]
    subject = {
        "findings": world.findings["triaged"].finding, "tasks": world.findings["in_remediation"].task,
        "packages": world.sealed,
    }.get(noun)  # fmt: skip
    if subject is None:
        return '"1"'
    with tenancy.entered(world.organization.pk):
        subject.refresh_from_db()
    return f'"{subject.version}"'


def judged(client: Client, case: Any, version: str) -> list[str]:
    """What is wrong with the answer to one request, a line each."""
    request = prepared(case)
    if request is None:
        return []
    headers = {
        name: value for name, value in request.headers.items() if name.lower() not in ("cookie", "content-length")
    }
    headers = {name: text(value) for name, value in headers.items()} | {"If-Match": version}
    kind = headers.pop("Content-Type", "application/octet-stream")
    body = request.body.encode() if isinstance(request.body, str) else request.body or b""
    with forgotten(), tenancy.entered(None):
        answer = client.generic(request.method, request.path_url, body, kind, headers=headers)
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    response = Response(
        status_code=answer.status_code, headers={name.lower(): [value] for name, value in answer.items()},
        content=content, request=request, elapsed=0.0, verify=False,
    )  # fmt: skip
    try:
        case.validate_response(response, checks=CHECKS)
    except (FailureGroup, Failure) as group:
        said = body[:200] if kind.startswith("application/json") else f"{len(body)} bytes of {kind}"
        return [
            f"{request.method} {request.path_url[:160]} {said!r} → {answer.status_code} {answer.get('Content-Type')}: "
            f"{type(one).__name__} {str(one)[:400]} {content[:200]!r}"
            for one in getattr(group, "exceptions", [group])
        ]
    return []


def text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def prepared(case: Any) -> Any:
    """The case as an HTTP request, or nothing when no client could send it."""
    kwargs = case.as_transport_kwargs(base_url="http://testserver")
    names = ("method", "url", "headers", "params", "json", "data", "files")
    try:
        return requests.Request(**{name: kwargs[name] for name in names if name in kwargs}).prepare()
    except (requests.RequestException, UnicodeError, ValueError):
        return None


def test_the_same_seed_makes_the_same_requests(api: Any, ours: World):
    operation = next(one for one in operations(api) if one.method.upper() == "POST")
    made = [[base64.b64encode(repr(case.body).encode()) for case in cases(operation, known(operation, ours), GenerationMode.POSITIVE, 4)]
            for _ in range(2)]  # fmt: skip
    assert made[0] == made[1]
