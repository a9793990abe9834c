"""A Linux machine with a real root file system and a real package tool, in namespaces of its own."""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from pathlib import Path

from lab import agent_versions
from lab.hosts import namespace, root_faults, sandbox
from lab.hosts.machine import Finished, Job, Stopper, orchestration
from lab.hosts.namespace import HostDown, Layout, Namespace
from lab.roots import definitions, images
from lab.scenario import HostSpec
from lab.shims.catalogue import SYSTEMS

AGENT_PLACE = "/var/lib/amazon/ssm"
# What the agent's service has, and nothing else.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
FAULT_TIMEOUT_S = 60
OWN_LOAD = "0.10 0.12 0.10 1/60 100\n"  # not that of the machine, which others load too


class RootMachine:
    """An overlay over the image of its operating system; comes up at the first run and stays up until `close`."""

    platform_type = "Linux"
    reboot_codes = frozenset({194})

    def __init__(self, root: Path, agent: Path, spec: HostSpec, instance_id: str) -> None:
        self._root, self._agent, self._spec, self._instance_id = root, agent, spec, instance_id
        system = SYSTEMS[spec.os]
        self.platform_name, self.platform_version = system.platform_name, system.platform_version
        self._lock = threading.RLock()
        self._up: Namespace | None = None
        self._faults = {fault for fault in spec.faults if fault in root_faults.FAULTS}
        self._content: dict[str, str] = {}
        self._to_do: dict[str, bool] = dict.fromkeys(sorted(self._faults), True)

    @property
    def family(self) -> str:
        return SYSTEMS[self._spec.os].family

    @property
    def _made(self) -> bool:
        return (self._root / "booted").exists()  # written last

    def run(self, job: Job, stopper: Stopper) -> Finished:
        """Run one step; output of the run before a reboot stays and is appended to. Raises HostDown."""
        folder = orchestration(self._agent, self._instance_id, job.command_id, job.step)
        folder.mkdir(parents=True, exist_ok=True)
        for name in () if job.again else ("stdout", "stderr"):
            (folder / name).unlink(missing_ok=True)
        sandbox.write_script(folder, job.script)
        environment = ENVIRONMENT | {
            **agent_versions.command_id(self._spec.agent_version, job.command_id),
            "AWS_SSM_INSTANCE_ID": self._instance_id,
            "AWS_SSM_REGION_NAME": job.region,
            "AWS_SSM_PLATFORM_NAME": self.platform_name,
            "AWS_SSM_PLATFORM_VERSION": self.platform_version,
            **job.environment,
        }
        script = f"{AGENT_PLACE}/{folder.relative_to(self._agent)}/{sandbox.SCRIPT}"
        within = sandbox.Run(self._root, folder, environment, job.timeout_s)
        return self._running().run(["/bin/sh", "-c", script], within, stopper)

    def inside(self, script: str, timeout_s: float = 60) -> Finished:
        """Run a shell script in the host, not as an agent's command: how tests ask the host's own tools."""
        folder = self._root / "asked" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        within = sandbox.Run(self._root, folder, ENVIRONMENT | {"LC_ALL": "C"}, timeout_s)
        return self._running().run(["/bin/sh", "-c", script], within, Stopper())

    def forget(self, command_id: str) -> None:
        """The agent's copies of script and output go."""
        shutil.rmtree(orchestration(self._agent, self._instance_id, command_id), ignore_errors=True)

    def reboot(self) -> None:
        """End every process, empty /run; come up with another boot id and the kernel that it boots. Raises HostDown."""
        with self._lock:
            if not self._made:
                return
            self.close()
            self._new_boot()
            self._start(restarted=True)

    def close(self) -> None:
        """Power off: nothing of the host runs or is mounted any more."""
        with self._lock:
            if self._up:
                self._up.stop()
                self._up = None

    def cut_power(self) -> None:
        """Package tools that outlived their script end with everything else."""
        self.close()

    def adopt_faults(self, names: set[str]) -> None:
        """Files of a host that exists tell their faults themselves; the others come at its start."""
        self._faults = names & root_faults.FAULTS
        self._to_do = {} if self._made else dict.fromkeys(sorted(self._faults), True)

    def set_fault(self, name: str, on: bool, content: str = "") -> None:
        """Brought about before the next run, or at once where the host is up."""
        if name not in root_faults.FAULTS:
            return
        with self._lock:
            (self._faults.add if on else self._faults.discard)(name)
            self._content[name] = content
            self._to_do[name] = on
            if self._up and name in root_faults.SMALL_DISKS:
                self.close()  # another disk needs another start; the boot id stays
            elif self._up:
                self._settle(self._up)

    def _running(self) -> Namespace:
        with self._lock:
            if self._up is None or not self._up.alive:
                if not self._made:
                    self._make()
                self._start(restarted=False)
            assert self._up is not None
            return self._up

    def _make(self) -> None:
        """Write what makes this host different from its image."""
        upper = self._root / "upper"
        shutil.rmtree(upper, ignore_errors=True)
        for name, text in definitions.files(self._spec).items():
            path = upper / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._new_boot(started_days_ago=30)

    def _new_boot(self, started_days_ago: int = 0) -> None:
        started = int(time.time()) - started_days_ago * 86400
        stat = [
            f"btime {started}" if line.startswith("btime") else line
            for line in Path("/proc/stat").read_text().splitlines()
        ]
        (self._root / "stat").write_text("\n".join(stat) + "\n")
        (self._root / "boot_id").write_text(f"{uuid.uuid4()}\n")
        booted = int(time.clock_gettime(time.CLOCK_BOOTTIME)) - started_days_ago * 86400
        (self._root / "booted").write_text(f"{booted}\n")

    def _start(self, *, restarted: bool) -> None:
        self._agent.mkdir(parents=True, exist_ok=True)
        (self._root / "loadavg").write_text(OWN_LOAD)
        self._up = namespace.start(self._layout(), restarted=restarted)
        for name in sorted(self._faults & root_faults.VOLATILE):
            self._to_do.setdefault(name, True)
        self._settle(self._up)

    def _layout(self) -> Layout:
        image = images.image(self._spec.os)
        binds = [
            (image.repository, "/srv/repo", root_faults.READ_ONLY),
            (self._agent, AGENT_PLACE, 0),
            (self._root / "boot_id", "/proc/sys/kernel/random/boot_id", 0),
            (self._root / "stat", "/proc/stat", 0),
            (self._root / "loadavg", "/proc/loadavg", 0),
        ]
        small = root_faults.small_disk(sorted(self._faults), self._content)
        hostname = self._spec.name or self._instance_id
        booted = int((self._root / "booted").read_text())
        return Layout(self._root, image.lower, hostname, binds, small, booted)

    def _settle(self, up: Namespace) -> None:
        """Bring about the faults that were asked for. Raises HostDown."""
        folder = self._root / "asked" / "faults"
        folder.mkdir(parents=True, exist_ok=True)
        environment = ENVIRONMENT | {"FAMILY": self.family, "LC_ALL": "C"}
        within = sandbox.Run(self._root, folder, environment, FAULT_TIMEOUT_S)
        for name, on in self._to_do.items():
            content = self._content.get(name, "")
            command = root_faults.command(name, on, content)
            done = up.run(command, within, Stopper(), root_faults.mounts(name, self.family) if on else [])
            if done.code:
                raise HostDown(f"{name} cannot be set: {done.stderr.decode(errors='replace')[-300:]}")
        self._to_do = {}
