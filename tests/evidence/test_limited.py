"""A limited process reads by ranges, answers once, and fails alone."""

import io
import subprocess
import sys
import textwrap

import pytest

from evidence.limited import running
from evidence.limited.running import Failed, Limits


@pytest.fixture
def program(tmp_path, monkeypatch):
    """A program of the test's own, found beside the project's."""

    def written(body: str) -> str:
        (tmp_path / "of_the_test.py").write_text("def main(file, size, **asked):\n" + textwrap.indent(body, "    "))
        monkeypatch.setattr(running, "PACKAGES", (str(tmp_path),))
        return "of_the_test"

    return written


def run(name: str, data: bytes = b"0123456789", **given):
    return running.run(name, io.BytesIO(data), len(data), **given)


def test_it_reads_what_it_asks_for_and_answers_with_facts_and_bytes(program):
    name = program(
        "file.seek(4); part = file.read(3); file.seek(0, 2)\nreturn {'end': file.tell(), 'n': asked['n']}, part"
    )
    answer = run(name, request={"n": 7})
    assert (answer.facts, answer.data) == ({"end": 10, "n": 7}, b"456")


def test_what_libraries_print_is_no_answer(program):
    assert run(program("print('=' * 10, flush=True)\nreturn {'ok': True}, b''")).facts == {"ok": True}


def test_its_own_error_is_told_and_its_death_is_a_failure(program):
    assert run(program("raise ValueError('odd')")).facts == {"error": "ValueError: odd"}
    for body in ("import os; os.kill(os.getpid(), 9)", "import os; os._exit(0)"):
        with pytest.raises(Failed):
            run(program(body))


def test_it_has_little_time(program):
    with pytest.raises(Failed):
        run(program("import time; time.sleep(600)"), limits=Limits(wall_seconds=1.5))
    with pytest.raises(Failed):
        run(program("while True: pass"), limits=Limits(cpu_seconds=1, wall_seconds=120))


def test_it_has_little_memory_and_writes_no_file(program, tmp_path):
    answer = run(program("return {'n': len(bytes(600_000_000))}, b''"), limits=Limits(memory_bytes=300_000_000))
    assert answer.facts["error"].startswith("MemoryError")
    target = tmp_path / "written"
    body = f"with open({str(target)!r}, 'wb', buffering=0) as out:\n    out.write(bytes(100))\nreturn {{}}, b''"
    assert "File too large" in run(program(body)).facts["error"]
    assert not target.exists() or target.stat().st_size == 0


def test_a_range_beyond_the_file_is_refused(program):
    for words in ("99 1", "0 999999999", "x y", "-1 5"):
        body = "import os; fd = [f for f in range(3, 9) if os.path.exists(f'/proc/self/fd/{f}')]\n"
        body += f"for f in fd:\n    try:\n        os.write(f, b'{words}\\n')\n    except OSError:\n        pass\nreturn {{}}, b''"
        with pytest.raises(Failed):
            run(program(body))


def test_it_sees_neither_our_environment_nor_our_packages_settings(program, monkeypatch):
    monkeypatch.setenv("CLEARHOLD_VAULT_KEYS", "secret")
    answer = run(program("import os, sys\nreturn {'env': sorted(os.environ), 'django': 'django' in sys.modules}, b''"))
    assert "CLEARHOLD_VAULT_KEYS" not in answer.facts["env"]
    assert not answer.facts["django"]


@pytest.mark.parametrize(
    "name", ["evidence.intake.inside.looking", "evidence.intake.inside.extracting", "evidence.previews.inside.drawing"]
)
def test_a_program_imports_nothing_that_knows_the_database(name):
    code = f"import sys; sys.path[:0] = ['.']; import {name}; print([m for m in sys.modules if m.startswith(('django', 'psycopg', 'cryptography'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
