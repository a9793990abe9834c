"""The whole portal on one machine: PostgreSQL, Valkey, the simulated AWS if wanted, web, workers and beat."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from embedded import preparation, site
from embedded.errors import EmbeddedError
from embedded.postgres import Postgres
from embedded.sockets import remove_socket_folder, socket_folder
from embedded.supervisor import Process, Supervisor, dies_with_parent
from embedded.valkey import Valkey

HOST, DATABASE, ROLE = "127.0.0.1", "portal", "portal"
# Bytecode files halve the time to the first page, so a shell that turned them off does not decide for the site.
NOT_FOR_CHILDREN = ("PYTHONDONTWRITEBYTECODE", "DJANGO_SETTINGS_MODULE", "DATABASE_OWNER_URL")


@dataclass(frozen=True)
class LabOptions:
    """The simulated AWS beside the site: a scenario file, its speed, its port (0 = any free one)."""

    scenario: Path
    time_scale: float = 1.0
    port: int = 0


class Stack:
    """Everything running while the context is open. Raises EmbeddedError with a sentence when a part cannot start.

    `environment` is added to that of every process; a DATABASE_URL or REDIS_URL in it replaces the embedded server,
    and a DATABASE_OWNER_URL beside the former is the role that migrates.
    With `workers=False` only the site runs until `start_workers()`.
    """

    def __init__(
        self,
        *,
        state: Path,
        port: int = 8000,
        environment: Mapping[str, str] | None = None,
        lab: LabOptions | None = None,
        workers: bool = True,
    ) -> None:
        self.state, self.lab, self.workers = state.resolve(), lab, workers
        self.port = port or free_port()
        self.supervisor = Supervisor(self.state / "logs")
        self.postgres: Postgres | None = None
        self.environment = dict(environment or {})
        self._owner = self.environment.pop("DATABASE_OWNER_URL", "")
        self._open = ExitStack()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Stack:
        try:
            self._open.enter_context(_only_one(self.state))
            refuse_taken_port(self.port)
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def start_workers(self) -> None:
        """Starts workers and beat; they need no readiness: the rows wait for them."""
        environment = self.environment_of_children()
        self.supervisor.start(*site.workers(environment), site.beat(self.state, environment))

    def run_manage(self, *arguments: str) -> str:
        """Runs `manage.py` against this stack and returns what it printed. Raises EmbeddedError."""
        return preparation.run_manage(arguments, self.environment_of_children())

    def pids(self) -> dict[str, int]:
        return self.supervisor.pids()

    def wait(self) -> None:
        """Returns when somebody interrupts; the processes are kept alive meanwhile."""
        self.supervisor.wait()

    def environment_of_children(self) -> dict[str, str]:
        """This process's environment, with what the stack knows on top."""
        inherited = {key: value for key, value in os.environ.items() if key not in NOT_FOR_CHILDREN}
        return inherited | self.environment

    def _start(self) -> None:
        sockets = socket_folder(self.state)
        self._open.callback(remove_socket_folder, sockets)
        self._open.enter_context(self.supervisor)
        self._settle_environment()
        self.supervisor.start(*self._servers(sockets))
        # No page asks AWS for anything: the site is there before the simulated AWS is.
        lab_is_ready = self.supervisor.start_ahead(*([self._lab_process(self.lab)] if self.lab else []))
        self._prepare()
        self.supervisor.start(site.web(HOST, self.port, self.environment_of_children()))
        lab_is_ready()
        if self.workers:
            self.start_workers()

    def _settle_environment(self) -> None:
        defaults = {
            "SECRET_KEY": secret_key(self.state),
            "ALLOWED_HOSTS": f"{HOST},localhost",
            "PORTAL_URL": self.url,
            "STATIC_ROOT": str(self.state / "static"),
            "PYTHONUNBUFFERED": "1",
            "PYTHONTZPATH": "",  # the packaged time zones: the machine's own may be old
        }
        self.environment = defaults | self.environment

    def _servers(self, sockets: Path) -> list[Process]:
        servers = []
        if "DATABASE_URL" not in self.environment:
            self.postgres = Postgres(self.state / "postgres", sockets)
            self.postgres.prepare()
            self.environment["DATABASE_URL"] = self.postgres.url(DATABASE, role=ROLE)
            self._owner = self.postgres.url(DATABASE)
            servers.append(self.postgres.process())
        if "REDIS_URL" not in self.environment:
            valkey = Valkey(self.state / "valkey", sockets)
            self.environment["REDIS_URL"] = valkey.url
            servers.append(valkey.process())
        return servers

    def _lab_process(self, lab: LabOptions) -> Process:
        port = lab.port or free_port()
        self.environment["AWS_ENDPOINT_URL"] = f"http://{HOST}:{port}"
        command = [sys.executable, "-m", "lab", "--scenario", str(lab.scenario), "--port", str(port)]
        command += ["--state", str(self.state / "lab"), "--time-scale", str(lab.time_scale)]
        return Process(
            name="lab",
            argv=(*dies_with_parent(), *command),
            environment=self.environment_of_children(),
            cwd=site.ROOT,
            ready=lambda: site.answers(HOST, port, "/lab/hosts"),
        )

    def _prepare(self) -> None:
        static = Path(self.environment["STATIC_ROOT"])
        preparation.together(
            self._migrate, lambda: preparation.collect_static_if_needed(static, self.run_manage)
        )

    def _migrate(self) -> None:
        if self.postgres is None:
            self._run_as_owner("migrate", "--no-input", "--verbosity", "0")
            if self._owner:
                self._run_as_owner("database_roles")
            return
        self.postgres.ensure_database(DATABASE)
        preparation.migrate_if_needed(self.postgres, DATABASE, self._run_as_owner)

    def _run_as_owner(self, *arguments: str) -> str:
        """Only these commands are told how the role that owns the tables signs in."""
        owner = {"DATABASE_OWNER_URL": self._owner} if self._owner else {}
        return preparation.run_manage(arguments, self.environment_of_children() | owner)


def secret_key(state: Path) -> str:
    """The key of this state folder, made once, readable by its owner only."""
    path = state / "secret-key"
    if not path.exists():
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def refuse_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise EmbeddedError(
                f"Port {port} cannot be used ({error.strerror}); choose another with --port."
            ) from error


def _only_one(state: Path) -> IO[str]:
    """Holds the state folder for this process. Raises EmbeddedError when another one has it."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (state / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise EmbeddedError(f"Another Patch Portal runs on {state}; stop it first.") from None
    return lock
