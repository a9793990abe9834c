"""Starts processes when they are ready to be used, starts them again when they die, and stops them in order.

No process outlives the supervisor: the kernel signals each child when its parent dies, and a guardian kills the
groups of those children. A child's parent is the thread that started it, so all threads that start processes live until
everything is stopped.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from embedded.errors import EmbeddedError

GUARDIAN = Path(__file__).with_name("guardian.py")
WATCH_EVERY_S = 0.2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
STEADY_AFTER_S = 30.0
LOG_KEEPS_BYTES = 10_000_000


def dies_with_parent(signal_name: str = "KILL") -> tuple[str, ...]:
    """The words before a command that make the kernel send it this signal when its parent dies."""
    return ("setpriv", "--pdeathsig", signal_name, "--")


@dataclass(frozen=True)
class Process:
    """One program to keep running. `ready` is asked until it says True; `user` is None for our own."""

    name: str
    argv: Sequence[str]
    ready: Callable[[], bool] = lambda: True
    environment: Mapping[str, str] | None = None
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 10.0
    ready_within_s: float = 60.0
    user: str | None = None


@dataclass
class _Running:
    process: Process
    child: subprocess.Popen[bytes]
    since: float = field(default_factory=time.monotonic)
    pause_s: float = FIRST_PAUSE_S
    again_at: float | None = None


class Supervisor:
    """Runs batches of processes; logs go to `logs/<name>.log`. Use as a context manager."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._lock = threading.RLock()
        self._batches: list[list[_Running]] = []
        self._watching, self._stopped = threading.Event(), threading.Event()
        self._guardian: subprocess.Popen[str] | None = None

    def __enter__(self) -> Supervisor:
        self.logs.mkdir(parents=True, exist_ok=True)
        self._start_guardian()
        self._watching.set()
        threading.Thread(target=self._watch, name="supervisor", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *processes: Process) -> None:
        """Starts these together and returns when all are ready. Raises EmbeddedError with the end of the log."""
        self.start_ahead(*processes)()

    def start_ahead(self, *processes: Process) -> Callable[[], None]:
        """Starts these together; what it returns waits until all are ready, as `start` does."""
        with self._lock:
            batch = [_Running(process, self._spawn(process)) for process in processes]
            self._batches.append(batch)

        def wait_until_ready() -> None:
            for running in batch:
                self._wait_until_ready(running)

        return wait_until_ready

    def stop(self) -> None:
        """Stops the batches in reverse order, each batch together. Safe to call twice."""
        self._watching.clear()
        with self._lock:
            while self._batches:
                self._stop_batch(self._batches.pop())
            self._stopped.set()
            self._dismiss_guardian("done\n")

    def dismiss(self, *names: str) -> None:
        """Stops these together and starts them no more."""
        with self._lock:
            leaving = [running for running in self._all() if running.process.name in names]
            self._batches = [[one for one in batch if one not in leaving] for batch in self._batches]
            self._stop_batch(leaving)

    def wait(self) -> None:
        """Returns when this is stopped from elsewhere; a signal interrupts it."""
        self._stopped.wait()

    def pids(self) -> dict[str, int]:
        """Process ids by name, of those that run now."""
        with self._lock:
            return {r.process.name: r.child.pid for r in self._all() if r.child.poll() is None}

    def log_of(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _all(self) -> list[_Running]:
        return [running for batch in self._batches for running in batch]

    def _spawn(self, process: Process) -> subprocess.Popen[bytes]:
        with self._open_log(process.name) as log:
            child = subprocess.Popen(
                process.argv,
                env=process.environment,
                cwd=process.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops them in order
                user=process.user,
                group="nogroup" if process.user else None,
                extra_groups=[] if process.user else None,
            )
        self._tell(f"+{child.pid} {3.0 if process.stop_signal == signal.SIGINT else 0.0}")
        return child

    @contextlib.contextmanager
    def _open_log(self, name: str) -> Iterator[IO[bytes]]:
        path = self.log_of(name)
        if path.exists() and path.stat().st_size > LOG_KEEPS_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            yield log

    def _wait_until_ready(self, running: _Running) -> None:
        process, deadline = running.process, time.monotonic() + running.process.ready_within_s
        while not self._ask(process):
            if running.child.poll() is not None:
                raise self._failure(process, f"{process.name} ended with code {running.child.returncode}.")
            if time.monotonic() > deadline:
                raise self._failure(process, f"{process.name} was not ready in {process.ready_within_s:g} s.")
            time.sleep(0.02)

    def _ask(self, process: Process) -> bool:
        try:
            return process.ready()
        except EmbeddedError as error:
            raise self._failure(process, str(error)) from None

    def _failure(self, process: Process, sentence: str) -> EmbeddedError:
        path = self.log_of(process.name)
        lines = path.read_text(errors="replace").splitlines()[-15:]
        return EmbeddedError(f"{sentence} The end of {path}:\n" + "\n".join(f"    {line}" for line in lines))

    def _watch(self) -> None:
        while self._watching.wait(0) and not self._stopped.wait(WATCH_EVERY_S):
            with self._lock:
                if self._watching.is_set():
                    self._tend()
        self._stopped.wait()  # children that this thread started would be signalled if it ended earlier

    def _tend(self) -> None:
        if self._guardian and self._guardian.poll() is not None:
            self._start_guardian()
        for running in self._all():
            if running.child.poll() is not None:
                self._revive(running)

    def _revive(self, running: _Running) -> None:
        now = time.monotonic()
        if running.again_at is None:
            steady = now - running.since > STEADY_AFTER_S
            running.pause_s = FIRST_PAUSE_S if steady else min(running.pause_s * 2, LONGEST_PAUSE_S)
            running.again_at = now + running.pause_s
            self._bury(running)
        if now >= running.again_at:
            running.child, running.since, running.again_at = self._spawn(running.process), now, None

    def _bury(self, running: _Running) -> None:
        """Kills what the dead leader left of its group, so that a new one does not meet it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.child.pid, signal.SIGKILL)
        self._tell(f"-{running.child.pid}")

    def _stop_batch(self, batch: list[_Running]) -> None:
        for running in batch:
            if running.child.poll() is None:
                running.child.send_signal(running.process.stop_signal)
        for running in batch:
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.child.wait(running.process.stop_within_s)
            self._bury(running)
            running.child.wait()

    def _start_guardian(self) -> None:
        self._dismiss_guardian("")
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARDIAN)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            cwd="/",
        )
        for running in self._all():
            self._tell(f"+{running.child.pid} {running.process.stop_within_s}")

    def _dismiss_guardian(self, last_words: str) -> None:
        if self._guardian:
            with contextlib.suppress(BrokenPipeError):
                self._guardian.communicate(last_words)
            self._guardian = None

    def _tell(self, line: str) -> None:
        if self._guardian and self._guardian.stdin:
            with contextlib.suppress(BrokenPipeError):  # the watch starts a new one and tells it all again
                self._guardian.stdin.write(line + "\n")
                self._guardian.stdin.flush()
