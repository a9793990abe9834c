"""Which faults count as recurring, and what mends them for good. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from patching.documents.host_report import Check

NEEDED, OUT_OF = 3, 5  # the same fault in 3 of the last 5 runs

# check → (what a person calls it, what would mend it for good)
LASTING_FIXES = {
    "disk_space": ("Disk space", "Enlarge the volume, or give what fills it a volume of its own."),
    "inodes": ("Inodes", "Find what leaves so many small files, or make the file system anew with more inodes."),
    "memory": ("Memory", "Take a larger instance type, or stop what uses the memory during the window."),
    "filesystems": ("File systems", "Look at the volume: a file system that turns read-only is often failing."),
    "package_lock": ("Package lock", "Another tool installs packages at this time: move it out of the window."),
    "package_db": ("Package database", "Find what interrupts package work, and rebuild the database in the image."),
    "repositories": ("Repositories", "Put the approved definition into the image, and check the way to the mirror."),
    "repository_signing": ("Repository signing", "Install the repository's current key in the image."),
    "agent": ("SSM agent", "Update the SSM agent in the image, and let systemd restart it."),
    "clock": ("Clock", "Set up time synchronisation with the Amazon Time Sync Service."),
    "update_service": ("Windows Update service", "Look at the service's log; point it at an update server it reaches."),
}  # fmt: skip


def troubled(checks: Iterable[Check]) -> dict[str, tuple[str, bool]]:
    """check → (what it said, whether the repair worked), for checks that failed or had to be repaired."""
    found = {}
    for check in checks:
        fixed = check.fix.tried and check.ok
        if check.name in LASTING_FIXES and (fixed or not check.ok):
            found[check.name] = (check.fix.detail if fixed else check.detail, fixed)
    return found


def recurring(name: str, runs: Iterable[Iterable[Check]]) -> tuple[int, int] | None:
    """(runs with trouble, runs looked at) when a check had trouble in enough of the last runs; else None."""
    looked = list(runs)[:OUT_OF]
    count = sum(name in troubled(checks) for checks in looked)
    return (count, len(looked)) if count >= NEEDED else None
