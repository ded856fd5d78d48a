"""Evidence files of the sample: small, plausible, in our own words, with nobody's real data."""

import io
import json
from dataclasses import dataclass
from datetime import date, timedelta

from PIL import Image, ImageDraw

from portal.sample import NAME


@dataclass(frozen=True)
class Proof:
    """A file with what is stated about it."""

    filename: str
    data: bytes
    title: str
    kind: str
    source: str
    query: str
    rows: int | None = None


def leavers(today: date) -> Proof:
    lines = ["week_ending,leavers,deactivated_within_24h,exceptions"]
    for week in range(12, 0, -1):
        lines.append(f"{today - timedelta(weeks=week)},{3 + week % 4},{3 + week % 4},0")
    return Proof("leaver-reconciliation.csv", _lines(lines), "Leaver reconciliation, 12 weeks", "report",
                 "HR system joined with Salesforce users", "SELECT person, last_day, deactivated_at FROM leavers", 12)  # fmt: skip


def deploys(today: date) -> Proof:
    lines = ["deployed_at,change,author,approver,separate"]
    authors = ("m.odell", "a.bello", "k.ito")
    for number in range(40):
        author, approver = authors[number % 3], authors[(number + 1) % 3]
        lines.append(f"{today - timedelta(days=40 - number)},CHG-{1200 + number},{author},{approver},yes")
    return Proof("deployments-and-approvers.csv", _lines(lines), "Deployments with author and approver", "log",
                 "Deployment pipeline", "export --environment production --last 40", 40)  # fmt: skip


def restore(today: date) -> Proof:
    text = [
        f"restore test of {NAME}, {today - timedelta(days=3)}",
        "source       backup of the primary database, taken 02:00 UTC",
        "target       isolated account, empty instance",
        "started      09:12 UTC",
        "finished     10:01 UTC (49 minutes, objective 240)",
        "tables       212 of 212",
        "rows         48,211,904 expected, 48,211,904 found",
        "checksums    212 of 212 equal",
        "result       complete",
    ]
    return Proof("restore-test.log", _lines(text), "Restore test of student records", "log", "Backup service",
                 "restore --latest --verify-checksums", 212)  # fmt: skip


def settings_of(name: str, values: dict[str, object]) -> Proof:
    data = json.dumps({"system": name, "settings": values}, indent=1).encode()
    return Proof(f"{name.lower().replace(' ', '-')}.json", data, f"Settings of {name}", "config", name,
                 f"GET /settings of {name}", len(values))  # fmt: skip


def screen(title: str, lines: list[str], today: date) -> Proof:
    picture = Image.new("RGB", (960, 420), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 960, 44), fill=(11, 100, 119))
    draw.text((20, 14), f"{title}   signed in as m.odell   {today - timedelta(days=2)} 10:14 UTC", fill="white")
    for number, line in enumerate(lines):
        draw.text((20, 70 + 34 * number), line, fill=(21, 34, 37))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return Proof(f"{title.lower().replace(' ', '-')}.png", out.getvalue(), f"{title}, whole screen", "screenshot", title,
                 "Settings, as shown to an administrator")  # fmt: skip


def table(filename: str, title: str, source: str, header: str, rows: list[str], kind: str = "report") -> Proof:
    return Proof(filename, _lines([header, *rows]), title, kind, source, f"export of {source}", len(rows))


def _lines(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()
