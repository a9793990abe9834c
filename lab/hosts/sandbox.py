"""Starts scripts in their sandbox and collects what they print, as the agent does."""

from __future__ import annotations

import contextlib
import io
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from lab.hosts.machine import KILLED, Finished, Stopper
from lab.hosts.sandbox_child import HANDLES, NOBODY, PLACES
from lab.shims import template

CHILD = Path(__file__).with_name("sandbox_child.py")
SHIMS = template.BIN.parent
SCRIPT = "_script.sh"
KEPT_BYTES = 64 * 1024 * 1024  # of one stream; more is read and thrown away


@dataclass(frozen=True)
class Run:
    """One script: `root` is all it may change; `folder`, below `agent`, holds the script and gets stdout and stderr."""

    root: Path
    folder: Path
    environment: Mapping[str, str]
    timeout_s: float
    agent: Path | None = None  # the agent's own directory, as far as the script may read it; None: the folder

    @property
    def readable(self) -> Path:
        return self.agent or self.folder


class LeftBehind:
    """Processes of one host that outlived their script: only its group is killed, and `timeout` makes another."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def add(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._processes.append(process)

    def reap(self) -> None:
        """Forget those that have ended by themselves."""
        with self._lock:
            self._processes = [one for one in self._processes if one.poll() is None]

    def kill(self) -> None:
        """End all of them."""
        with self._lock:
            for process in self._processes:
                kill(process)
                process.wait()
            self._processes = []


def own(root: Path) -> None:
    """Give a host's files to the uid that its scripts run as."""
    if os.geteuid() == 0:
        for path in (root, *root.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


@cache
def namespaces() -> bool:
    """Whether this machine lets us make the namespaces; without them only the uid protects."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o755)
        (path / "root").mkdir()
        write_script(path, "exit 7\n")
        run = Run(path / "root", path, {"PATH": "/usr/bin:/bin"}, 20)
        return execute(run, Stopper(), isolated=True).code == 7


def places(*, isolated: bool) -> dict[str, str]:
    """Where the script sees its host, the shims and its own file."""
    return dict(PLACES) if isolated else {name: f"/proc/self/fd/{number}" for name, number in HANDLES.items()}


def write_script(folder: Path, text: str) -> None:
    """The step as a file: a `#!` line is honoured, as the real agent does."""
    path = folder / SCRIPT
    path.write_text(text)
    path.chmod(0o755)


def execute(
    run: Run, stopper: Stopper, left: LeftBehind | None = None, *, isolated: bool | None = None
) -> Finished:
    """Run to the end, the time-out (SIGKILL to the script's group, no trap runs) or a stop.

    After a cancel or a time-out other groups live on in `left`; when the power goes, or without it, all end.
    """
    isolated = namespaces() if isolated is None else isolated
    process, told = begin(run, isolated=isolated)
    stopper.on_stop(
        lambda: end(process, isolated=isolated) if stopper.why == "power" else kill_script(process)
    )
    in_time, answer = collect(process, told, run, stopper)
    stopper.done()
    if left and stopper.why != "power" and (stopper.why or not in_time):
        kill_script(process)
        left.add(process)
    else:
        end(process, isolated=isolated)
        process.wait()
    return finished(run, answer, in_time=in_time, stopped=stopper.why)


def begin(run: Run, *, isolated: bool) -> tuple[subprocess.Popen[bytes], int]:
    """The sandbox with its script, and the descriptor on which the exit code will be told."""
    seen = places(isolated=isolated)
    spec = {
        "namespaces": isolated,
        "host": str(run.root),
        "shims": str(SHIMS),
        "ssm": str(run.readable),
        "script": f"{seen['ssm']}/{run.folder.relative_to(run.readable) / SCRIPT}",
        "cwd": seen["host"],
        "env": dict(run.environment),
    }
    told, status = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(CHILD), json.dumps(spec), str(status)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[status],
        start_new_session=True,
        env={},
    )
    os.close(status)
    return process, told


def finished(run: Run, answer: bytes, *, in_time: bool, stopped: str) -> Finished:
    if stopped or not in_time:
        return Finished(KILLED, run.folder, timed_out=not stopped, stopped=stopped)
    # No answer: the sandbox itself failed; what it said is in stderr.
    return Finished(int(answer) if answer else 126, run.folder)


def kill_script(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the process group of the script alone: the sandbox passes it on."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)


def end(process: subprocess.Popen[bytes], *, isolated: bool) -> None:
    """Everything of the sandbox. Without namespaces the script's group must be ended before the sandbox is."""
    if not isolated:
        kill_script(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
    kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def collect(
    process: subprocess.Popen[bytes], told: int, run: Run, stopper: Stopper | None = None
) -> tuple[bool, bytes]:
    """Copy both streams until nobody holds them open and the exit code is told; False when time ran out first.

    Of a script that was stopped only the code is waited for: what outlives it may hold the streams.
    """
    deadline = time.monotonic() + run.timeout_s
    answer = io.BytesIO()
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
            assert stream is not None
            stack.enter_context(stream)
            selector.register(
                stream, selectors.EVENT_READ, stack.enter_context((run.folder / name).open("ab"))
            )
        selector.register(stack.enter_context(os.fdopen(told, "rb")), selectors.EVENT_READ, answer)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return False, answer.getvalue()
            for key, _ in selector.select(left):
                copy(key, selector)
            if stopper and stopper.why and answer.getvalue():
                break
    return True, answer.getvalue()


def copy(key: selectors.SelectorKey, selector: selectors.BaseSelector) -> None:
    file: IO[bytes] = key.data
    piece = os.read(key.fd, 65536)
    if not piece:
        selector.unregister(key.fileobj)
    elif file.tell() < KEPT_BYTES:
        file.write(piece)
