"""What simulated hosts carry, per operating system: real package names and versions, made-up currency."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_LISTS = Path(__file__).parent / "packages"
_WORDS = (
    "alsa",
    "avahi",
    "boost",
    "cairo",
    "elf",
    "fuse",
    "gmp",
    "idn",
    "jbig",
    "lcms",
    "magic",
    "orc",
    "usb",
)
# The number to raise: the last one before any distribution suffix.
_LAST_NUMBER = re.compile(r"(\d+)((?:\.el9[_.\d]*|\.amzn2023)?)$")


@dataclass(frozen=True)
class Kernel:
    """One kernel: the name it runs under (`uname -r`) and the version of its package."""

    release: str
    version: str


@dataclass(frozen=True)
class System:
    """One operating system: how it names itself, its package tool and its kernels."""

    family: str  # apt | dnf | zypper
    os_release: str
    packages: tuple[tuple[str, str], ...]
    arch: str
    kernel_package: str  # {release} is filled for Debian and Ubuntu
    kernel_meta: str  # a package that depends on the newest kernel, or ""
    kernels: tuple[Kernel, Kernel]  # the one that runs and its update

    @property
    def platform_name(self) -> str:
        """What the agent tells Systems Manager: the system without its version, which stands apart."""
        return self._says("PRETTY_NAME").split(self._says("VERSION_ID").partition(".")[0])[0].strip()

    @property
    def platform_version(self) -> str:
        return self._says("VERSION_ID")

    def _says(self, key: str) -> str:
        lines = dict(line.split("=", 1) for line in self.os_release.splitlines())
        return lines[key].strip('"')


def _system(
    name: str, family: str, identity: tuple[str, str, str, str], kernel: tuple[str, str], *kernels: Kernel
) -> System:
    keys = ("ID", "VERSION_ID", "PRETTY_NAME", "ID_LIKE")
    return System(
        family=family,
        os_release="".join(f'{key}="{value}"\n' for key, value in zip(keys, identity, strict=True)),
        packages=_packages(name),
        arch="amd64" if family == "apt" else "x86_64",
        kernel_package=kernel[0],
        kernel_meta=kernel[1],
        kernels=(kernels[0], kernels[1]),
    )


def _packages(name: str) -> tuple[tuple[str, str], ...]:
    lines = (_LISTS / f"{name}.txt").read_text().splitlines()
    return tuple((package, version) for package, version in (line.split() for line in lines))


SYSTEMS: dict[str, System] = {
    "debian12": _system(
        "debian12",
        "apt",
        ("debian", "12", "Debian GNU/Linux 12 (bookworm)", ""),
        ("linux-image-{release}", "linux-image-cloud-amd64"),
        Kernel("6.1.0-40-cloud-amd64", "6.1.153-1"),
        Kernel("6.1.0-41-cloud-amd64", "6.1.158-1"),
    ),
    "ubuntu2404": _system(
        "ubuntu2404",
        "apt",
        ("ubuntu", "24.04", "Ubuntu 24.04.1 LTS", "debian"),
        ("linux-image-{release}", "linux-image-aws"),
        Kernel("6.8.0-1016-aws", "6.8.0-1016.17"),
        Kernel("6.8.0-1018-aws", "6.8.0-1018.20"),
    ),
    "amzn2023": _system(
        "amzn2023",
        "dnf",
        ("amzn", "2023", "Amazon Linux 2023.6.20241010", "fedora"),
        ("kernel", ""),
        Kernel("6.1.109-118.189.amzn2023.x86_64", "6.1.109-118.189.amzn2023"),
        Kernel("6.1.112-122.189.amzn2023.x86_64", "6.1.112-122.189.amzn2023"),
    ),
    "rhel9": _system(
        "rhel9",
        "dnf",
        ("rhel", "9.4", "Red Hat Enterprise Linux 9.4 (Plow)", "fedora"),
        ("kernel-core", ""),
        # a later update of one release: plain text order puts these two the wrong way round
        Kernel("5.14.0-427.el9.x86_64", "5.14.0-427.el9"),
        Kernel("5.14.0-427.13.1.el9_4.x86_64", "5.14.0-427.13.1.el9_4"),
    ),
    "sles15": _system(
        "sles15",
        "zypper",
        ("sles", "15.6", "SUSE Linux Enterprise Server 15 SP6", "suse"),
        ("kernel-default", ""),
        Kernel("6.4.0-150600.23.17-default", "6.4.0-150600.23.17.1"),
        Kernel("6.4.0-150600.23.22-default", "6.4.0-150600.23.22.1"),
    ),
}


def filler(index: int, version: str) -> tuple[str, str]:
    """A made-up library for hosts that need more packages than the list holds."""
    return f"lib{_WORDS[index % len(_WORDS)]}{index // len(_WORDS)}-{index % 7}", version


def newer(version: str) -> str:
    """The next update of a version."""
    return _LAST_NUMBER.sub(lambda found: f"{int(found[1]) + 1}{found[2]}", version, count=1)
