"""PostgreSQL and Valkey for one test run, shared by all its workers: fast, in memory where there is room, thrown away.

Run as a program by the test run's first process: `python -m tests.servers FOLDER SOCKETS`. It stops when its standard
input ends, which is when that process ends, however it ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.postgres import Postgres
from embedded.sockets import new_socket_folder, remove_socket_folder
from embedded.supervisor import Supervisor
from embedded.valkey import Valkey

ROOT = Path(__file__).resolve().parent.parent
START_WITHIN_S = 60.0


@dataclass(frozen=True)
class RunServers:
    """Where the servers of this run are. They may still be starting; `wait()` before the first use."""

    folder: Path
    sockets: Path

    def environment(self) -> dict[str, str]:
        """What the settings read, as in production, with the servers' addresses."""
        return {
            "DATABASE_URL": f"postgres://postgres@/portal?host={self.sockets}",
            "REDIS_URL": f"unix://{self.sockets / 'valkey.sock'}",
            "SECRET_KEY": "only-for-tests-only-for-tests-only-for-tests",
            "RESULTS_BUCKET": "patch-portal-results",
            "PLAIN_STATIC": "true",
            "STATIC_ROOT": str(self.folder / "static"),
            "PLACES_AT_ONCE": "1",  # one after the other, so that the same test does the same twice
            "REQUEST_SECONDS": "60",  # a machine that is busy with tests refuses none of their pages
        }

    def wait(self) -> None:
        deadline = time.monotonic() + START_WITHIN_S
        while not (self.folder / "ready").exists():
            if (self.folder / "failed").exists():
                raise RuntimeError((self.folder / "failed").read_text())
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f"PostgreSQL and Valkey did not start in {START_WITHIN_S:g} s: {self.folder}"
                )
            time.sleep(0.01)


def start() -> tuple[RunServers, subprocess.Popen[bytes]]:
    """Starts them in the background. Close the process's standard input and wait for it to end them."""
    memory = Path("/dev/shm")
    place = str(memory) if os.access(memory, os.W_OK) else None
    servers = RunServers(Path(tempfile.mkdtemp(prefix="patch-portal-test-", dir=place)), new_socket_folder())
    (servers.folder / "static").mkdir()  # the middleware that serves it warns where there is none
    command = [sys.executable, "-m", "tests.servers", str(servers.folder), str(servers.sockets)]
    return servers, subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)


def main() -> None:
    servers = RunServers(Path(sys.argv[1]), Path(sys.argv[2]))
    try:
        serve(servers)
    except EmbeddedError as error:
        (servers.folder / "failed").write_text(str(error))
        sys.stdin.read()
    finally:
        remove_socket_folder(servers.sockets)
        shutil.rmtree(servers.folder)


def serve(servers: RunServers) -> None:
    """Runs both until standard input ends."""
    postgres = Postgres(servers.folder / "postgres", servers.sockets, durable=False)
    postgres.prepare()
    with Supervisor(servers.folder / "logs") as supervisor:
        supervisor.start(
            postgres.process(), Valkey(servers.folder / "valkey", servers.sockets, durable=False).process()
        )
        (servers.folder / "ready").touch()
        sys.stdin.read()


if __name__ == "__main__":
    main()
