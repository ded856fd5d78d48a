"""Two issues compared: what came, what was closed, what differs, and nothing else."""

from dataclasses import replace

from portal.packages import comparing
from tests.portal.packages import sample


def test_a_snapshot_does_not_differ_from_itself():
    rows = sample.snapshot()
    found = comparing.compare(rows, rows)
    assert found.is_empty and not found.findings_closed
    assert found.unchanged == len(rows.findings) + len(rows.exhibits)


def test_what_was_added_closed_changed_and_left_out_is_told_by_its_number():
    after = sample.snapshot()
    first, second, *others = after.findings
    paper, *papers = after.exhibits
    before = replace(
        after,
        findings=(replace(first, state="in_remediation", closed_on=None), replace(second, severity="low", plan="Other."),
                  *others[1:], replace(others[0], ref="F-900", title="Left")),
        exhibits=(replace(paper, sha256="0" * 64, version=9), *papers[1:], replace(papers[0], number="E-900")),
    )  # fmt: skip
    assert first.is_closed
    found = comparing.compare(before, after)
    assert [row.ref for row in found.findings_added] == [others[0].ref]
    assert [row.ref for row in found.findings_removed] == ["F-900"]
    assert [row.ref for row in found.findings_closed] == [first.ref]
    changes = {change.ref: {one.word: (one.before, one.after) for one in change.differences} for change in found.findings_changed}  # fmt: skip
    assert changes[first.ref] == {"State": ("in_remediation", first.state)}
    assert changes[second.ref] == {"Severity": ("low", second.severity), "Plan": ("", "")}, "a long text is only named"
    assert set(changes) == {first.ref, second.ref}
    assert [row.number for row in found.exhibits_added] == [papers[0].number]
    assert [row.number for row in found.exhibits_removed] == ["E-900"]
    [change] = found.exhibits_changed
    assert (change.ref, [one.word for one in change.differences]) == (paper.number, ["File", "Version"])
