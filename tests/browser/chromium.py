"""Finds a Chromium for the browser tests, and lets root install Debian's."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

PLACES = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
# Two workers may want it at the same time: the second waits for the first.
APT = ("apt-get", "-o", "DPkg::Lock::Timeout=300")
INSTALL = (*APT, "install", "-y", "-q", "--no-install-recommends", "chromium", "fonts-dejavu-core")
# Without these it keeps asking the network for updates of its own.
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync")


class NoChromium(Exception):
    """`str()` says why there is none and what to do."""


@cache
def chromium() -> Path:
    """The program: $CHROMIUM, the machine's own, or Debian's installed now by root. Raises NoChromium."""
    if named := os.environ.get("CHROMIUM"):
        if os.access(named, os.X_OK):
            return Path(named)
        raise NoChromium(f"CHROMIUM names {named!r}, which is not a program.")
    if found := _installed():
        return found
    if os.getuid() != 0 or not shutil.which("apt-get"):
        raise NoChromium("No Chromium here: set CHROMIUM to one, or run `apt-get install chromium` as root.")
    return _installed_by_apt()


def launch_arguments() -> list[str]:
    """Chromium's sandbox refuses root, and only root."""
    return [*QUIET, *(["--no-sandbox"] if os.getuid() == 0 else [])]


def _installed() -> Path | None:
    return next((Path(place) for place in PLACES if os.access(place, os.X_OK)), None)


def _installed_by_apt() -> Path:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    words = ""
    for command in (INSTALL, (*APT, "update", "-q"), INSTALL):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        words = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else words
        if found := _installed():
            return found
    raise NoChromium(f"apt could not install Chromium: {words}")
