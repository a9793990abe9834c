"""The shells that hosts have, each with the awk that comes with it: dash and mawk, bash and gawk, busybox for both."""

from __future__ import annotations

import functools
import os
import shutil

import pytest

from lab.roots.tools import RootsUnavailable, call

SHELLS = ["dash", "bash", "busybox sh"]
AWKS = {"dash": "mawk", "bash": "gawk", "busybox": "busybox awk"}


@functools.cache
def program(name: str) -> str:
    """The path of a program. Root on Debian gets it installed; elsewhere the test is skipped, in CI it fails."""
    found = shutil.which(name) or _installed(name)
    if found:
        return found
    why = f"{name} is not on this machine: run `apt-get install {name}` as root."
    if os.environ.get("CI"):
        pytest.fail(f"In CI every shell must be tried. {why}")
    pytest.skip(why)


def shell_of(words: str) -> str:
    """The same words with the path of their program."""
    name, *others = words.split()
    return " ".join([program(name), *others])


def awk_of(words: str) -> str:
    """The awk of a host with this shell, as a command."""
    return shell_of(AWKS[words.split(maxsplit=1)[0].rpartition("/")[2]])


def _installed(name: str) -> str | None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    try:
        call(["apt-get", "-o", "DPkg::Lock::Timeout=300", "-q", "install", "-y", name])
    except RootsUnavailable:
        return None
    return shutil.which(name)
