"""What README and docs name is there: paths, links, make targets, commands, addresses of the API, rights."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import Resolver404, resolve

from portal.accounts import roles

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MADE = ("var/", ".venv")
# Names of settings, patterns and things that only a running installation has.
PATH = re.compile(r"`((?:docs|deploy|portal|evidence|remediation|templates|tests|bench|\.ci)/[\w./-]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)")
TARGET = re.compile(r"`?\bmake ([a-z][a-z-]+)`")
BLOCK = re.compile(r"^make ([a-z-]+)", re.M)
COMMAND = re.compile(r"manage\.py ([a-z_]+)")
ADDRESS = re.compile(r"/api/v1/[\w/$-]*")
RIGHT = re.compile(
    r"`((?:findings|tasks|evidence|approvals|packages|engagements|controls|jobs|ledger|people)\.[a-z_]+)`"
)


def each(pattern):
    found = [(page, name) for page in PAGES for name in sorted(set(pattern.findall(page.read_text())))]
    return pytest.mark.parametrize("page, name", found, ids=[f"{page.name}:{name}" for page, name in found])


@each(PATH)
def test_a_path_exists(page, name):
    assert name.startswith(MADE) or "<" in name or (ROOT / name).exists()


@each(LINK)
def test_a_link_leads_somewhere(page, name):
    assert "://" in name or (page.parent / name).exists()


@each(re.compile(f"{TARGET.pattern}|{BLOCK.pattern}", re.M))
def test_a_make_target_exists(page, name):
    target = next(filter(None, name))
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


@each(COMMAND)
def test_a_command_exists(page, name):
    assert name in get_commands()


@each(ADDRESS)
def test_an_address_of_the_api_exists(page, name):
    address = name.replace("$SLUG", "sample")
    if address == "/api/v1/":
        return
    try:
        resolve(address)
    except Resolver404:
        pytest.fail(f"{page.name} names {name}, which is no address")


@each(RIGHT)
def test_a_right_exists(page, name):
    known = frozenset().union(*(role.permissions for role in roles.ROLES.values()))
    kinds = set(re.findall(r'"([a-z_]+\.[a-z_]+)"', "".join(p.read_text() for p in ROOT.glob("*/**/events.py"))))
    modules = {str(path.relative_to(ROOT)) for path in ROOT.glob("*/**/*.py")}
    assert name in known | kinds or any(path.endswith(f"{name.replace('.', '/')}.py") for path in modules)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nobody_is_promised_an_opinion(page):
    # Whether controls work is the auditor's to say.
    assert not re.search(r"\b(compliant|certified)\b", page.read_text(), re.I)


def test_every_page_of_docs_is_reached_from_the_readme_or_another_page():
    linked = {
        (page.parent / name).resolve() for page in PAGES for name in LINK.findall(page.read_text()) if "://" not in name
    }
    whole = [path for path in linked if path.is_dir()]
    lost = [page for page in PAGES if page.parent != ROOT and page not in linked and page.parent not in whole]
    assert not lost


def test_no_make_target_is_undocumented():
    # Under `make test` this make would take itself for a part of that one and say which folder it enters.
    alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    shown = subprocess.run(["make", "help"], cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout
    targets = {line.split()[0] for line in shown.splitlines() if line.strip()} - {"help"}
    developers = (ROOT / "docs" / "developers.md").read_text()
    assert not {target for target in targets if f"make {target}" not in developers}
