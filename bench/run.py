"""The measurements, in the order of the table."""

import gzip
from pathlib import Path

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench import access, duties, exhibits, imports, ledger, packages, seed, uploads, vault, verification
from bench.figures import Figure, figure, in_turn
from bench.server import Server, session


def everything(found: list[Figure], var: Path, *, small: int, middle: int, large: int, full: bool) -> None:
    """All figures, appended as they come, so that a failure keeps those before it."""
    places = {size: seed.organization(f"bench{size}", size) for size in (small, middle, large)}
    seed.analyse()
    server = Server(var / "web.log")
    try:
        lists(found, server, places, small, middle, large)
        found.append(figure("peak memory of a web worker", server.peak_mb(), "MB", limit=200))
        uploads.measure(found, var, server, places[small])
    finally:
        server.stop()
    sizes = (10_000, 100_000, 1_000_000) if full else (10_000, 100_000)
    vault.measure(found, var, full=full)
    imports.measure(found, var, slug=f"bench{small}", email=f"bea@bench{small}.example", sizes=sizes)
    access.measure(found, var, session)
    ledger.measure(found, var)
    duties.measure(found, var)
    for size in (1_000, 5_000) if full else (1_000,):
        packages.measure(found, var, size, beside_bare=size == 1_000)
    exhibits.measure(found, var)
    verification.measure(found, var)


def lists(found: list[Figure], server: Server, places: dict, small: int, middle: int, large: int) -> None:
    owner = str(places[middle][1]["engineer"].person_id)
    shapes = {
        "API list of 50": "",
        "API list of 50, by severity and owner": f"?severity=high&owner={owner}",
    }
    organization, _, secret = places[middle]
    token = {"Authorization": f"Bearer {secret}"}
    reference = f"/bench/reference/{organization.pk}/"
    for name, query in shapes.items():
        path = f"/api/v1/organizations/{organization.slug}/findings/{query}"
        ours, theirs = in_turn(lambda path=path: server.cpu_ms(path, token), lambda: server.cpu_ms(reference, {}))
        found.append(figure(f"{name}, {middle:,} findings", ours, "CPU ms", reference=theirs, limit=3))
        found.append(figure(f"{name}: queries", queries(path, token), "queries", limit=5))
    detail = f"/api/v1/organizations/{organization.slug}/findings/F-{middle // 2:03d}/"
    found.append(figure("API detail: queries", queries(detail, token), "queries", limit=6))
    found.append(figure("API detail", server.cpu_ms(detail, token), "CPU ms"))
    cookies = session(places[middle][1]["manager"])
    page = f"/o/{organization.slug}/findings"
    ours, theirs = in_turn(lambda: server.cpu_ms(page, cookies, 30), lambda: server.cpu_ms(reference, {}))
    found.append(figure(f"HTML list of 50, {middle:,} findings", ours, "CPU ms", reference=theirs, limit=5))
    _, body = server.get(page, cookies)
    found.append(figure("HTML list, gzipped", len(gzip.compress(body, 6)) / 1024, "KB", limit=40))
    found.append(figure("HTML list: queries", queries(page, cookies), "queries"))
    for name in (*shapes, "API detail", "HTML list of 50", "HTML list of 50, by severity and owner"):
        few, many = (address(places[size], size, name) for size in (small, large))
        ours, theirs = in_turn(lambda many=many: server.cpu_ms(*many, 30), lambda few=few: server.cpu_ms(*few, 30))
        found.append(figure(f"{name}, {large:,} against {small:,}", ours, "CPU ms", reference=theirs, limit=1.3))


def address(place: tuple, size: int, name: str) -> tuple[str, dict[str, str]]:
    """The path of a shape in an organization, and what signs its caller in."""
    organization, people, secret = place
    owner = people["engineer"].person_id
    query = f"?severity=high&owner={owner}" if "severity" in name else ""
    if name.startswith("HTML"):
        return f"/o/{organization.slug}/findings{query}", session(people["manager"])
    noun = f"F-{size // 2:03d}/" if "detail" in name else query
    return f"/api/v1/organizations/{organization.slug}/findings/{noun}", {"Authorization": f"Bearer {secret}"}


def queries(path: str, headers: dict[str, str]) -> int:
    """Statements that one request sends, transaction control left out."""
    client = Client()
    client.get(path, headers=headers)
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(path, headers=headers)
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}")
    control = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")
    return len([one for one in seen.captured_queries if not one["sql"].startswith(control)])
