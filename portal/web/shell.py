"""What stands around every page: navigation by role, counts, banners, theme, the session's end.

Pages add counts and alarms here through `count` and `alarm`; the shell itself asks the database nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpRequest
from django.urls import NoReverseMatch, Resolver404, resolve, reverse
from django.utils.functional import SimpleLazyObject

from evidence import clock, tenancy

THEMES = ("light", "dark")
TABS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """A destination: shown to those who hold any of `needs` and only when a page stands at its address."""

    key: str
    word: str
    icon: str
    path: str
    names: tuple[str, ...]
    needs: tuple[str, ...]
    letter: str = ""
    short: str = ""
    hot: bool = False


GROUPS: tuple[tuple[str, tuple[Place, ...]], ...] = (
    (
        "Work",
        (
            Place("triage", "Triage inbox", "inbox", "triage", ("findings:triage",), ("findings.triage",), "t", "Triage"),
            Place("me", "My work", "list-checks", "me", ("tasks:mine",), ("tasks.work", "tasks.manage"), "m"),
            Place(
                "approvals", "Approvals", "stamp", "approvals", ("approvals:queue",), ("approvals.view",), "a", hot=True
            ),
        ),
    ),
    (
        "Programme",
        (
            Place(
                "readiness", "Readiness", "gauge", "", ("dashboard:home",),
                ("findings.triage", "approvals.decide", "risk.accept", "deals.view"), "h",
            ),
            Place("findings", "Findings", "flag", "findings", ("findings:list",), ("findings.view",), "f"),
            Place(
                "coverage", "Control coverage", "grid-3x3", "coverage",
                ("coverage:home", "controls:coverage", "monitoring:coverage"), ("controls.view",), "c", "Coverage",
            ),
            Place("evidence", "Evidence", "file-stack", "evidence", ("evidence:list",), ("evidence.view",), "e"),
        ),
    ),
    (
        "Audit",
        (
            Place(
                "requests", "Auditor requests", "message-square-text", "requests",
                ("requests:list", "engagements:requests"), ("engagements.manage", "engagements.release"), "r",
            ),
            Place(
                "engagements", "Engagements", "landmark", "engagements", ("engagements:list",), ("engagements.view",)
            ),
            Place("packages", "Packages", "package-check", "packages", ("packages:list",), ("packages.view",), "p"),
            Place("deals", "Deals on hold", "handshake", "deals", ("deals:list", "procurement:deals"), ("deals.view",)),
            Place("duties", "Duties", "scale", "duties", ("duties:report",), ("duties.view",)),
            Place("ledger", "Event history", "link", "ledger", ("ledger:list", "ledger:events"), ("ledger.view",)),
        ),
    ),
    (
        "Manage",
        (
            Place("people", "People and roles", "users", "people", ("people:list",), ("people.view",), short="People"),
            Place("rules", "Rules", "scale", "settings/rules", ("rules:rulebook",), ("rules.view",)),
            Place(
                "delegations", "Delegation and absence", "user-check", "approvals/delegations", ("delegations:list",),
                ("delegations.view",), short="Delegation",
            ),
            Place("emergency", "Emergency access", "siren", "emergency", ("emergency:list",), ("emergency.use",), short="Emergency"),
            Place("settings", "Settings", "settings-2", "settings", ("settings:home", "settings:policies"), ("settings.manage",)),
            Place("retention", "Retention", "archive", "retention", ("retention:home",), ("retention.view",)),
            Place("vault", "Vault", "vault", "settings/vault", ("vault:home",), ("settings.manage",)),
            Place("jobs", "Jobs", "rotate-ccw", "jobs", ("jobs:list",), ("jobs.view",)),
            Place("support", "How things run", "rotate-ccw", "support", ("support:home",), ("support.view",)),
        ),
    ),
)  # fmt: skip

AUDITOR_TABS = (
    ("home", "Engagement", ""),
    ("requests", "Requests", "requests"),
    ("samples", "Samples", "samples"),
    ("controls", "Controls", "controls"),
    ("findings", "Findings", "findings"),
    ("evidence", "Evidence", "evidence"),
    ("packages", "Packages", "packages"),
    ("history", "Event history", "history"),
    ("opened", "What you opened", "opened"),
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """A banner on every page: something that must not be missed, such as a failed check of the ledger."""

    title: str
    text: str
    url: str = ""
    link: str = "What to do"


Counter = Callable[[HttpRequest], int]
AlarmBell = Callable[[HttpRequest], Alarm | None]
_counters: dict[str, Counter] = {}
_alarms: list[AlarmBell] = []


def count(key: str) -> Callable[[Counter], Counter]:
    """Register how many items of a place the reader can act on: `@shell.count("triage")`."""

    def register(function: Counter) -> Counter:
        _counters[key] = function
        return function

    return register


def alarm(function: AlarmBell) -> AlarmBell:
    """Register a banner: `@shell.alarm` on a function that returns an Alarm or None."""
    _alarms.append(function)
    return function


@dataclass(frozen=True)
class Item:
    """A place as one reader sees it."""

    place: Place
    url: str
    current: bool
    request: HttpRequest

    @property
    def key(self) -> str:
        return self.place.letter

    @property
    def word(self) -> str:
        return self.place.word

    @property
    def short(self) -> str:
        return self.place.short or self.place.word

    @property
    def icon(self) -> str:
        return self.place.icon

    @property
    def hot(self) -> bool:
        return self.place.hot

    @cached_property
    def count(self) -> int | None:
        counter = _counters.get(self.place.key)
        return counter(self.request) if counter and can_ask() else None


def cookie_name(request: HttpRequest, name: str) -> str:
    """Over HTTPS the name that no other host can set."""
    return f"__Host-{name}" if request.is_secure() else name


def can_ask() -> bool:
    """Whether the page still stands inside its transaction; a page of refusal comes after the rollback."""
    connection = connections[tenancy.alias()]
    return connection.in_atomic_block and not connection.needs_rollback


@lru_cache(maxsize=4096)
def address(slug: str, path: str, names: tuple[str, ...]) -> str:
    """The address of a place, or nothing when no page stands there."""
    for name in names:
        try:
            return reverse(name, kwargs={"organization": slug})
        except NoReverseMatch:
            continue
    for candidate in (f"/o/{slug}/{path}", f"/o/{slug}/{path}/") if path else (f"/o/{slug}/",):
        try:
            resolve(candidate)
        except Resolver404:
            continue
        return candidate
    return ""


def named(name: str, *arguments: Any, **keywords: Any) -> str:
    """An address by name, or nothing when that page does not exist."""
    try:
        return reverse(name, args=arguments, kwargs=keywords)
    except NoReverseMatch:
        return ""


class Shell:
    """The frame of one request. Everything is worked out when a template asks for it."""

    product = "Clearhold"

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.organization = getattr(request, "organization", None)
        self.actor = getattr(request, "actor", None)

    @cached_property
    def frame(self) -> str:
        """Which base template fits whoever reads this: staff, auditor, or nobody signed in."""
        if self.organization is None or self.actor is None:
            return "base_public.html"
        return "base_auditor.html" if getattr(self.organization, "is_auditor", False) else "base.html"

    def _kept(self, name: str) -> str:
        return self.request.COOKIES.get(cookie_name(self.request, name), "")

    @cached_property
    def theme(self) -> str:
        chosen = self._kept("theme")
        if chosen not in (*THEMES, "auto"):
            chosen = getattr(getattr(self.request, "user", None), "theme", "") or ""
        return chosen if chosen in THEMES else ""

    @cached_property
    def are_keys_on(self) -> bool:
        return self._kept("keys") != "off"

    @cached_property
    def groups(self) -> list[tuple[str, list[Item]]]:
        if self.organization is None or self.actor is None:
            return []
        found = [(word, [item for place in places if (item := self._item(place))]) for word, places in GROUPS]
        return [(word, items) for word, items in found if items]

    def _item(self, place: Place) -> Item | None:
        if not any(self.actor.may(permission) for permission in place.needs):  # type: ignore[union-attr]
            return None
        url = address(self.organization.slug, place.path, place.names)  # type: ignore[union-attr]
        return Item(place, url, self._current == place.key, self.request) if url else None

    @cached_property
    def _current(self) -> str:
        """The key of the place whose address begins this one, the longest of them."""
        home = f"/o/{self.organization.slug}/"  # type: ignore[union-attr]
        here, best, found = self.request.path, "", ""
        for _, places in GROUPS:
            for place in places:
                url = address(self.organization.slug, place.path, place.names).rstrip("/")  # type: ignore[union-attr]
                exact = here.rstrip("/") == url
                below = f"{url}/" != home and here.startswith(f"{url}/")
                if url and (exact or below) and len(url) > len(best):
                    best, found = url, place.key
        return found

    @cached_property
    def items(self) -> list[Item]:
        return [item for _, items in self.groups for item in items]

    @cached_property
    def keyed(self) -> list[Item]:
        return [item for item in self.items if item.place.letter]

    @cached_property
    def tabs(self) -> list[Item]:
        """The four that a phone shows; the rest stand under More."""
        order = {"readiness": 0, "triage": 1, "me": 2, "approvals": 3}
        return sorted(self.items, key=lambda item: order.get(item.place.key, 9))[:TABS]

    @cached_property
    def alarms(self) -> list[Alarm]:
        if self.organization is None or not can_ask() or getattr(self.organization, "is_support", False):
            return []
        return [bell for ring in _alarms if (bell := ring(self.request)) is not None]

    @cached_property
    def viewing(self) -> Any:
        """Through whose eyes this page is seen, or nothing."""
        return getattr(self.request, "viewing", None)

    @cached_property
    def notices(self) -> int:
        counter = _counters.get("notifications")
        return counter(self.request) if counter and self.organization is not None and can_ask() else 0

    def _inside(self, path: str, *names: str) -> str:
        return address(self.organization.slug, path, names) if self.organization is not None else ""

    @cached_property
    def home_url(self) -> str:
        return self.items[0].url if self.items else named("accounts:home") or "/"

    @cached_property
    def palette_url(self) -> str:
        return self._inside("palette", "search:palette", "palette:palette")

    @cached_property
    def notifications_url(self) -> str:
        return self._inside("notifications", "notifications:list")

    @cached_property
    def profile_url(self) -> str:
        return self._inside("profile", "people:profile")

    @cached_property
    def help_url(self) -> str:
        return self._inside("help", "help:home")

    @cached_property
    def glossary_url(self) -> str:
        return self._inside("glossary", "help:glossary")

    @cached_property
    def organizations_url(self) -> str:
        return named("accounts:home")

    @cached_property
    def keep_url(self) -> str:
        return named("accounts:keep_session")

    @cached_property
    def sign_out_url(self) -> str:
        return named("accounts:signout")

    @cached_property
    def sign_in_url(self) -> str:
        return named("accounts:signin")

    def _left(self, key: str, limit: int) -> int:
        stored = getattr(self.request, "session", {}).get(key)
        if not stored:
            return 0
        return max(0, int(limit - (clock.now() - datetime.fromisoformat(stored)).total_seconds()))

    @cached_property
    def session_ends(self) -> int:
        """Seconds to the absolute end of the session; 0 when there is none."""
        return self._left("started_at", settings.SESSION_ABSOLUTE_SECONDS)

    @cached_property
    def session_seconds(self) -> int:
        """Seconds that the session lives if nothing more is asked; 0 when there is none."""
        return min(self._left("seen_at", settings.SESSION_IDLE_SECONDS), self.session_ends)

    @property
    def idle_seconds(self) -> int:
        return int(settings.SESSION_IDLE_SECONDS)

    @cached_property
    def auditor_tabs(self) -> list[tuple[str, str, bool]]:
        """(word, address, current) for the engagement in the address; tabs without a page are left out."""
        match = self.request.resolver_match
        engagement = (match.kwargs if match else {}).get("engagement", "")
        if self.organization is None or not engagement:
            return []
        return list(self._auditor_tabs(str(engagement)))

    def _auditor_tabs(self, engagement: str) -> Iterator[tuple[str, str, bool]]:
        slug, here = self.organization.slug, self.request.path.rstrip("/")  # type: ignore[union-attr]
        for key, word, path in AUDITOR_TABS:
            url = named(f"auditor:{key}", organization=slug, engagement=engagement)
            if not url:
                url = address(slug, f"audit/{engagement}/{path}".rstrip("/"), ())
            bare = url.rstrip("/")
            if url:
                yield word, url, here == bare or (bool(path) and here.startswith(f"{bare}/"))


def shell(request: HttpRequest) -> dict[str, Any]:
    """The context processor."""
    frame = Shell(request)
    return {"shell": frame, "nav": SimpleLazyObject(lambda: frame.groups), "product": frame.product}
