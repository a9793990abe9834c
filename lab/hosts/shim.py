"""A Linux machine that is a directory with package-manager shims; real scripts really run on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from pathlib import Path

from lab import agent_versions
from lab.hosts import sandbox
from lab.hosts.machine import Finished, Job, Stopper, orchestration
from lab.scenario import HostSpec
from lab.shims import template
from lab.shims.catalogue import SYSTEMS


class TamperedHost(RuntimeError):
    """A script replaced a state file by a link: the lab, which may be root, must not follow it."""


class ShimMachine:
    """One directory per host, written at the first run, so that thousands cost nothing."""

    platform_type = "Linux"
    reboot_codes = frozenset({194})

    def __init__(self, root: Path, agent: Path, spec: HostSpec, instance_id: str) -> None:
        self._root, self._agent, self._spec, self._instance_id = root, agent, spec, instance_id
        system = SYSTEMS[spec.os]
        self.platform_name, self.platform_version = system.platform_name, system.platform_version
        self._faults = {fault for fault in spec.faults if fault in template.FAULTS}
        self._fault_text: dict[str, str] = {}
        self._left = sandbox.LeftBehind()
        self._preparing = threading.Lock()

    def run(self, job: Job, stopper: Stopper) -> Finished:
        """Run one step; output of the run before a reboot stays and is appended to."""
        self._prepare()
        self._left.reap()
        folder = orchestration(self._agent, self._instance_id, job.command_id, job.step)
        folder.mkdir(parents=True, exist_ok=True)
        for name in () if job.again else ("stdout", "stderr"):
            (folder / name).unlink(missing_ok=True)
        sandbox.write_script(folder, job.script)
        isolated = sandbox.namespaces()
        seen = sandbox.places(isolated=isolated)
        environment = template.environment(
            Path(seen["host"]), command_id=job.command_id, instance_id=self._instance_id, region=job.region
        )
        del environment["SSM_COMMAND_ID"]
        environment |= agent_versions.command_id(self._spec.agent_version, job.command_id) | {
            "PATH": f"{seen['shims']}/bin:/usr/bin:/bin",
            "AWS_SSM_PLATFORM_NAME": self.platform_name,
            "AWS_SSM_PLATFORM_VERSION": self.platform_version,
            **job.environment,
        }
        run = sandbox.Run(self._root, folder, environment, job.timeout_s, self._agent)
        return sandbox.execute(run, stopper, self._left, isolated=isolated)

    def forget(self, command_id: str) -> None:
        """The agent's copies of script and output go."""
        shutil.rmtree(orchestration(self._agent, self._instance_id, command_id), ignore_errors=True)

    def reboot(self) -> None:
        """Another boot id, the newest kernel, an empty /run. Raises TamperedHost."""
        self.cut_power()
        if not self._root.exists():
            return
        state = (self._root / "lab", self._root / "run", self._root / "proc", self._root / "proc/stat")
        links = [path for path in (*state, *(self._root / "lab").glob("*")) if path.is_symlink()]
        if links:
            raise TamperedHost(f"{links[0]} became a link; the host stays down")
        template.reboot(self._root)
        sandbox.own(self._root)

    def adopt_faults(self, names: set[str]) -> None:
        """Used when the host's files are first written."""
        self._faults = names & template.FAULTS

    def set_fault(self, name: str, on: bool, content: str = "") -> None:
        """Remember it for the first run, or change the running host at once."""
        if name not in template.FAULTS:
            return
        (self._faults.add if on else self._faults.discard)(name)
        self._fault_text[name] = content
        if self._root.exists():
            self._write_fault(name, on)

    def cut_power(self) -> None:
        """Whatever outlived its script ends."""
        self._left.kill()

    def close(self) -> None:
        """Scripts were stopped before; whatever outlived them ends now."""
        self.cut_power()

    def _write_fault(self, name: str, on: bool) -> None:
        # By directory handles that follow no link: the files belong to scripts that nobody trusts.
        folder = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        for part in ("lab", "faults"):
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        try:
            self._change_file(name, on, folder)
        finally:
            os.close(folder)

    def _change_file(self, name: str, on: bool, folder: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        if on:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(name, flags, 0o644, dir_fd=folder), "w") as file:
                file.write(self._fault_text.get(name, ""))

    def _prepare(self) -> None:
        """Once: a second command of the same moment waits until the host is whole."""
        with self._preparing:
            if not self._root.exists():
                self._populate()

    def _populate(self) -> None:
        fresh = self._root.with_name(f"{self._root.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        spec = self._spec
        template.populate(
            fresh,
            {
                "name": spec.name or self._instance_id,
                "instance_id": self._instance_id,
                "os": spec.os,
                "pending": spec.pending,
                "security": spec.security,
                "kernel_update": spec.kernel_update,
                "faults": sorted(self._faults),
                "held": spec.held,
            },
        )
        for name in self._faults & self._fault_text.keys():
            template.set_fault(fresh, name, True, self._fault_text[name])
        sandbox.own(fresh)
        fresh.rename(self._root)
