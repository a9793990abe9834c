"""Everything that exists in one simulated AWS. Moto is global to the process, so there is one world at a time."""

from __future__ import annotations

import os
import queue
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from lab.delays import Clock, Delays, Timers
from lab.ec2.volumes import Volumes
from lab.fleet import Fleet, Host
from lab.scenario import Scenario
from lab.ssm.commands import Commands
from lab.web.boundaries import Boundaries
from lab.web.calls import CallLog
from lab.web.credentials import Credentials
from lab.web.drops import Drops
from lab.web.silences import Silences
from lab.web.throttles import Throttles

WORKERS = max(8, 4 * (os.cpu_count() or 1))


class World:
    """One fleet with its clock, commands, credentials and faults. `lock` guards all of it."""

    def __init__(self, scenario: Scenario, state: Path, time_scale: float, delays: Delays) -> None:
        self.lock = threading.RLock()
        self.scenario = scenario
        self.state = state
        self.delays = delays
        self.clock = Clock(time_scale)
        self.timers = Timers(self.clock)
        self.agents = Agents()
        self.fleet = Fleet(scenario, state)
        self.volumes = Volumes(state)
        self.commands = Commands()
        self.log = CallLog()
        self.credentials = Credentials(scenario, self.fleet)
        self.throttles = Throttles(self.clock)
        self.drops = Drops()
        self.boundaries = Boundaries()
        self.silences = Silences()
        # Account → actions that are taken from whoever acts in it, as an organisation's policy would.
        self.denied: dict[str, set[str]] = {}
        self.visibility_s = delays.visibility_s
        # Who wants to know when a host's power goes and when its agent is back.
        self.when_down: list[Callable[[World, Host], None]] = []
        self.when_up: list[Callable[[World, Host], None]] = []

    def close(self) -> None:
        """Stop the clock and every script, write what must be kept."""
        self.boundaries.clear()
        self.silences.clear()
        self.timers.close()
        with self.lock:
            self.commands.stop_all()
        self.agents.close()
        self.fleet.close()


class Agents:
    """The threads in which machines run scripts; the rest waits its turn."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        # Threads that live as long as the world: a script dies with the thread that started it.
        self._threads = [
            threading.Thread(target=self._loop, name=f"lab-agent-{i}", daemon=True) for i in range(WORKERS)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Callable[[], None]) -> None:
        self._jobs.put(job)

    def close(self) -> None:
        """End after what is queued; running scripts were stopped before."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout=5)

    def _loop(self) -> None:
        while job := self._jobs.get():
            try:
                job()
            except Exception:  # noqa: BLE001 - one broken job must not take its thread away; it is told
                traceback.print_exc()


_current: list[World] = []


def current() -> World:
    """The world that answers now. Raises RuntimeError when none does."""
    if not _current:
        raise RuntimeError("no simulated AWS is running in this process")
    return _current[0]


def enter(world: World) -> None:
    """Make this the world."""
    check_free()
    _current.append(world)


def check_free() -> None:
    """Raises RuntimeError when a world exists already."""
    if _current:
        raise RuntimeError("a simulated AWS is already running in this process; close it first")


def leave() -> None:
    _current.clear()
