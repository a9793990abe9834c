"""What the portal knows of each check of the pre-check (docs/checks.md), beyond what the host reports."""

# check → (what a person calls it, what would mend it for good)
LASTING_FIXES = {
    "disk_space": ("Disk space", "Enlarge the volume, or give what fills it a volume of its own."),
    "inodes": ("Inodes", "Find what leaves so many small files, or make the file system anew with more inodes."),
    "memory": ("Memory", "Take a larger instance type, or stop what uses the memory during the window."),
    "swap": ("Swap", "Give the host more memory, or find what outgrows it; more swap only hides it."),
    "filesystems": ("File systems", "Look at the volume: a file system that turns read-only is often failing."),
    "package_lock": ("Package lock", "Another tool installs packages at this time: move it out of the window."),
    "withheld": ("Withheld updates", "Take the exclusion, lock, hold or pin off, or exclude it in the window."),
    "package_db": ("Package database", "Find what interrupts package work, and rebuild the database in the image."),
    "repositories": ("Repositories", "Put the approved definition into the image, and check the way to the mirror."),
    "repository_signing": ("Repository signing", "Install the repository's current key in the image."),
    "agent": ("SSM agent", "Update the SSM agent in the image, and let systemd restart it."),
    "clock": ("Clock", "Set up time synchronisation with the Amazon Time Sync Service."),
    "updates": ("List of updates", "Find what keeps the package tool from answering: its database, a lock, a plugin."),
    "update_service": ("Windows Update service", "Look at the service's log; point it at an update server it reaches."),
}  # fmt: skip

# question to a tool that had no answer (the schema's `question`) → what is not known then
QUESTIONS = {
    "installed": "what is installed",
    "several": "which packages may be there in several versions",
    "broken": "what is half installed",
    "consistent": "whether the packages fit together",
    "held": "what is held back",
    "refresh": "whether the repositories answer",
    "updates": "which updates are open",
    "offered": "which versions are on offer",
    "order": "which version is the newer one",
    "removal": "what a repair would remove",
    "kernels": "which kernel boots next",
    "reboot": "whether a restart is due",
    "services": "which services want a restart",
    "disk": "how much room is left",
    "agent": "how the agent is",
    "clock": "whether the clock is right",
    "release": "which releases of the system are out",
}

# Checks that block nobody, but whose repair waits for the window's start: a fit host is checked once more for them.
REPAIRED_FROM_THE_START = frozenset({"swap", "repository_signing", "agent"})
