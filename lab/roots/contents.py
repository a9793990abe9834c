"""What the lab's repositories hold, the same for every package tool: names, versions and what installing them does."""

from __future__ import annotations

from dataclasses import dataclass

from lab.shims.catalogue import SYSTEMS, Kernel, System

OLD, NEW = "1.0", "1.1"
BIG_MB = 60
# Shell run when a package has been installed; a host's faults are files that it looks at.
FAILS_ON_DEMAND = """
if grep -qxs "$PACKAGE" /etc/lab/fails; then echo "Error: $PACKAGE: the lab wants this to fail." >&2; exit 1; fi
"""
WAITS = "sleep $(cat /etc/lab/slow-seconds 2>/dev/null || echo 1)\n"
HANGS_ON_DEMAND = "[ ! -e /etc/lab/hang ] || sleep 3600\n"


@dataclass(frozen=True)
class Package:
    """One package that hosts have in version 1.0 while its repository offers 1.1."""

    name: str
    part: str  # the repository of its update: updates | security | big
    before: str = ""  # shell before its files come (%pre, preinst)
    after: str = ""  # shell after that (%post, postinst)
    config: bool = False  # has a configuration file that its update changes
    size_mb: int = 0  # of the update
    held: bool = False  # the host's owner keeps it back


PACKAGES = (
    Package("labapp", "updates"),
    Package("lablib", "security"),
    Package("labconf", "updates", config=True),
    Package("labslow", "updates", after=WAITS + HANGS_ON_DEMAND),
    Package("labpre", "security", before=FAILS_ON_DEMAND),
    Package("labbroken", "updates", after=FAILS_ON_DEMAND),
    Package("labhold", "updates", held=True),
    Package("labbig", "big", size_mb=BIG_MB),
)
# Repositories by the updates that they hold; a host uses those that its scenario names.
PARTS = ("updates", "security", "big")


def systems(family: str) -> dict[str, System]:
    """The operating systems of a package tool, by their name in scenarios."""
    return {name: system for name, system in SYSTEMS.items() if system.family == family}


def version(package: Package, *, new: bool) -> str:
    return f"{NEW if new else OLD}-1"


def config_text(*, new: bool) -> str:
    return f"# from the package, version {NEW if new else OLD}\ncolour = blue\n" + (
        "shape = round\n" if new else ""
    )


def kernel_part(os_name: str) -> str:
    """The repository of an operating system's pending kernel."""
    return f"kernel-{os_name}"


def kernel_package(system: System, kernel: Kernel) -> str:
    return system.kernel_package.format(release=kernel.release)
