"""What every simulated machine can do, whatever stands behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

KILLED = 137


@dataclass(frozen=True)
class Job:
    """One step of a document for one machine. `timeout_s` is in real seconds."""

    command_id: str
    region: str
    document_name: str
    step: str
    script: str
    parameters: Mapping[str, str]
    timeout_s: float
    again: bool = False  # after a reboot: output is appended
    environment: Mapping[str, str] = field(default_factory=dict)  # SSM_<name> of ENV_VAR parameters


@dataclass(frozen=True)
class Finished:
    """How a step ended; the whole output is in `folder`/stdout and `folder`/stderr.

    `code` is the script's, 137 where the agent killed it, and -N where signal N of somebody else did.
    """

    code: int
    folder: Path
    timed_out: bool = False
    stopped: str = ""  # cancel | power: why it was killed from outside

    @property
    def stdout(self) -> bytes:
        return read(self.folder / "stdout")

    @property
    def stderr(self) -> bytes:
        return read(self.folder / "stderr")


def orchestration(agent: Path, instance_id: str, command_id: str, step: str = "") -> Path:
    """Where the agent keeps script and output of a step, as on a real host below /var/lib/amazon/ssm.

    The script sees both ids in its own path: agents before 3.0.284.0 tell them nowhere else.
    """
    return agent / instance_id / "document" / "orchestration" / command_id / step


def read(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


class Stopper:
    """Lets another thread end a running job: stop(why) calls whatever kill function is set, now or later."""

    def __init__(self) -> None:
        self.why = ""
        self._kill: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def stop(self, why: str) -> None:
        with self._lock:
            self.why = self.why or why
            if self._kill:
                self._kill()

    def on_stop(self, kill: Callable[[], None]) -> None:
        with self._lock:
            self._kill = kill
            if self.why:
                kill()

    def done(self) -> None:
        with self._lock:
            self._kill = None


class Machine(Protocol):
    """One simulated machine."""

    platform_type: str  # Linux | Windows
    platform_name: str
    platform_version: str
    reboot_codes: frozenset[int]

    def run(self, job: Job, stopper: Stopper) -> Finished:
        """Run one step to its end, its time-out or a stop. Makes the machine's files at the first call."""
        ...

    def forget(self, command_id: str) -> None:
        """The command is over: its files on the host are no longer needed."""
        ...

    def reboot(self) -> None:
        """Come up again: another boot id, the newest kernel."""
        ...

    def cut_power(self) -> None:
        """The host goes down: whatever still runs on it ends at once."""
        ...

    def adopt_faults(self, names: set[str]) -> None:
        """The faults of an earlier start; files that exist already tell theirs themselves."""
        ...

    def set_fault(self, name: str, on: bool, content: str = "") -> None:
        """Turn on or off a fault that scripts on the machine can see; other faults are ignored."""
        ...

    def close(self) -> None:
        """The lab ends: nothing of the machine may stay running; its files stay."""
        ...
