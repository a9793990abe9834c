"""What hosts of one operating system start from: a root with the old versions of the lab's packages installed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab.roots import apt_repository, bases, cache, layers, rpm_repository, tools
from lab.roots.contents import PACKAGES
from lab.shims.catalogue import SYSTEMS, System
from lab.shims.template import BOOT_MENU

BUILDERS = 2
FILES = Path(__file__).with_name("files")
# What a kernel's package calls when it is put in: new-kernel RELEASE PACKAGE.
NEW_KERNEL = '#!/bin/sh\nexec /usr/local/bin/boot-menu "" {family} "$@"\n'
HELD = tuple(package.name for package in PACKAGES if package.held)
NAMES = tuple(package.name for package in PACKAGES)


@dataclass(frozen=True)
class Image:
    """Read-only directories, upmost first, and the repositories that hosts see as /srv/repo."""

    os_name: str
    lower: tuple[Path, ...]
    repository: Path

    @property
    def family(self) -> str:
        return SYSTEMS[self.os_name].family


def prepare(os_names: Iterable[str]) -> None:
    """Build what is missing for these, two at a time. Raises RootsUnavailable."""
    tools.install()
    families = sorted({SYSTEMS[name].family for name in os_names})
    with ThreadPoolExecutor(BUILDERS) as pool:
        list(pool.map(bases.lower, families))
        list(pool.map(image, os_names))


def image(os_name: str) -> Image:
    """Built when it is not there. Raises RootsUnavailable."""
    system = SYSTEMS[os_name]
    lower = bases.lower(system.family)
    repository = apt_repository.folder() if system.family == "apt" else rpm_repository.folder(system.family)
    script = _common(system) + INSTALL[system.family](os_name, system)
    done = cache.built(
        f"image-{os_name}",
        (*(path.parent.name for path in lower), repository.name, script),
        lambda fresh: layers.layer(fresh, lower, script, repo=repository),
    )
    return Image(os_name, (done / "root", *lower), repository)


def _common(system: System) -> str:
    """Identity, kernel and the few commands that a namespace cannot have for real."""
    lines = ["mkdir -p /etc/lab /srv/repo /var/lib/amazon/ssm /usr/local/bin", "rm -f /etc/os-release"]
    lines.append(write("/etc/os-release", system.os_release))
    lines.append(write("/etc/lab/kernel", f"{system.kernels[0].release}\n"))
    for path in sorted(FILES.iterdir()):
        target = f"/usr/local/bin/{path.name}"
        lines += [write(target, path.read_text()), f"chmod 755 {target}"]
    lines += [write("/usr/local/bin/boot-menu", BOOT_MENU.read_text()), "chmod 755 /usr/local/bin/boot-menu"]
    lines.append(write("/usr/local/bin/new-kernel", NEW_KERNEL.format(family=system.family)))
    lines.append("chmod 755 /usr/local/bin/new-kernel")
    return "\n".join(lines) + "\n"


def _apt(os_name: str, system: System) -> str:
    old = apt_repository.source("old")
    hook = (
        "#!/bin/sh\ntouch /run/reboot-required\n"
        'echo "$DPKG_MAINTSCRIPT_PACKAGE" >>/run/reboot-required.pkgs\n'
    )
    menu = '#!/bin/sh\nexec /usr/local/bin/new-kernel "$1"\n'
    return f"""
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
cp /srv/repo/public.gpg /usr/share/keyrings/lab.gpg
mkdir -p /etc/kernel/postinst.d
{write("/etc/kernel/postinst.d/reboot-required", hook)}
{write("/etc/kernel/postinst.d/zz-new-kernel", menu)}
chmod 755 /etc/kernel/postinst.d/*
{write("/etc/apt/sources.list", old)}
export LAB_IMAGE=1
apt-get -q update </dev/null
apt-get -q -y install {" ".join(NAMES)} {system.kernel_meta} </dev/null
apt-mark hold {" ".join(HELD)}
{CHANGED_BY_ADMIN}
rm -rf /var/lib/apt/lists/*
apt-get clean
"""


def _rpm(os_name: str, system: System) -> str:
    return f"""
rpm --import /srv/repo/public.asc
rpm -i /srv/repo/old/*.rpm /srv/repo/old-{os_name}/*.rpm </dev/null
{CHANGED_BY_ADMIN}
"""


def _dnf(os_name: str, system: System) -> str:
    release = os_name.removeprefix("rhel").removeprefix("amzn")
    return (
        _rpm(os_name, system)
        + f"""
mkdir -p /etc/dnf/vars /etc/dnf/plugins
echo {release} >/etc/dnf/vars/releasever
dnf -q versionlock add {" ".join(HELD)} </dev/null
"""
    )


def _zypper(os_name: str, system: System) -> str:
    return (
        _rpm(os_name, system)
        + f"""
printf '[main]\\nmultiversion = provides:multiversion(kernel)\\n' >/etc/zypp/zypp.conf
zypper --non-interactive addlock {" ".join(HELD)} </dev/null
"""
    )


def write(path: str, text: str) -> str:
    """The shell line that writes a file."""
    return f"printf %s {shlex.quote(text)} >{path}"


CHANGED_BY_ADMIN = "sed -i 's/^colour.*/colour = green/' /etc/labconf.conf"
INSTALL = {"apt": _apt, "dnf": _dnf, "zypper": _zypper}
