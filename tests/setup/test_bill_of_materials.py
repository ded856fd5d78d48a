"""The bill of materials: valid CycloneDX, whole, and the same bytes each time."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "deploy" / "bill_of_materials.py"


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("bill_of_materials", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> str:
    file = tmp_path_factory.mktemp("bom") / "bom.cdx.json"
    # Without settings, database or environment, as a release would run it.
    subprocess.run([sys.executable, str(PROGRAM), str(file)], env={}, cwd="/", check=True, capture_output=True)
    return file.read_text()


def test_it_is_valid_by_the_schema_of_the_standard(written):
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(written)
    assert fault is None, fault


def test_the_same_tree_gives_the_same_bytes(program, written):
    assert json.dumps(program.bill(), indent=1, sort_keys=True) + "\n" == written
    assert "timestamp" not in written


def test_every_pinned_package_and_every_shipped_file_stands_in_it(program, written):
    document = json.loads(written)
    refs = {one["bom-ref"] for one in document["components"]}
    pinned = dict(
        re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==([^\s;]+)", (ROOT / "requirements.txt").read_text(), re.M)
    )
    assert {f"pkg:pypi/{program.normal(name)}@{version}" for name, version in pinned.items()} <= refs
    files = {part["name"] for one in document["components"] for part in one.get("components", [])}
    shipped = {str(path.relative_to(ROOT)) for path in (ROOT / "portal/static/vendor").rglob("*") if path.is_file()}
    assert shipped <= files


def test_each_has_hashes_and_what_is_installed_names_its_licence(written):
    for one in json.loads(written)["components"]:
        for part in (one, *one.get("components", [])):
            assert part.get("hashes") or part.get("components"), part["name"]
        is_elsewhere = any(name["name"] == "clearhold:marker" for name in one.get("properties", []))
        assert one.get("licenses") or is_elsewhere, one["name"]


def test_everything_is_reached_from_the_product(written):
    document = json.loads(written)
    needs = {one["ref"]: one["dependsOn"] for one in document["dependencies"]}
    reached, waiting = set(), ["clearhold"]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += needs.get(ref, [])
    assert {one["bom-ref"] for one in document["components"]} <= reached
    assert any(ref.startswith("pkg:pypi/django@") for ref in needs["clearhold"])


@pytest.mark.parametrize("text", ["django>=5\n", "django==5.2\n", "git+https://x.example/a.git\n"])
def test_what_is_not_pinned_by_hash_is_refused(program, text):
    with pytest.raises(program.Unpinned):
        program.requirements(text)


def test_the_requirements_of_development_are_pinned_too(program):
    assert program.requirements((ROOT / "requirements-dev.txt").read_text())
