"""The files a newcomer could have brought: the auditor's exceptions as CSV and XLSX, a SARIF and an OCSF scan.

They are written next to the installation's data, so that one can open them and import them again.
"""

import csv
import io
import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl

from portal.sample.exceptions import ADDENDUM, CLOUD, CODE, REPORT, Observed
from remediation.importers.template import TEMPLATE

HEADER = [name for name, _ in TEMPLATE]


def write(folder: Path, today: date) -> dict[str, Path]:
    """Write the four files and say where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "audit-report-exceptions.csv": _csv(REPORT, today),
        "audit-report-addendum.xlsx": _xlsx(ADDENDUM, today),
        "code-scan.sarif": _sarif(),
        "cloud-posture.ocsf.json": _ocsf(today),
    }
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in made}


def _rows(exceptions: Sequence[Observed], today: date) -> list[list[str]]:
    return [
        [
            one.key, one.control, one.criteria, one.title, one.sample, one.condition, one.cause, one.effect,
            one.severity.capitalize(), one.rating.capitalize(), (today - timedelta(days=one.days)).isoformat(), one.asset,
            "", "", f"Type II report {today.year}", str(one.page),
        ]
        for one in exceptions
    ]  # fmt: skip


def _csv(exceptions: Sequence[Observed], today: date) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADER)
    writer.writerows(_rows(exceptions, today))
    return out.getvalue().encode("utf-8-sig")


def _xlsx(exceptions: Sequence[Observed], today: date) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Exceptions"
    for row in [HEADER, *_rows(exceptions, today)]:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sarif() -> bytes:
    rules = {one.rule: {"id": one.rule, "shortDescription": {"text": one.title}} for one in CODE}
    results = [
        {
            "ruleId": one.rule,
            "level": one.level,
            "message": {"text": f"{one.title}. {one.words}"},
            "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": one.where}, "region": {"startLine": one.line}}}],
        }
        for one in CODE
    ]  # fmt: skip
    run = {"tool": {"driver": {"name": "Sample Code Scan", "version": "4.2", "rules": list(rules.values())}},
           "results": results}  # fmt: skip
    return _json({"version": "2.1.0", "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "runs": [run]})


def _ocsf(today: date) -> bytes:
    at = int(datetime(today.year, today.month, today.day).timestamp()) - 15 * 86400
    levels = {"Low": 2, "Medium": 3, "High": 4, "Critical": 5}
    return _json([
        {
            "class_uid": 2003, "class_name": "Compliance Finding", "category_uid": 2, "activity_id": 1, "type_uid": 200301,
            "time": at * 1000, "severity": one.severity, "severity_id": levels[one.severity],
            "status": "New", "status_id": 1, "status_code": one.status,
            "metadata": {"version": "1.4.0", "product": {"name": "Sample Cloud Posture", "vendor_name": "Sample"},
                         "event_code": one.check},
            "finding_info": {"uid": f"sample-{one.check}-{one.resource}", "title": one.title, "desc": one.words,
                             "created_time": at * 1000},
            "resources": [{"uid": f"arn:aws:sample:::{one.resource}", "name": one.resource, "type": "Resource"}],
            "compliance": {"control": one.check, "status": "Fail" if one.status == "FAIL" else "Pass",
                           "status_id": 3 if one.status == "FAIL" else 1, "standards": ["Sample baseline"]},
            "remediation": {"desc": "Change the setting and attach the configuration afterwards."},
        }
        for one in CLOUD
    ])  # fmt: skip


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1).encode()
