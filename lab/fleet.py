"""The hosts of the simulated accounts: found by id, name, account and region; their changes kept on disk."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.ec2 import reasons
from lab.hosts.kinds import machine_for
from lab.hosts.machine import Machine
from lab.scenario import HostSpec, Scenario

STATE_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
KEPT = ("state", "state_reason", "tags", "faults", "lost")


@dataclass
class Host:
    """One simulated instance: what EC2 and Systems Manager know, and the machine behind it."""

    spec: HostSpec
    instance_id: str
    number: int
    machine: Machine
    state: str
    launched_at: datetime
    tags: dict[str, str]
    faults: set[str]
    state_reason: str = ""
    lost: bool = False  # went down for a reboot and never came back
    booting: bool = False  # running, the agent does not answer yet
    rebooting: bool = False
    resuming: bool = False  # comes back from hibernation: with its memory, and without a boot
    lives: int = 0  # raised when the host goes down: what ran before is dead
    moves: int = 0  # raised at every power move: tells late timers that they are late
    taken: set[str] = field(default_factory=set)  # ids of the commands that its agent has been given
    profile: str = ""  # the instance profile that somebody attached
    profile_registers: bool = False  # its role lets the agent register
    seen_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def registered(self) -> bool:
        """Systems Manager lists it: running, an agent, and a role that lets the agent register."""
        absent = self.spec.agent == "absent" or "ssm_absent" in self.faults
        absent = absent or not (self.spec.instance_profile or self.profile_registers)
        return self.state == "running" and not absent

    @property
    def has_profile(self) -> bool:
        return self.spec.instance_profile or bool(self.profile)

    @property
    def reachable(self) -> bool:
        """Its agent answers now."""
        away = self.lost or self.booting or self.rebooting or "offline" in self.faults
        return self.registered and not away

    @property
    def private_ip(self) -> str:
        return f"10.{self.number >> 16 & 255}.{self.number >> 8 & 255}.{self.number & 255}"

    @property
    def availability_zone(self) -> str:
        return f"{self.spec.region}{'abc'[self.number % 3]}"

    def kept(self) -> dict[str, Any]:
        """What a second start of the lab must find again."""
        values = {name: getattr(self, name) for name in KEPT}
        return values | {"faults": sorted(self.faults), "launched_at": self.launched_at.isoformat()}

    def restore(self, kept: dict[str, Any]) -> None:
        """Take over what an earlier lab wrote; half-done moves arrive at their end."""
        for name in KEPT:
            setattr(self, name, kept[name])
        self.faults = set(kept["faults"])
        self.machine.adopt_faults(self.faults)
        self.launched_at = datetime.fromisoformat(kept["launched_at"])
        ends = {"pending": "running", "stopping": "stopped", "shutting-down": "terminated"}
        self.state = ends.get(self.state, self.state)


class Fleet:
    """All hosts, with a journal of their changes under `state`."""

    def __init__(self, scenario: Scenario, state: Path) -> None:
        self._places: dict[tuple[str, str], dict[str, Host]] = {}
        self._by_id: dict[str, Host] = {}
        self._journal = Journal(state / "fleet.jsonl")
        earlier = self._journal.read()
        for number, spec in enumerate(scenario.hosts, start=1):
            identity = self._free_id(scenario.name, spec)
            self._add(new_host(identity, number, spec, state), earlier.get(identity))
        self._journal.rewrite({host.instance_id: host.kept() for host in self})

    def __iter__(self) -> Iterator[Host]:
        return iter(list(self._by_id.values()))

    def at(self, account: str, region: str) -> dict[str, Host]:
        """The hosts of one account and region by instance id."""
        return self._places.get((account, region), {})

    def get(self, instance_id: str) -> Host | None:
        return self._by_id.get(instance_id)

    def named(self, name: str) -> Host:
        """By instance id or name. Raises LookupError."""
        if host := self._by_id.get(name):
            return host
        found = [host for host in self if host.spec.name == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} hosts are called {name!r}; name one host or its instance id")
        return found[0]

    def changed(self, hosts: Iterable[Host]) -> None:
        """Write what changed, so that a second start finds it."""
        self._journal.append({host.instance_id: host.kept() for host in hosts})

    def close(self) -> None:
        self._journal.close()
        for host in self:
            host.machine.close()

    def _free_id(self, seed: str, spec: HostSpec) -> str:
        identity = instance_id(seed, spec)
        return self._free_id(identity, spec) if identity in self._by_id else identity

    def _add(self, host: Host, kept: dict[str, Any] | None) -> None:
        if kept:
            host.restore(kept)
        self._by_id[host.instance_id] = host
        self._places.setdefault((host.spec.account, host.spec.region), {})[host.instance_id] = host


class Journal:
    """One JSON line per change; the last line of an instance counts. A torn last line is dropped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def read(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        if self._path.exists():
            for line in self._path.read_text().splitlines():
                try:
                    name, kept = json.loads(line)
                except ValueError:
                    continue
                found[name] = kept
        return found

    def rewrite(self, all_kept: dict[str, dict[str, Any]]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(_lines(all_kept))
        fresh.replace(self._path)
        self._file = self._path.open("a")

    def append(self, kept: dict[str, dict[str, Any]]) -> None:
        with self._lock:
            if not self._file.closed:
                self._file.write(_lines(kept))
                self._file.flush()

    def close(self) -> None:
        with self._lock:
            self._file.close()


def _lines(all_kept: dict[str, dict[str, Any]]) -> str:
    return "".join(json.dumps([name, kept]) + "\n" for name, kept in all_kept.items())


def new_host(identity: str, number: int, spec: HostSpec, state: Path) -> Host:
    """A host as the scenario wants it."""
    name_tag = {"Name": spec.name} if spec.name else {}
    faults = set(spec.faults) | ({"offline"} if spec.agent == "offline" else set())
    return Host(
        spec=spec,
        instance_id=identity,
        number=number,
        machine=machine_for(
            state / "hosts" / spec.account / identity, state / "agents" / identity, spec, identity
        ),
        state="stopped" if spec.state == "hibernated" else spec.state,
        launched_at=datetime.now(UTC).replace(microsecond=0),
        tags={**name_tag, **spec.tags},
        faults=faults,
        state_reason=reasons.SPOT if "spot_interrupted" in faults else reasons.OF_STATE.get(spec.state, ""),
    )


def instance_id(seed: str, spec: HostSpec) -> str:
    """`i-` and 17 hex digits, from the scenario's name and the host's place and name."""
    text = "\0".join((seed, spec.account, spec.region, spec.name))
    return f"i-{hashlib.sha256(text.encode()).hexdigest()[:17]}"
