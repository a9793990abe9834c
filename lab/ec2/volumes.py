"""Root volumes, their snapshots (copies of the host's files) and tasks that put one back. Kept on disk."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.fleet import Host


@dataclass
class Snapshot:
    """One EBS snapshot; its files lie in the folder of its id, if the host had any."""

    snapshot_id: str
    account: str
    region: str
    volume_id: str
    description: str
    started_at: str
    state: str = "pending"
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Task:
    """One replacement of a root volume."""

    task_id: str
    instance_id: str
    snapshot_id: str
    state: str = "pending"
    started_at: str = ""
    completed_at: str = ""


class Volumes:
    """Everything of EBS that the simulated AWS knows."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "volumes"
        self._hosts = state / "hosts"
        self.roots: dict[str, list[str]] = {}  # instance id → its root volumes, the present one last
        self.snapshots: dict[str, Snapshot] = {}
        self.tasks: dict[str, Task] = {}  # by client token
        self._number = 0
        self._read()

    def root_of(self, host: Host) -> str:
        """The volume behind the root device now; empty for an instance store."""
        if host.spec.root_device != "ebs":
            return ""
        return self.all_of(host)[-1]

    def all_of(self, host: Host) -> list[str]:
        return self.roots.setdefault(host.instance_id, [f"vol-{host.instance_id[2:]}"])

    def take(self, host: Host, description: str, tags: dict[str, str]) -> Snapshot:
        """Copies the host's files as they are at this moment."""
        identity = self._new("snap", host.instance_id)
        self._copy(self._files_of(host), self._folder / identity)
        now = datetime.now(UTC).isoformat()
        made = Snapshot(
            identity,
            host.spec.account,
            host.spec.region,
            self.root_of(host),
            description,
            now,
            "pending",
            tags,
        )
        self.snapshots[identity] = made
        self.write()
        return made

    def forget(self, snapshot_id: str) -> None:
        del self.snapshots[snapshot_id]
        shutil.rmtree(self._folder / snapshot_id, ignore_errors=True)
        self.write()

    def put_back(self, host: Host, snapshot_id: str) -> None:
        """The host has the files of the snapshot on a new volume; the old volume's are gone with it in this lab."""
        files, copy = self._files_of(host), self._folder / snapshot_id
        old = files.with_name(f"{files.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if files.exists():
            files.rename(old)
        self._copy(copy, files)
        shutil.rmtree(old, ignore_errors=True)
        self.roots[host.instance_id] = [*self.all_of(host), self._new("vol", host.instance_id)]
        self.write()

    def task(self, token: str, host: Host, snapshot_id: str) -> tuple[Task, bool]:
        """The task of this client token, and whether it is new."""
        if token in self.tasks:
            return self.tasks[token], False
        identity = self._new("replacevol", host.instance_id)
        now = datetime.now(UTC).isoformat()
        self.tasks[token] = Task(identity, host.instance_id, snapshot_id, started_at=now)
        self.write()
        return self.tasks[token], True

    def _files_of(self, host: Host) -> Path:
        return self._hosts / host.spec.account / host.instance_id

    @staticmethod
    def _copy(source: Path, goal: Path) -> None:
        if source.exists():  # a host that never ran anything has no files yet
            goal.parent.mkdir(parents=True, exist_ok=True)
            # Not shutil: owners, links and the device nodes of overlays must stay what they are.
            subprocess.run(["cp", "-a", "--reflink=auto", "--", source, goal], check=True)

    def _new(self, kind: str, seed: str) -> str:
        self._number += 1
        return f"{kind}-{hashlib.sha256(f'{seed} {self._number}'.encode()).hexdigest()[:17]}"

    def write(self) -> None:
        """What a second start of the lab finds again."""
        self._folder.mkdir(parents=True, exist_ok=True)
        kept: dict[str, Any] = {
            "number": self._number,
            "roots": self.roots,
            "snapshots": [asdict(item) for item in self.snapshots.values()],
            "tasks": {token: asdict(task) for token, task in self.tasks.items()},
        }
        fresh = self._folder / "volumes.new"
        fresh.write_text(json.dumps(kept))
        fresh.replace(self._folder / "volumes.json")

    def _read(self) -> None:
        file = self._folder / "volumes.json"
        if not file.exists():
            return
        kept = json.loads(file.read_text())
        self._number, self.roots = kept["number"], kept["roots"]
        self.snapshots = {row["snapshot_id"]: Snapshot(**row) for row in kept["snapshots"]}
        self.tasks = {token: Task(**row) for token, row in kept["tasks"].items()}
        for item in self.snapshots.values():  # what was under way when the lab ended
            item.state = "completed" if item.state == "pending" else item.state
        for task in self.tasks.values():
            task.state = task.state if task.state == "succeeded" else "failed"
