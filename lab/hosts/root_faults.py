"""The faults that a root host can have for real, and how each is brought about."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lab.hosts.namespace import Mount

SCRIPT = Path(__file__).with_name("root_faults.sh")
CACHES = {"apt": "/var/cache/apt/archives", "dnf": "/var/cache/dnf", "zypper": "/var/cache/zypp"}
READ_ONLY, REMOUNT, BIND = 1, 32, 4096
# The disk itself is another one: seen from the host's next start on.
SMALL_DISKS = {
    "disk_full_unfixable": "size=40m",
    "inodes_full": "size=2g,nr_inodes=3000",
}
SMALL_DISK_MB = "size={}m"
# Gone with a restart, so brought about again after it.
VOLATILE = frozenset({"lock_held", "disk_full", "filesystem_readonly"})
SCRIPTED = frozenset(
    {
        *("repo_broken", "repo_broken_unfixable", "repo_unsigned", "repo_signing_off"),
        *("update_fails", "hang", "slow", "db_broken", "lock_held", "disk_full", "tool_hangs"),
        *("agent_inactive", "agent_disabled", "clock_off"),
    }
)
FAULTS = SCRIPTED | SMALL_DISKS.keys() | {"filesystem_readonly"}


def mounts(name: str, family: str) -> list[Mount]:
    """What must be mounted in the running host for this fault."""
    if name == "disk_full":
        # A little more than the pre-check asks for, once the 200 MB of left-over downloads are gone.
        return [("tmpfs", CACHES[family], "tmpfs", 0, "size=1050m,mode=755")]
    if name == "filesystem_readonly":
        return [("/usr", "/usr", "", BIND, ""), ("", "/usr", "", BIND | REMOUNT | READ_ONLY, "")]
    return []


def small_disk(names: Iterable[str], content: dict[str, str]) -> str:
    """The tmpfs options of a host's disk, or empty when it is of the usual size."""
    for name in names:
        if name in SMALL_DISKS:
            return f"size={content[name]}m" if content.get(name) else SMALL_DISKS[name]
    return ""


def command(name: str, on: bool, content: str) -> list[str]:
    """What runs inside the host to turn the fault on or off."""
    return ["/bin/sh", "-c", SCRIPT.read_text(), "faults", name, "on" if on else "off", content]
