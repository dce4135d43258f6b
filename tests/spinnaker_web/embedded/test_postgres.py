"""The embedded PostgreSQL: one server per folder, a password for everybody, nothing lost when it is killed."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest

from clusters.providers.local.children import Child
from spinnaker_web.embedded import StartError, server, unprivileged
from spinnaker_web.embedded.postgres import Postgres
from tests.processes import eventually, is_running, living_in


def start(folder: Path, *, is_throwaway: bool = True) -> tuple[Postgres, Child]:
    postgres = Postgres(folder, is_throwaway=is_throwaway)
    postgres.initialise()
    child = Child(postgres.command(folder / "log"))
    postgres.wait_until_ready(child)
    return postgres, child


def stop(postgres: Postgres, child: Child) -> int:
    """As when the launcher's process ends, which lets go of its lock."""
    code = child.stop()
    os.close(postgres.lock)
    return code


def ask(url: str, question: str) -> list[tuple]:
    with psycopg.connect(url, connect_timeout=3) as connection:
        cursor = connection.execute(question)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with data and no server: copying it is faster than making one for each test."""
    folder = tmp_path_factory.mktemp("made") / "postgresql"
    stop(*start(folder))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "postgresql")


@pytest.fixture
def running(folder: Path):
    postgres, child = start(folder)
    yield postgres, child
    child.stop()


def test_a_fresh_folder_becomes_a_server_with_our_database(running):
    postgres, _ = running
    (row,) = ask(postgres.url, "SELECT current_database(), current_user, current_setting('server_encoding')")
    assert row == ("spinnaker", "spinnaker", "UTF8")


def test_upper_and_lower_know_more_than_ascii(running):
    assert ask(running[0].url, "SELECT upper('größe'), lower('ÉTÉ')") == [("GRÖßE", "été")]


def test_a_wrong_password_is_refused(running):
    postgres, _ = running
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        ask(postgres.url.replace(":" + postgres._password(), ":wrong"), "SELECT 1")


def test_the_password_is_for_our_eyes_and_on_no_command_line(running):
    postgres, child = running
    assert stat.S_IMODE((postgres.folder / "password").stat().st_mode) == 0o600
    assert postgres._password() not in " ".join(child.command.argv)


def test_it_listens_on_this_host_only_and_has_no_unix_socket(running):
    settings = ask(
        running[0].url, "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')"
    )
    assert settings == [("127.0.0.1", "")]


def test_it_stops_at_once_although_clients_are_connected(running):
    postgres, child = running
    with psycopg.connect(postgres.url):
        assert child.stop(grace_seconds=5) == 0


def test_a_second_server_on_the_folder_is_refused_in_one_sentence(running, monkeypatch):
    monkeypatch.setattr(server, "PREDECESSOR_SECONDS", 0.1)
    with pytest.raises(StartError, match=r"^Another PostgreSQL is running on .*\.$"):
        Postgres(running[0].folder).initialise()


def test_a_server_somebody_started_by_hand_is_not_joined(running, tmp_path: Path, monkeypatch):
    postgres, child = running
    monkeypatch.setattr("spinnaker_web.embedded.lock.hold", lambda *_: 0)
    with pytest.raises(StartError, match=f"process {child.pid}, is running"):
        Postgres(postgres.folder).initialise()


def test_what_was_committed_survives_the_death_of_the_server(folder: Path):
    postgres, child = start(folder, is_throwaway=False)
    ask(postgres.url, "CREATE TABLE kept (word text)")
    ask(postgres.url, "INSERT INTO kept VALUES ('still here')")
    child.signal(signal.SIGKILL)
    stop(postgres, child)
    postgres, child = start(folder, is_throwaway=False)
    assert ask(postgres.url, "SELECT word FROM kept") == [("still here",)]
    stop(postgres, child)


def test_a_dead_servers_number_that_now_belongs_to_another_process_does_not_matter(folder: Path):
    (folder / "data" / "postmaster.pid").write_text(f"{os.getppid()}\n{folder / 'data'}\n1\n5432\n\n127.0.0.1\n")
    stop(*start(folder))


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_a_killed_launcher_leaves_no_server_and_the_next_one_waits_for_its_end(folder: Path):
    program = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from tests.spinnaker_web.embedded.test_postgres import start
        postgres, child = start(Path(sys.argv[1]))
        print(child.pid, flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE, text=True) as launcher:
        pid = int(launcher.stdout.readline())
        launcher.kill()
    postgres, child = start(folder)
    assert not is_running(pid)
    stop(postgres, child)
    assert eventually(lambda: not living_in(folder))


def test_making_the_data_can_be_interrupted(folder: Path):
    shutil.rmtree(folder / "data")
    (folder / "data.new").mkdir()
    (folder / "data.new" / "PG_VERSION").write_text("half")
    stop(*start(folder))


def test_data_of_another_major_version_is_named(folder: Path):
    (folder / "data" / "PG_VERSION").write_text("19\n")
    with pytest.raises(StartError, match="was written by PostgreSQL 19, and this release brings 18"):
        Postgres(folder).initialise()


def test_a_server_that_cannot_start_says_why(folder: Path):
    with (folder / "data" / "postgresql.conf").open("a") as configuration:
        configuration.write("shared_buffers = nonsense\n")
    with pytest.raises(StartError, match=r"PostgreSQL ended with exit code 1 instead of starting\. .*"):
        start(folder)


def test_a_failure_to_make_the_data_says_why(tmp_path: Path, monkeypatch):
    (tmp_path / "postgresql" / "data.new").mkdir(parents=True)
    monkeypatch.setattr("spinnaker_web.embedded.postgres._INITDB", "--no-such-option")
    with pytest.raises(StartError, match=r"could not make its data in .*: .*unrecognized option"):
        Postgres(tmp_path / "postgresql").initialise()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
class TestAsRoot:
    def test_without_user_namespaces_it_becomes_somebody_else(self, made: Path, monkeypatch):
        folder = Path("/tmp") / f"spinnaker-setpriv-{os.getpid()}"  # the folders pytest makes are closed to others
        shutil.copytree(made, folder)
        works = unprivileged._works
        monkeypatch.setattr(unprivileged, "_works", lambda argv: argv[0] != "unshare" and works(argv))
        try:
            postgres, child = start(folder)
            assert postgres.data.stat().st_uid == Path(f"/proc/{child.pid}").stat().st_uid != 0
            assert ask(postgres.url, "SELECT 1") == [(1,)]
            stop(postgres, child)
        finally:
            shutil.rmtree(folder)

    def test_where_neither_way_is_open_it_says_so(self, folder: Path, monkeypatch):
        monkeypatch.setattr(unprivileged, "_works", lambda argv: False)
        with pytest.raises(StartError, match="refuses to run as root, this host allows no user namespaces"):
            Postgres(folder).initialise()

    def test_data_comes_back_to_root_when_namespaces_are_allowed_again(self, folder: Path):
        unprivileged._give(folder, 65534, 65534)
        postgres, child = start(folder)
        assert postgres.data.stat().st_uid == 0
        stop(postgres, child)
