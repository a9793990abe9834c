"""The real PostgreSQL and Valkey: data survives, text behaves, every kind of user can run them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded import postgres as postgres_module
from embedded.identity import NAMESPACE, Identity, database_identity
from embedded.postgres import Postgres
from embedded.sockets import new_socket_folder, remove_socket_folder
from embedded.supervisor import Supervisor
from embedded.valkey import Valkey
from tests.integration.embedded.conftest import ROOT, eventually

as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root: it changes to other users")


@contextmanager
def running(folder: Path, identity: Identity | None = None) -> Iterator[tuple[Postgres, Valkey, Supervisor]]:
    sockets = new_socket_folder()
    try:
        with Supervisor(folder / "logs") as supervisor:
            database = Postgres(folder / "postgres", sockets, identity=identity)
            database.prepare()
            valkey = Valkey(folder / "valkey", sockets)
            supervisor.start(database.process(), valkey.process())
            yield database, valkey, supervisor
    finally:
        remove_socket_folder(sockets)


def ask_valkey(valkey: Valkey, *words: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(valkey.socket))
        client.sendall(" ".join(words).encode() + b"\r\n")
        return client.recv(1000).decode().split("\r\n")[-2]


def test_a_second_start_finds_the_data_of_the_first(tmp_path: Path) -> None:
    with running(tmp_path) as (database, valkey, _):
        database.ensure_database("portal")
        database.ask("portal", "create table kept (word text)")
        database.ask("portal", "insert into kept values ('patched')")
        ask_valkey(valkey, "SET", "queue", "waiting")
    with running(tmp_path) as (database, valkey, _):
        database.ensure_database("portal")
        assert database.ask("portal", "select word from kept") == "patched"
        assert ask_valkey(valkey, "GET", "queue") == "waiting"


def test_a_killed_database_comes_back_with_its_data(tmp_path: Path) -> None:
    with running(tmp_path) as (database, _, supervisor):
        database.ask("postgres", "create table kept as select 42 as answer")
        killed = supervisor.pids()["postgres"]
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: supervisor.pids().get("postgres", killed) != killed and database.ready())
        assert database.ask("postgres", "select answer from kept") == "42"


def test_case_and_search_work_for_every_script(tmp_path: Path) -> None:
    with running(tmp_path) as (database, _, _):
        assert database.ask("postgres", "select lower('ÄÖÜ ΔΙΑ'), 'Straßе' ilike 'STRA%'") == "äöü δια|t"


def test_an_interrupted_creation_starts_afresh(tmp_path: Path) -> None:
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with running(tmp_path) as (database, _, _):
        assert database.ask("postgres", "select 1") == "1"


def test_only_the_owner_can_reach_the_sockets() -> None:
    folder = new_socket_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(str(folder / ".s.PGSQL.5432.lock")) < 107
    remove_socket_folder(folder)


def test_only_our_own_socket_folders_are_removed(tmp_path: Path) -> None:
    remove_socket_folder(tmp_path)
    assert tmp_path.exists()


@as_root
def test_root_runs_the_database_in_a_namespace_and_keeps_the_files(tmp_path: Path) -> None:
    if database_identity().prefix != NAMESPACE:
        pytest.skip("user namespaces are blocked on this machine")
    with running(tmp_path) as (database, _, _):
        assert (database.data / "PG_VERSION").stat().st_uid == 0


@as_root
def test_root_without_namespaces_runs_the_database_as_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = Path(tempfile.mkdtemp(prefix="patch-portal-shared-"))
    shared.chmod(0o755)
    monkeypatch.setattr(postgres_module, "SHARED_COPIES", shared)
    try:
        with running(tmp_path, Identity(user="nobody")) as (database, _, _):
            assert database.ask("postgres", "select 1") == "1"
            assert (database.data / "PG_VERSION").stat().st_uid == 65534
    finally:
        shutil.rmtree(shared)


@as_root
@pytest.mark.parametrize(
    ("user", "kind"), [(65534, "a user with a name"), (54321, "a number without a name")]
)
def test_an_ordinary_user_runs_everything(user: int, kind: str) -> None:
    # setpriv keeps root's rights until it has found the program; a shell in between has none left.
    become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "sh", "-c", 'exec "$0" "$@"']
    if subprocess.run([*become, sys.executable, "-V"], check=False, capture_output=True, cwd=ROOT).returncode:
        pytest.skip("this Python or checkout lies in a folder that other users cannot read")
    folder = Path(tempfile.mkdtemp(prefix="patch-portal-user-"))
    os.chown(folder, user, user)
    program = [sys.executable, str(Path(__file__).with_name("tree.py")), "services", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen([*become, *program], env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert '"postgres"' in child.stdout.readline(), kind
        child.send_signal(signal.SIGINT)
    shutil.rmtree(folder)
