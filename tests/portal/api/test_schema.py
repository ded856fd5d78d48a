"""The schema names every address of the API, each operation once, without a warning."""

import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver


def addresses(patterns, prefix=""):
    for pattern in patterns:
        here = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from addresses(pattern.url_patterns, here)
        else:
            yield here, pattern


def test_the_schema_is_openapi_3_1_and_whole(db):
    answer = Client().get("/api/v1/schema/")
    schema = yaml.safe_load(answer.content)
    assert schema["openapi"] == "3.1.0"
    known = {path.count("/"): None for path in schema["paths"]}
    assert known
    wanted = [address for address, _ in addresses(get_resolver().url_patterns) if address.startswith("api/v1/organi")]
    assert len(schema["paths"]) == len(wanted)


def test_every_operation_has_its_own_name(db):
    schema = yaml.safe_load(Client().get("/api/v1/schema/").content)
    names = [
        operation["operationId"]
        for path in schema["paths"].values()
        for method, operation in path.items()
        if method in ("get", "post", "put", "patch", "delete")
    ]
    assert len(names) == len(set(names))


def test_the_schema_is_made_without_a_warning(capsys):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")
    assert "Warning" not in capsys.readouterr().err
