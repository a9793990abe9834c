"""What the machine itself must have: root, overlayfs, and Debian's tools that build roots and repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# The command that each Debian package is needed for.
PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "apt-ftparchive": "apt-utils",
    "gpg": "gnupg",
    "rpmbuild": "rpm",
    "createrepo_c": "createrepo-c",
}
INSTALL_TIMEOUT_S = 600
LAST_LINES = 5


class RootsUnavailable(RuntimeError):
    """This machine cannot have root hosts; the message says why and what would help."""


def refusal() -> str:
    """Why this machine cannot have root hosts; empty when it can, perhaps after `install`."""
    if not sys.platform.startswith("linux"):
        return "Root hosts need Linux."
    if os.geteuid() != 0:
        return "Root hosts need root: they mount file systems and start namespaces."
    if not shutil.which("apt-get"):
        return "Root hosts need Debian or a system like it: their roots are built from its packages."
    if not any(line.split()[-1] == "overlay" for line in Path("/proc/filesystems").read_text().splitlines()):
        subprocess.run(["modprobe", "overlay"], capture_output=True, check=False)
        if "overlay" not in Path("/proc/filesystems").read_text():
            return "Root hosts need overlayfs, which this kernel does not have."
    if not Path("/proc/self/ns/time").exists():
        return "Root hosts need time namespaces (Linux 5.6): each has an uptime of its own."
    return ""


def missing() -> list[str]:
    """The Debian packages that are not here."""
    return [package for command, package in PACKAGES.items() if not shutil.which(command)]


def install() -> None:
    """Install what is missing with apt-get. Raises RootsUnavailable."""
    if why := refusal():
        raise RootsUnavailable(why)
    if wanted := missing():
        apt = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-q"]
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        call([*apt, "update"], env=quiet)
        call([*apt, "install", "-y", "--no-install-recommends", *wanted], env=quiet)


def call(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    given: str = "",
) -> str:
    """Run a tool, give back what it printed. Raises RootsUnavailable with its last words."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=cwd,
        env=env,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        last = " | ".join(done.stdout.strip().splitlines()[-LAST_LINES:])
        raise RootsUnavailable(f"{' '.join(words[:6])} ended with {done.returncode}: {last}")
    return done.stdout
