"""Writes the directory of one simulated Linux host, restarts it, and turns its faults on and off.

The state under `<root>/lab/` belongs to the shims in `lab/shims/bin`; the rest looks like a small real system.
Deterministic: the same host mapping gives the same packages, versions and boot id.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.shims import grub
from lab.shims.catalogue import SYSTEMS, System, filler, newer

BIN = Path(__file__).parent / "bin"
BOOT_MENU = Path(__file__).parent / "boot-menu.sh"


def _faults() -> frozenset[str]:
    """The faults that some shim shows: those whose file it asks for."""
    lines = (
        line for path in (*BIN.parent.glob("*.sh"), *BIN.iterdir()) for line in path.read_text().splitlines()
    )
    code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return frozenset(re.findall(r"\b(?:fault|turned_on) ([a-z_]+)", code))


FAULTS = _faults()
_MEMORY = "MemTotal: 3976272 kB\nMemAvailable: 2976272 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
_FREE_MB = "14336"
_CPUS = "".join(f"cpu{i} 1 0 1 1 0 0 0 0 0 0\n" for i in range(2))
_REPO_FILE = {
    "apt": "etc/apt/sources.list",
    "dnf": "etc/yum.repos.d/updates.repo",
    "zypper": "etc/zypp/repos.d/updates.repo",
}
_DIRECTORIES = (
    *("lab", "lab/faults", "lab/applied", "boot", "run", "tmp", "etc", "etc/apt", "etc/yum.repos.d"),
    *("etc/zypp", "etc/zypp/repos.d", "etc/patch-portal", "etc/patch-portal/approved-repos"),
    *("proc", "proc/sys", "proc/sys/kernel", "proc/sys/kernel/random"),
    *(
        "var",
        "var/lib",
        "var/lib/dpkg",
        "var/lib/rpm",
        "var/cache",
        "var/cache/apt",
        "var/cache/apt/archives",
    ),
    *("var/cache/dnf", "var/cache/zypp"),
)
Row = tuple[str, ...]


def populate(root: Path, host: Mapping[str, Any]) -> None:
    """Write a fresh host. Keys: name, instance_id, os; optional: pending, security, kernel_update, faults, held."""
    system = SYSTEMS[host["os"]]
    root.mkdir(parents=True, exist_ok=True)
    for name in _DIRECTORIES:
        (root / name).mkdir(exist_ok=True)
    _write_identity(root, host, system)
    if system.family == "apt":
        _write_reboot_hook(root)
    _write_packages(root, host, system)
    _write_repository(root, system)
    for fault in host.get("faults", ()):
        if fault in FAULTS:
            set_fault(root, fault, True)


def set_fault(root: Path, name: str, on: bool, content: str = "") -> None:
    """Turn a host fault on or off at once; `content` may name the package for `update_fails`."""
    if name not in FAULTS:
        raise ValueError(f"{name!r} is not a fault of a shim host; known: {', '.join(sorted(FAULTS))}")
    path = root / "lab/faults" / name
    if on:
        path.write_text(content)
    else:
        path.unlink(missing_ok=True)


def reboot(root: Path) -> None:
    """Restart the host: a new boot id, the kernel of its boot menu runs (without a menu the newest), /run is empty."""
    lab = root / "lab"
    boots = int((lab / "boots").read_text()) + 1
    _set_boot(root, boots)
    started = grub.boot(root) or (lab / "kernel_newest").read_text().strip()
    (lab / "kernel_running").write_text(f"{started}\n")
    (lab / "core_updated").unlink(missing_ok=True)
    shutil.rmtree(root / "run", ignore_errors=True)
    (root / "run").mkdir(exist_ok=True)


def environment(root: Path, *, command_id: str, instance_id: str, region: str) -> dict[str, str]:
    """What the agent hands to a script on this host, and nothing else."""
    return {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "PATCH_PORTAL_ROOT": str(root),
        "SSM_COMMAND_ID": command_id,
        "AWS_SSM_INSTANCE_ID": instance_id,
        "AWS_SSM_REGION_NAME": region,
    }


def _set_boot(root: Path, boots: int) -> None:
    name = (root / "lab/name").read_text()
    (root / "lab/boots").write_text(str(boots))
    (root / "lab/boot_id").write_text(f"{uuid.uuid5(uuid.NAMESPACE_DNS, f'{name}/{boots}')}\n")
    (root / "proc/stat").write_text(f"cpu  2 0 2 2 0 0 0 0 0 0\n{_CPUS}")
    # a clock that nobody sets and that stands still in no sleep; `head` of the host tells what has passed since
    age = 0 if boots else 30 * 86400
    (root / "lab/booted").write_text(f"{int(time.clock_gettime(time.CLOCK_BOOTTIME)) - age}\n")


def _write_identity(root: Path, host: Mapping[str, Any], system: System) -> None:
    lab = root / "lab"
    (root / "etc/os-release").write_text(system.os_release)
    (root / "etc/hostname").write_text(f"{host['name']}\n")
    (lab / "name").write_text(f"{host['name']}/{host.get('instance_id', '')}")
    (lab / "family").write_text(f"{system.family}\n")
    (lab / "os").write_text(f"{host['os']}\n")
    (lab / "df_free_mb").write_text(_FREE_MB)
    (root / "proc/mounts").write_text("/dev/nvme0n1p1 / ext4 rw,relatime 0 0\n")
    (root / "proc/meminfo").write_text(_MEMORY)
    (root / "proc/loadavg").write_text("0.12 0.20 0.18 1/210 4711\n")
    link = root / "proc/sys/kernel/random/boot_id"
    link.unlink(missing_ok=True)
    link.symlink_to("../../../../lab/boot_id")
    _set_boot(root, 0)


def _write_packages(root: Path, host: Mapping[str, Any], system: System) -> None:
    lab = root / "lab"
    installed, pending = _plan(host, system)
    running = system.kernels[0].release
    (root / "boot" / f"vmlinuz-{running}").touch()
    (lab / "kernel_running").write_text(f"{running}\n")
    (lab / "kernel_newest").write_text(f"{running}\n")
    subprocess.run([BOOT_MENU, root, system.family, running, host_kernel(system)], check=True)
    (lab / "packages").write_text(_table(installed))
    (lab / "pending").write_text(_table(pending))
    (lab / "held").write_text("".join(f"{name}\n" for name in host.get("held", ())))
    _write_version_locks(root, host.get("held", ()))
    locks = {"apt": "var/lib/dpkg/lock-frontend", "dnf": "var/lib/rpm/.rpm.lock"}
    if system.family in locks:
        (root / locks[system.family]).touch()


def _write_version_locks(root: Path, held: Sequence[str]) -> None:
    """The two files of dnf's versionlock plugin."""
    place = root / "etc/dnf/plugins"
    place.mkdir(parents=True, exist_ok=True)
    (place / "versionlock.conf").write_text(
        "[main]\nenabled = 1\nlocklist = /etc/dnf/plugins/versionlock.list\n"
    )
    (place / "versionlock.list").write_text("".join(f"{name}-0:1.0-1.*\n" for name in held))


