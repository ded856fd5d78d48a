"""Words that we never use: what a regulator or an auditor alone may say is not ours to say (UX.md section 5)."""

import ast
import re
from pathlib import Path

import pytest

from evidence import tenancy
from tests.contracts.addresses import addresses
from tests.contracts.matrix import MATRIX
from tests.contracts.test_access_matrix import reference, signed_in
from tests.contracts.test_two_organizations import get
from tests.contracts.world import World, people_of
from tests.databases import FLOORS, ROOT

NEVER = re.compile(r"\b(compliant|certified|guaranteed?s?|passes (the )?audit)\b", re.IGNORECASE)
# Where a text says that we never say it.
SAYS_SO = re.compile(r"\b(never|no|not|nobody|cannot|can't)\b", re.IGNORECASE)
TEXTS = ("templates/**/*.html", "docs/**/*.md", "*.md", "portal/static/js/*.js", "portal/sample/files/*")
PAGES = [address for address in addresses() if MATRIX[address.key].get and not address.is_api]


def told(text: str) -> list[str]:
    return [line.strip()[:200] for line in text.splitlines() if NEVER.search(line) and not SAYS_SO.search(line)]


def test_no_template_or_page_of_the_docs_says_it():
    found = {}
    for pattern in TEXTS:
        for path in ROOT.glob(pattern):
            if path.is_file() and path.suffix != ".xlsx" and (lines := told(path.read_text(encoding="utf-8"))):
                found[str(path.relative_to(ROOT))] = lines
    assert not found


def test_no_sentence_in_the_code_says_it():
    found = {}
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            lines = [one for words in sentences(path) for one in told(words)]
            if lines:
                found[str(path.relative_to(ROOT))] = lines
    assert not found


def sentences(path: Path) -> list[str]:
    """Strings with more than one word: tokens of foreign formats are theirs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [text for text in strings if " " in text.strip()]


@pytest.mark.parametrize("word", ["manager", "approver", "administrator", "auditor"])
def test_no_page_says_it(word: str, ours: World):
    client = signed_in(people_of(ours)[word])
    with tenancy.entered(ours.organization.pk):
        urls = [
            page.url(ours, reference(page, MATRIX[page.key], ours))
            for page in PAGES
            if word in MATRIX[page.key].get.split()
        ]
    for url in urls:
        body = get(client, url)[1]
        if b"<html" in body:
            text = re.sub(r"<[^>]+>", "\n", body.decode())
            assert not told(text), url
