"""What must be true before the first page: tables and static files are up to date. Cheap when they are."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from embedded.errors import EmbeddedError
from embedded.postgres import Postgres, literal
from embedded.site import PYTHON, ROOT

Manage = Callable[..., str]
# Apps of ours may lie at the top or inside portal; packages from outside change with their lock.
MIGRATIONS = (
    "*/migrations/*.py",
    "portal/*/migrations/*.py",
    "portal/audit/database_roles.py",
    "requirements.txt",
)
NOT_STARTED = "Patch Portal did not start. "  # as portal/start.py begins it
STATIC = ("static/**/*", "portal/settings.py", "requirements.txt")


def fingerprint(patterns: Iterable[str], *, root: Path = ROOT) -> str:
    """A hash that changes when any file that matches does (by path, size and time of change)."""
    files = sorted({path for pattern in patterns for path in root.glob(pattern) if path.is_file()})
    facts = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def migrate_if_needed(database: Postgres, name: str, manage: Manage) -> None:
    """Migrates unless the database's own comment says that it has exactly these migrations."""
    wanted = fingerprint(MIGRATIONS)
    seen = database.ask(
        "postgres",
        f"select shobj_description(oid, 'pg_database') from pg_database where datname = {literal(name)}",
    )
    if seen != wanted:
        manage("migrate", "--no-input", "--verbosity", "0")
        manage("database_roles")
        database.ask("postgres", f'comment on database "{name}" is {literal(wanted)}')


def collect_static_if_needed(folder: Path, manage: Manage) -> None:
    mark, wanted = folder.with_name(folder.name + ".mark"), fingerprint(STATIC)
    if not mark.exists() or mark.read_text() != wanted:
        manage("collectstatic", "--no-input", "--clear", "--verbosity", "0")
        mark.write_text(wanted)


def together(*jobs: Callable[[], None]) -> None:
    """Runs the jobs at the same time; raises the first failure after all have ended."""
    with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
        for future in [pool.submit(job) for job in jobs]:
            future.result()


def run_manage(arguments: tuple[str, ...], environment: dict[str, str]) -> str:
    """Runs `manage.py` and returns what it printed. Raises EmbeddedError with its last words."""
    command = [PYTHON, str(ROOT / "manage.py"), *arguments]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        _, its_own, sentence = done.stderr.rpartition(NOT_STARTED)
        if its_own:  # a setting is missing or wrong, and the sentence says which
            raise EmbeddedError(sentence.strip())
        words = (done.stderr or done.stdout).strip().splitlines()[-15:]
        raise EmbeddedError(
            f"manage.py {' '.join(arguments)} ended with code {done.returncode}:\n" + "\n".join(words)
        )
    return done.stdout
