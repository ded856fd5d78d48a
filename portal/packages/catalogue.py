"""Gathers every message of the packages into one template for translators, and compiles what they made of it.

Messages stand in the code and in the templates; labels of states, actions and frequencies stand where these are
declared and are taken from there, so that none is forgotten. Babel writes and reads the catalogues.
"""

import io
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.apps import apps
from django.utils.module_loading import module_has_submodule
from django.utils.translation.template import templatize

from evidence.controls.models import Category, Frequency
from evidence.ledger import events
from portal.engagements.models import Kind
from portal.packages import collect, forms, languages, wording
from remediation.approvals.actions import ACTIONS
from remediation.approvals.models import Emergency, Request
from remediation.findings.states import AuditRating, Severity
from remediation.monitoring.models import RunState
from remediation.risk.models import AcceptanceState, DeferralState
from remediation.sod.duties import Duty
from remediation.tasks.models import TaskState

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = languages.FOLDER / "django.pot"
CODE = "portal/packages"
PAGES = ("templates/packages/sections", "templates/packages/exhibits")
#: In what order the arguments of a function that says something are context, one and many.
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "counted": (1, 2),
    "counted_in": ((1, "c"), 2, 3),
}
COMMENTS = ("Translators:",)
WIDTH = 120
#: What a package says of itself when nobody said otherwise.
SAID_BY_DEFAULT = ("First issue", "Corrected issue", "Examination", "Confidential", "Security", "Other criteria")


def template() -> str:
    """The text of the template: every message once, sorted, with the files that say it; it names no time and no person."""
    catalogue = Catalog(project="Clearhold", charset="utf-8", fuzzy=False)
    for message, context, comments, file in (*_written(), *_declared()):
        catalogue.add(message, context=context, auto_comments=comments, locations=[(file, 0)] if file else ())
    out = io.BytesIO()
    write_po(out, catalogue, width=WIDTH, sort_output=True, omit_header=True, include_lineno=False)
    return HEADER + out.getvalue().decode()


HEADER = """# Messages of the packages. Copy it to LANGUAGE/LC_MESSAGES/django.po; docs/translating.md says how to go on.
msgid ""
msgstr ""
"Project-Id-Version: Clearhold\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""

Message = tuple[str | tuple[str, str], str | None, list[str], str]


def _written() -> Iterator[Message]:
    """What stands in code and templates."""
    for path in sorted((ROOT / CODE).rglob("*.py")):
        yield from _extracted(path, path.read_text())
    for folder in PAGES:
        for path in sorted((ROOT / folder).glob("*.html")):
            yield from _extracted(path, templatize(path.read_text(), origin=str(path)))


def _extracted(path: Path, text: str) -> Iterator[Message]:
    file = path.relative_to(ROOT).as_posix()
    for _, message, comments, context in extract(
        "python", io.BytesIO(text.encode()), keywords=KEYWORDS, comment_tags=COMMENTS, strip_comment_tags=True
    ):
        yield message, context, comments, file


def _declared() -> Iterator[Message]:
    """Numbers in words, the labels of states and the like, and what is said by default."""
    for value in range(wording.SPELLED):
        yield wording.spelled(value), wording.NUMBER, [], ""
    for label in sorted(set(_terms())):
        yield label, wording.TERM, [], ""
    for form in forms.FORMS:
        yield form.title, None, ["A file that is attached to a package."], ""


def _terms() -> Iterator[str]:
    for kind in (TaskState, RunState, Request.State, AcceptanceState, DeferralState, Frequency, AuditRating, Severity):
        for code, label in kind.choices:
            yield from (_said(code), label)
    for known in (Category, Kind, Duty, Emergency.Verdict):
        yield from known.labels
    for action in ACTIONS.values():
        yield from (action.word, _said(action.word), _said(action.key))
    yield from (_said(event.kind) for event in _events() if event.kind.startswith("finding."))
    yield from (_said(state) for state in wording.STATE)
    yield from (*collect.HEADINGS.values(), *collect.MEANINGS.values(), *SAID_BY_DEFAULT)


def _events() -> Iterator[events.Event]:
    """Those that the apps declare, whatever else this process has loaded."""
    for app in apps.get_app_configs():
        if module_has_submodule(app.module, "events"):
            shelf = import_module(f"{app.name}.events")
            yield from (value for value in vars(shelf).values() if isinstance(value, events.Event))


def _said(code: str) -> str:
    return wording.capital(code.replace("_", " ").replace(".", " "))


def compiled(catalogue: bytes, locale: str) -> bytes:
    """The catalogue as programs read it. Raises ValueError for one that is not well formed."""
    out = io.BytesIO()
    write_mo(out, read_po(io.BytesIO(catalogue), locale=locale, abort_invalid=True))
    return out.getvalue()
