"""The first command a newcomer runs says what is missing, exactly, and installs only where it may."""

import subprocess

import pytest

import bootstrap


@pytest.fixture
def machine(monkeypatch):
    """A machine without rights, whose every started program is noted instead."""
    started: list[list[str]] = []

    def run(words, **options):
        started.append([str(word) for word in words])
        return subprocess.CompletedProcess(words, 0, "", "")

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name, path=None: None)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("CHROMIUM", raising=False)
    return started


def test_missing_libraries_are_named_with_both_ways_to_install_them(machine, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "loads", lambda name: "harfbuzz" not in name)
    assert bootstrap.main(["run"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "need HarfBuzz, HarfBuzz subset" in line
    assert "sudo apt-get install libpango-1.0-0" in line
    assert "brew install pango" in line
    assert machine == []


def test_root_on_debian_installs_them_through_apt(machine, monkeypatch):
    answers = iter([["Pango"], []])
    monkeypatch.setattr(bootstrap, "missing_libraries", lambda: next(answers))
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0)
    monkeypatch.setattr(
        bootstrap.shutil, "which", lambda name, path=None: f"/usr/bin/{name}" if name == "apt-get" else None
    )
    assert bootstrap.main([]) == 0
    assert machine[0][0] == "/usr/bin/apt-get"
    assert set(bootstrap.DEBIAN_LIBRARIES) <= set(machine[0])


def test_sudo_that_asks_for_a_password_is_not_used(machine, monkeypatch):
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda words, **o: subprocess.CompletedProcess(words, 1, "", ""))
    assert bootstrap.may_administer() is None
    assert not bootstrap.install(("pango",), "for a test")


def test_a_missing_browser_is_one_loud_line(machine, capsys):
    assert bootstrap.prepare_browser() == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("!!! No Chromium: the browser tests are SKIPPED.")
    assert "apt-get install chromium" in line


def test_in_ci_a_missing_browser_is_an_error(machine, monkeypatch, capsys):
    monkeypatch.setenv("CI", "true")
    assert bootstrap.prepare_browser() == 1
    assert "CI=true wants them" in capsys.readouterr().err


@pytest.mark.parametrize("ci", ["", "true"])
def test_what_is_large_is_installed_for_ci_alone_and_named_elsewhere(machine, monkeypatch, capsys, ci):
    monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0)
    monkeypatch.setattr(
        bootstrap.shutil, "which", lambda name, path=None: None if name == "soffice" else f"/usr/bin/{name}"
    )
    if ci:
        monkeypatch.setenv("CI", ci)
    assert bootstrap.prepare_programs() == (1 if ci else 0)
    assert any("libreoffice-writer-nogui" in words for words in machine) == bool(ci)
    assert "No soffice: the tests of office documents" in capsys.readouterr().err


def test_too_old_a_python_without_another_is_named(machine, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "OLDEST", (99, 0))
    assert bootstrap.main(["run"]) == 1
    assert "needs Python 99.0 or newer; found" in capsys.readouterr().err


def test_the_same_pins_are_installed_once(machine, monkeypatch, tmp_path):
    for name in bootstrap.REQUIREMENTS.values():
        (tmp_path / name).write_text("a==1\n")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    assert bootstrap.install_packages("dev")
    assert "--require-hashes" in machine[0]
    # What the tools need includes what runs.
    assert bootstrap.install_packages("dev")
    assert bootstrap.install_packages("run")
    assert len(machine) == 1
    (tmp_path / "requirements.txt").write_text("a==2\n")
    assert bootstrap.install_packages("run")
    assert len(machine) == 2
