"""Finds every process of one test by a mark in its environment, however deep and however orphaned."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from embedded.sockets import remove_socket_folder

ROOT = Path(__file__).resolve().parents[3]
TREE = Path(__file__).with_name("tree.py")


@dataclass
class Tree:
    """One supervisor in a process of its own, and all that descends from it."""

    folder: Path
    mark: str = field(default_factory=lambda: f"PATCH_PORTAL_TEST_TREE={uuid.uuid4().hex}")
    pids: dict[str, int] = field(default_factory=dict)
    supervisor: subprocess.Popen[str] | None = None
    sockets: str = ""
    seen: dict[int, str] = field(default_factory=dict)

    def start(self, kind: str) -> None:
        name, _, value = self.mark.partition("=")
        environment = os.environ | {name: value, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(TREE), kind, str(self.folder)]
        self.supervisor = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.supervisor.stdout
        self.pids = json.loads(self.supervisor.stdout.readline())
        self.sockets = str(self.pids.pop("sockets"))
        self.seen = descendants(self.supervisor.pid)

    def end(self, number: signal.Signals) -> None:
        """Signals the supervisor and waits for it, not for its children."""
        assert self.supervisor
        assert self.supervisor.stdout
        self.supervisor.send_signal(number)
        self.supervisor.wait(timeout=20)
        self.supervisor.stdout.close()

    def alive(self) -> dict[int, str]:
        """Command lines by process id of all that carries the mark or descended from the supervisor at its start.

        PostgreSQL and Valkey write their titles over their environment, so the mark alone would miss them.
        """
        return {
            pid: command(pid)
            for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*"))
            if command(pid) and (self.seen.get(pid) == born(pid) or self._marked(pid))
        }

    def _marked(self, pid: int) -> bool:
        return self.mark.encode() in read(pid, "environ").split(b"\0")


def descendants(pid: int) -> dict[int, str]:
    """Every process below this one, itself included, with the moment of its birth."""
    parents = {int(path.name): parent(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    found = {pid}
    while below := {child for child, above in parents.items() if above in found} - found:
        found |= below
    return {one: born(one) for one in found}


def read(pid: int, name: str) -> bytes:
    """A file of the process; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def command(pid: int) -> str:
    """The command line; empty for a zombie."""
    return read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def _stat(pid: int) -> list[str]:
    return read(pid, "stat").rpartition(b")")[2].decode().split() or [""] * 50


def parent(pid: int) -> int:
    return int(_stat(pid)[1] or 0)


def born(pid: int) -> str:
    return _stat(pid)[19]


def eventually(condition: Callable[[], bool], *, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    made = Tree(tmp_path)
    yield made
    for pid in made.alive():
        os.kill(pid, signal.SIGKILL)
    remove_socket_folder(Path(made.sockets))
