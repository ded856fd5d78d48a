"""The report of a restore, for people and for the restore-test control; it states what was found and judges nothing."""

from typing import Any

from evidence.vault.services import readable
from portal.backup.proving import Proof


def markdown(proof: Proof, manifest: dict[str, Any], name: str) -> str:
    """The report as Markdown, which reads well as plain text too."""
    told = manifest["files"]
    found = "every check holds" if proof.holds else f"{len(proof.faults)} checks do not hold"
    lines = [
        f"# Restore test of the backup {name}",
        "",
        f"Result: {found}.",
        "",
        f"- State restored: {manifest['snapshot_at']}",
        f"- Restored and checked: {proof.began_at:%Y-%m-%d %H:%M:%S} to {proof.ended_at:%Y-%m-%d %H:%M:%S} UTC",
        f"- Rows: {sum(each['rows'] for each in manifest['tables']):,} in {len(manifest['tables'])} tables",
        f"- Stored files: {told['count']:,}, {readable(told['stored_bytes'])} sealed",
        f"- PostgreSQL at the source: {manifest['postgresql']}",
        "",
    ]
    if proof.faults:
        lines += ["## What does not hold", "", *(f"- {_cell(fault)}" for fault in proof.faults), ""]
    lines += ["## Checks", "", "| check | expected | found | holds |", "|---|---|---|---|"]
    lines += [
        f"| {_cell(each.subject)} | {_cell(each.expected)} | {_cell(each.found)} | {'yes' if each.holds else 'NO'} |"
        for each in proof.checks
    ]
    lines += ["", "## Histories", "", "| organization | events | root | waiting |", "|---|---|---|---|"]
    for each in manifest["organizations"]:
        history = each["ledger"]
        lines.append(
            f"| {_cell(each['name'])} ({each['slug']}) | {history['size']:,} | `{history['root']}` | {history['waiting']} |"
        )
    lines += ["", "## Rows by table", "", "| table | rows | SHA-256 of the file |", "|---|---|---|"]
    lines += [f"| {each['table']} | {each['rows']:,} | `{each['sha256']}` |" for each in manifest["tables"]]
    lines += [
        "",
        f"Not part of a backup: {', '.join(manifest['left_out'])}. Everybody signs in anew, and half received files are sent again.",
        "",
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