def _plan(host: Mapping[str, Any], system: System) -> tuple[list[Row], list[Row]]:
    """Rows of `packages` (status name arch version), of `pending` (name arch from to security kind release)."""
    seed = random.Random(f"{host['name']}/{host['os']}")
    wanted = int(host.get("pending", 0))
    kernel = _kernel_pending(system)[:wanted] if host.get("kernel_update") else []
    names = list(system.packages)
    names += [filler(i, names[0][1]) for i in range(max(0, wanted - len(names)))]
    chosen = sorted(seed.sample(names, wanted - len(kernel)))
    secure = set(seed.sample(range(len(chosen)), min(int(host.get("security", 0)), len(chosen))))
    pending: list[Row] = [
        (name, system.arch, old, newer(old), "1" if i in secure else "0", "upgrade", "-")
        for i, (name, old) in enumerate(chosen)
    ]
    installed: list[Row] = [("ii", name, system.arch, version) for name, version in names]
    return installed + _kernel_installed(system), pending + kernel


def host_kernel(system: System) -> str:
    """The package of the kernel that runs."""
    return system.kernel_package.format(release=system.kernels[0].release)


def _kernel_installed(system: System) -> list[Row]:
    kernel = system.kernels[0]
    rows: list[Row] = [
        ("ii", system.kernel_package.format(release=kernel.release), system.arch, kernel.version)
    ]
    return rows + ([("ii", system.kernel_meta, system.arch, kernel.version)] if system.kernel_meta else [])


def _kernel_pending(system: System) -> list[Row]:
    before, kernel = system.kernels
    package = system.kernel_package.format(release=kernel.release)
    rows: list[Row] = [(package, system.arch, "-", kernel.version, "1", "kernel", kernel.release)]
    meta: Row = (system.kernel_meta, system.arch, before.version, kernel.version, "1", "upgrade", "-")
    return rows + ([meta] if system.kernel_meta else [])


def _write_reboot_hook(root: Path) -> None:
    """What unattended-upgrades brings: each new kernel asks for a restart."""
    place = root / "etc/kernel/postinst.d"
    place.mkdir(parents=True, exist_ok=True)
    (place / "unattended-upgrades").write_text("#!/bin/sh\ntouch /run/reboot-required\n")


def _write_repository(root: Path, system: System) -> None:
    path = _REPO_FILE[system.family]
    text = {
        "apt": "deb https://mirror.example.internal/os stable main\n",
        "dnf": "[updates]\nname=updates\nbaseurl=https://mirror.example.internal/os\nenabled=1\ngpgcheck=1\n",
        "zypper": "[updates]\nname=updates\nbaseurl=https://mirror.example.internal/os\nenabled=1\ngpgcheck=1\n",
    }[system.family]
    approved = root / "etc/patch-portal/approved-repos" / path
    approved.parent.mkdir(parents=True, exist_ok=True)
    approved.write_text(text)
    (root / path).write_text(text)
    (root / "lab/repo_file").write_text(f"{path}\n")


def _table(rows: Sequence[Row]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)
