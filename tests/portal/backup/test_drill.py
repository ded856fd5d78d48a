"""`make backup-drill` as operators run it: a backup under load, a restore into an empty place, a comparison."""

import pytest

from portal.backup import drill

pytestmark = [pytest.mark.slow, pytest.mark.faults]


def test_the_drill_holds_while_somebody_writes(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(drill, "SEEDED", 12)
    assert drill.main(["--report", str(tmp_path / "report.md")]) == 0
    said = capsys.readouterr().out
    assert "The drill holds" in said and "the same in both places" in said
    assert "Result: every check holds." in (tmp_path / "report.md").read_text()


def test_a_backup_that_lost_a_file_does_not_pass(capsys, tmp_path):
    with drill.place() as root:
        made = drill.Drill(root)
        with drill.servers.serving(made.source):
            made.manage(made.source, "migrate", "--verbosity", "0")
            made.exercise("seed", "5")
            made.manage(made.source, "backup", made.backups, "--keys", made.keys)
        next(path for path in (made.backups / "files").rglob("*") if path.is_file()).unlink()
        assert drill.main(["--from", str(made.backups), "--keys", str(made.keys)]) == 1
    assert "has lost the file" in capsys.readouterr().out
