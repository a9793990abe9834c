"""Starts, enters and stops the namespaces of one root host."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.hosts import sandbox
from lab.hosts.machine import Finished, Stopper

CHILD = Path(__file__).with_name("root_child.py")
PYTHON = (sys.executable, "-I", "-S", str(CHILD))
STOP_TIMEOUT_S = 20
READ_ONLY = 1
Mount = tuple[str, str, str, int, str]  # source and target in the host, type, flags, options


class HostDown(RuntimeError):
    """The namespaces did not come up; the message is what the kernel said."""


@dataclass(frozen=True)
class Layout:
    """Where a host's files are on this machine. `small`: tmpfs options of a small disk, or empty."""

    folder: Path
    lower: Sequence[Path]
    hostname: str
    binds: Sequence[tuple[Path, str, int]]  # source, target in the host, flags
    small: str = ""
    booted_s: int = 0  # on the machine's clock that stands still in no sleep

    @property
    def merged(self) -> Path:
        return self.folder / "merged"

    def spec(self, *, restarted: bool) -> dict[str, Any]:
        places = {name: str(self.folder / name) for name in ("upper", "work", "merged", "disk")}
        for place in places.values():
            Path(place).mkdir(parents=True, exist_ok=True)
        return places | {
            "lower": [str(path) for path in self.lower],
            "hostname": self.hostname,
            "binds": [(str(source), target, flags) for source, target, flags in self.binds],
            "small": self.small,
            "booted_s": self.booted_s,
            "restarted": restarted,
        }


@dataclass
class Namespace:
    """A running host."""

    layout: Layout
    process: subprocess.Popen[bytes]
    first: int  # process id of the host's first process, as this machine sees it

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def run(
        self, command: Sequence[str], within: sandbox.Run, stopper: Stopper, mounts: Sequence[Mount] = ()
    ) -> Finished:
        """Run to the end, the time-out (SIGKILL to the process group) or a stop; output goes to `within.folder`."""
        spec = {
            "pid": self.first,
            "merged": str(self.layout.merged),
            "mounts": list(mounts),
            "command": list(command),
            "env": dict(within.environment),
        }
        told, status = os.pipe()
        process = subprocess.Popen(
            [*PYTHON, "enter", json.dumps(spec), str(status)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[status],
            start_new_session=True,
            env={},
        )
        os.close(status)
        stopper.on_stop(lambda: sandbox.kill(process))
        in_time, answer = sandbox.collect(process, told, within)
        stopper.done()
        sandbox.kill(process)
        process.wait()
        return sandbox.finished(within, answer, in_time=in_time, stopped=stopper.why)

    def stop(self) -> None:
        """Every process and mount of the host ends; a small disk's content is kept."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
        self.process.stdin.close()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.first, signal.SIGKILL)
            self.process.wait()


def start(layout: Layout, *, restarted: bool) -> Namespace:
    """Bring a host up. Raises HostDown."""
    spec = json.dumps(layout.spec(restarted=restarted))
    with (layout.folder / "console").open("wb") as console:
        process = subprocess.Popen(
            [*PYTHON, "boot", spec],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=console,
            start_new_session=True,
            env={"PATH": "/usr/bin:/bin"},
        )
    assert process.stdout is not None
    with process.stdout as stream:
        lines = [stream.readline().strip(), stream.readline().strip()]
    if lines[1] != b"up":
        process.kill()
        process.wait()
        raise HostDown((layout.folder / "console").read_text().strip()[-500:])
    return Namespace(layout, process, int(lines[0]))
