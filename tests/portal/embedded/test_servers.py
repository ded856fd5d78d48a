"""The embedded servers start, are shared, survive a kill -9, and end when nobody is left."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from portal.embedded import servers

PROJECT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.slow


@pytest.fixture
def root() -> Iterator[Path]:
    # Not pytest's own folder: its name is too long for a socket, and only its owner may enter it.
    folder = Path(tempfile.mkdtemp(prefix="clearhold-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder / "var"
    servers.stop(folder / "var")
    shutil.rmtree(folder)


def wait_for(question, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def state_of(root: Path) -> dict:
    return json.loads((root / "run" / "servers.json").read_text())


def alive(number: int) -> bool:
    return psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE


def write_row(urls: servers.Urls) -> None:
    with psycopg.connect(urls.database_owner_url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (42)")


def row_is_there(urls: servers.Urls) -> bool:
    with psycopg.connect(urls.database_owner_url) as connection:
        return connection.execute("SELECT n FROM kept").fetchone() == (42,)


@contextlib.contextmanager
def other_process(root: Path) -> Iterator[subprocess.Popen]:
    """Another command that uses the servers, until it is killed."""
    code = f"""
        import time
        from pathlib import Path
        from portal.embedded import servers
        servers.ensure(Path({str(root)!r}))
        print("up", flush=True)
        time.sleep(60)
    """
    words = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"up\n"
            yield process
        finally:
            process.kill()


def test_they_keep_their_data_over_a_stop(root):
    with servers.serving(root) as urls:
        write_row(urls)
        redis.Redis.from_url(urls.redis_url).set("bell", "rung")
        assert servers.running(root)
    assert not servers.running(root)
    with servers.serving(root) as urls:
        assert row_is_there(urls)
        assert redis.Redis.from_url(urls.redis_url).get("bell") == b"rung"


def test_they_write_through_to_the_disk(root):
    with servers.serving(root) as urls:
        with psycopg.connect(urls.database_admin_url) as connection:
            shown = [connection.execute(f"SHOW {name}").fetchone()[0] for name in ("fsync", "synchronous_commit")]
        valkey = redis.Redis.from_url(urls.redis_url)
        assert shown == ["on", "on"]
        assert valkey.config_get("append*")["appendonly"] == "yes"
        assert valkey.config_get("append*")["appendfsync"] == "always"


def test_nobody_gets_in_without_a_password(root):
    with servers.serving(root) as urls:
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(
                urls.redis_url.split("@")[0].split(":")[0] + "://" + urls.redis_url.split("@")[1]
            ).ping()
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=str(root / "run"), dbname="clearhold", user="clearhold_app")
        assert (root / "keys" / "embedded.json").stat().st_mode & 0o077 == 0
        for folder in ("keys", "run", "log", "postgres", "valkey"):
            assert (root / folder).stat().st_mode & 0o077 == 0, folder


def test_two_who_come_at_once_share_them(root):
    with other_process(root):
        with other_process(root):
            keeper = state_of(root)["keeper"]
        time.sleep(0.5)
        assert servers.running(root)
        assert state_of(root)["keeper"] == keeper
    wait_for(lambda: not servers.running(root))


def test_nothing_stays_after_the_last_user_is_killed(root):
    with other_process(root):
        numbers = [state_of(root)["keeper"], *state_of(root)["servers"].values()]
        assert all(map(alive, numbers))
    wait_for(lambda: not any(map(alive, numbers)))


def test_nothing_stays_after_the_keeper_is_killed(root):
    if sys.platform != "linux":
        pytest.skip("only Linux tells a child of its parent's death; elsewhere the next start ends what was left")
    with other_process(root):
        numbers = list(state_of(root)["servers"].values())
        os.kill(state_of(root)["keeper"], signal.SIGKILL)
        wait_for(lambda: not any(map(alive, numbers)))
    with servers.serving(root):
        assert servers.running(root)


@pytest.mark.parametrize("name", ["PostgreSQL", "Valkey"])
def test_a_killed_server_comes_back_with_its_data(root, name):
    with servers.serving(root) as urls:
        write_row(urls)
        redis.Redis.from_url(urls.redis_url).set("bell", "rung")
        before = state_of(root)["servers"][name]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: state_of(root)["servers"][name] != before and state_of(root)["state"] == "serving")
        assert row_is_there(urls)
        assert redis.Redis.from_url(urls.redis_url).get("bell") == b"rung"


def test_all_killed_at_once_is_cleared_up_by_the_next_start(root):
    with other_process(root) as user:
        state = state_of(root)
        for number in (user.pid, state["keeper"], *state["servers"].values()):
            os.kill(number, signal.SIGKILL)
    assert (root / "postgres" / "postmaster.pid").exists()
    with servers.serving(root) as urls, psycopg.connect(urls.database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_stale_pid_file_whose_number_went_to_another_process_is_no_obstacle(root):
    with servers.serving(root):
        pass
    file = root / "postgres" / "postmaster.pid"
    file.write_text(f"{os.getpid()}\n{root}/postgres\n0\n5432\n\n\n\nready\n")
    if os.geteuid() == 0:
        shutil.chown(file, (root / "postgres").stat().st_uid)
    with servers.serving(root):
        assert servers.running(root)


def test_an_interrupted_first_start_is_begun_again(root):
    with servers.serving(root):
        pass
    (root / "postgres" / "PG_VERSION").unlink()
    with servers.serving(root) as urls, psycopg.connect(urls.database_url) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("clearhold_app",)


def test_another_users_folder_is_refused_with_a_reason(root, monkeypatch):
    root.mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(servers.ServersFailed, match="belongs to another user"):
        servers.ensure(root)


def test_root_can_run_them_where_only_root_may_enter(root):
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("needs root on Linux")
    root.parent.chmod(0o700)
    with servers.serving(root) as urls:
        write_row(urls)
        assert row_is_there(urls)
        # It can look everywhere, which it needs, and do nothing else that root can.
        status = Path(f"/proc/{state_of(root)['servers']['PostgreSQL']}/status").read_text()
        effective = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff"))
        assert int(effective, 16) in (1 << 1, 1 << 2)
    assert root.parent.stat().st_mode & 0o777 == 0o700


def as_nobody(code: str, home: Path) -> subprocess.CompletedProcess:
    nobody = pwd.getpwnam("nobody")
    needed = {*Path(sys.executable).resolve().parents, *Path(sys.executable).parents, *PROJECT.parents, PROJECT}
    if not all(folder.stat().st_mode & 0o001 for folder in needed):
        pytest.skip("an ordinary user can't reach this Python or this clone")
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=PROJECT,
        user=nobody.pw_uid,
        group=nobody.pw_gid,
        extra_groups=[],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )


def test_an_ordinary_user_can_run_them_and_another_can_not_look(root):
    if os.geteuid() != 0:
        pytest.skip("whoever runs this is an ordinary user, so every other test shows it")
    root.parent.chmod(0o777)
    done = as_nobody(
        f"""
        import os, psycopg
        from pathlib import Path
        from portal.embedded import servers
        with servers.serving(Path({str(root)!r})) as urls:
            with psycopg.connect(urls.database_url) as connection:
                print(os.getuid(), connection.execute("SELECT current_user").fetchone()[0])
        """,
        root.parent,
    )
    assert done.stdout.split() == [str(pwd.getpwnam("nobody").pw_uid), "clearhold_app"], done.stderr
    assert (root / "postgres").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    shutil.rmtree(root)


def test_what_root_starts_is_closed_to_an_ordinary_user(root):
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    with servers.serving(root):
        done = as_nobody(f"open({str(root / 'keys' / 'embedded.json')!r})", root.parent)
        assert "PermissionError" in done.stderr
        done = as_nobody(
            f"import psycopg; psycopg.connect(host={str(root / 'run')!r}, user='clearhold_app', dbname='clearhold')",
            root.parent,
        )
        assert done.returncode != 0
        assert psutil.Process(state_of(root)["servers"]["PostgreSQL"]).uids().real != 0
        assert psutil.Process(state_of(root)["servers"]["Valkey"]).uids().real != 0
