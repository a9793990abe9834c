"""Package names and versions that simulated hosts carry, per operating system. Real names, made-up currency."""

from __future__ import annotations

import re
from dataclasses import dataclass

_DEB = (
    "openssl=3.0.14-1~deb12u1 libssl3=3.0.14-1~deb12u1 curl=7.88.1-10+deb12u7 libcurl4=7.88.1-10+deb12u7 "
    "bash=5.2.15-2+b6 coreutils=9.1-1 libc6=2.36-9+deb12u7 libc-bin=2.36-9+deb12u7 systemd=252.26-1~deb12u2 "
    "libsystemd0=252.26-1~deb12u2 udev=252.26-1~deb12u2 openssh-server=1:9.2p1-2+deb12u2 "
    "openssh-client=1:9.2p1-2+deb12u2 perl-base=5.36.0-7+deb12u1 python3.11=3.11.2-6+deb12u2 "
    "libpython3.11=3.11.2-6+deb12u2 bind9-host=1:9.18.28-1~deb12u2 bind9-libs=1:9.18.28-1~deb12u2 "
    "libexpat1=2.5.0-1+deb12u1 libxml2=2.9.14+dfsg-1.3~deb12u1 sudo=1.9.13p3-1+deb12u1 tzdata=2024a-0+deb12u1 "
    "less=590-2.1~deb12u2 vim-tiny=2:9.0.1378-2 git=1:2.39.2-1.1 nginx=1.22.1-9 libgnutls30=3.7.9-2+deb12u3 "
    "libkrb5-3=1.20.1-2+deb12u2 libgssapi-krb5-2=1.20.1-2+deb12u2 libnghttp2-14=1.52.0-1+deb12u1 "
    "libglib2.0-0=2.74.6-2+deb12u3 dbus=1.14.10-1~deb12u1 e2fsprogs=1.47.0-2 gpg=2.2.40-1.1 "
    "libarchive13=3.6.2-1+deb12u1 libtiff6=4.5.0-6+deb12u1 rsync=3.2.7-1 wget=1.21.3-1+b2 "
    "ca-certificates=20230311 base-files=12.4+deb12u6 login=1:4.13+dfsg1-1+b1 passwd=1:4.13+dfsg1-1+b1 "
    "libpam-modules=1.5.2-6+deb12u1 util-linux=2.38.1-5+deb12u1 mount=2.38.1-5+deb12u1 libmount1=2.38.1-5+deb12u1"
)
_UBUNTU = (
    "openssl=3.0.13-0ubuntu3.4 libssl3t64=3.0.13-0ubuntu3.4 curl=8.5.0-2ubuntu10.4 libcurl4t64=8.5.0-2ubuntu10.4 "
    "bash=5.2.21-2ubuntu4 coreutils=9.4-3ubuntu6 libc6=2.39-0ubuntu8.3 libc-bin=2.39-0ubuntu8.3 "
    "systemd=255.4-1ubuntu8.4 libsystemd0=255.4-1ubuntu8.4 udev=255.4-1ubuntu8.4 "
    "openssh-server=1:9.6p1-3ubuntu13.5 openssh-client=1:9.6p1-3ubuntu13.5 perl-base=5.38.2-3.2ubuntu0.1 "
    "python3.12=3.12.3-1ubuntu0.3 libpython3.12t64=3.12.3-1ubuntu0.3 bind9-host=1:9.18.28-0ubuntu0.24.04.1 "
    "libexpat1=2.6.1-2ubuntu0.2 libxml2=2.9.14+dfsg-1.3ubuntu3.1 sudo=1.9.15p5-3ubuntu5 tzdata=2024a-3ubuntu1.1 "
    "vim-tiny=2:9.1.0016-1ubuntu7.3 git=1:2.43.0-1ubuntu7.1 nginx=1.24.0-2ubuntu7.1 "
    "libgnutls30t64=3.8.3-1.1ubuntu3.2 libkrb5-3=1.20.1-6ubuntu2.1 apparmor=4.0.1-0ubuntu0.24.04.3 "
    "snapd=2.63.1+24.04 cloud-init=24.3.1-0ubuntu0~24.04.2 netplan.io=1.0.1-1ubuntu2.1 rsync=3.2.7-1ubuntu1 "
    "wget=1.21.4-1ubuntu4.1 base-files=13ubuntu10.1 login=1:4.13+dfsg1-4ubuntu3 util-linux=2.39.3-9ubuntu6.1"
)
_AMZN = (
    "openssl=1:3.0.8-1.amzn2023.0.14 openssl-libs=1:3.0.8-1.amzn2023.0.14 curl-minimal=8.5.0-1.amzn2023.0.4 "
    "libcurl-minimal=8.5.0-1.amzn2023.0.4 bash=5.2.15-1.amzn2023.0.2 coreutils=8.32-30.amzn2023.0.3 "
    "glibc=2.34-52.amzn2023.0.10 glibc-common=2.34-52.amzn2023.0.10 systemd=252.23-2.amzn2023 "
    "systemd-libs=252.23-2.amzn2023 openssh-server=8.7p1-8.amzn2023.0.13 python3=3.9.16-1.amzn2023.0.9 "
    "python3-libs=3.9.16-1.amzn2023.0.9 bind-utils=32:9.16.48-1.amzn2023.0.1 expat=2.5.0-1.amzn2023.0.4 "
    "libxml2=2.10.4-1.amzn2023.0.6 sudo=1.9.15-1.p5.amzn2023.0.1 tzdata=2024a-1.amzn2023.0.1 "
    "vim-minimal=2:9.0.2153-1.amzn2023.0.1 git-core=2.40.1-1.amzn2023.0.3 gnutls=3.8.0-376.amzn2023.0.3 "
    "krb5-libs=1.21.3-1.amzn2023.0.1 less=608-2.amzn2023.0.2 cloud-init=22.2.2-1.amzn2023.1.12 "
    "amazon-ssm-agent=3.3.987.0-1.amzn2023 ec2-utils=2.2.0-1.amzn2023.0.2 rsync=3.2.6-1.amzn2023.0.4 "
    "nss=3.90.0-6.amzn2023.0.1 ca-certificates=2023.2.68-1.0.amzn2023.0.1 libarchive=3.7.4-2.amzn2023.0.1"
)
_RHEL = (
    "openssl=1:3.0.7-27.el9 openssl-libs=1:3.0.7-27.el9 curl=7.76.1-29.el9_4 libcurl=7.76.1-29.el9_4 "
    "bash=5.1.8-9.el9 coreutils=8.32-35.el9 glibc=2.34-100.el9_4.2 glibc-common=2.34-100.el9_4.2 "
    "systemd=252-32.el9_4 systemd-libs=252-32.el9_4 openssh-server=8.7p1-38.el9_4.1 python3=3.9.18-3.el9_4.1 "
    "python3-libs=3.9.18-3.el9_4.1 bind-utils=32:9.16.23-18.el9_4.1 expat=2.5.0-2.el9_4 "
    "libxml2=2.9.13-6.el9_4 sudo=1.9.5p2-10.el9_3 tzdata=2024a-1.el9 vim-minimal=2:8.2.2637-20.el9_1 "
    "git-core=2.43.5-1.el9_4 gnutls=3.8.3-4.el9_4 krb5-libs=1.21.1-2.el9_4 less=590-4.el9_4 "
    "selinux-policy=38.1.35-2.el9_4.2 rsync=3.2.3-19.el9 nss=3.90.0-7.el9_4 NetworkManager=1:1.46.0-8.el9_4 "
    "firewalld=1.3.4-1.el9 subscription-manager=1.29.40-1.el9 libarchive=3.5.3-4.el9"
)
_SLES = (
    "openssl-3=3.1.4-150600.5.15.1 libopenssl3=3.1.4-150600.5.15.1 curl=8.6.0-150600.4.3.1 "
    "libcurl4=8.6.0-150600.4.3.1 bash=4.4-150400.27.3.2 coreutils=8.32-150400.9.6.1 "
    "glibc=2.38-150600.14.5.1 glibc-locale-base=2.38-150600.14.5.1 systemd=254.15-150600.4.8.1 "
    "libsystemd0=254.15-150600.4.8.1 openssh-server=9.6p1-150600.6.9.1 python3-base=3.6.15-150300.10.65.1 "
    "libexpat1=2.4.4-150400.3.22.1 libxml2-2=2.10.3-150500.5.17.1 sudo=1.9.15p5-150600.3.6.2 "
    "timezone=2024a-150600.91.1 vim-small=9.1.0330-150500.20.12.1 git-core=2.43.0-150600.3.6.1 "
    "libgnutls30=3.8.3-150600.4.3.1 krb5=1.20.1-150600.11.3.1 less=643-150600.3.3.1 "
    "cloud-regionsrv-client=10.3.4-150300.13.9.1 rsync=3.2.7-150600.1.4 mozilla-nss=3.101.2-150400.3.48.1 "
    "libzypp=17.35.8-150600.3.19.1 zypper=1.14.76-150600.10.8.1 permissions=20240801-150600.10.4.1"
)


@dataclass(frozen=True)
class System:
    """One operating system: how it names itself, its package tool and its kernels."""

    family: str  # apt | dnf | zypper
    release: str  # /etc/os-release
    packages: tuple[tuple[str, str], ...]
    arch: str
    kernel_package: str  # {release} is filled for Debian and Ubuntu
    kernel_meta: str  # a package that depends on the newest kernel, or ""
    kernels: tuple[tuple[str, str], tuple[str, str]]  # (running name, package version) old and new
    repo: str
    security_repo: str


def _os_release(identity: str, version: str, name: str, like: str = "") -> str:
    return f'ID="{identity}"\nVERSION_ID="{version}"\nPRETTY_NAME="{name}"\nID_LIKE="{like}"\n'


def _packages(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, version) for name, version in (word.split("=", 1) for word in text.split()))


SYSTEMS: dict[str, System] = {
    "debian12": System(
        "apt", _os_release("debian", "12", "Debian GNU/Linux 12 (bookworm)"), _packages(_DEB), "amd64",
        "linux-image-{release}", "linux-image-cloud-amd64",
        (("6.1.0-40-cloud-amd64", "6.1.153-1"), ("6.1.0-41-cloud-amd64", "6.1.158-1")),
        "Debian:12.8/stable", "Debian-Security:12/stable-security",
    ),
    "ubuntu2404": System(
        "apt", _os_release("ubuntu", "24.04", "Ubuntu 24.04.1 LTS", "debian"), _packages(_UBUNTU), "amd64",
        "linux-image-{release}", "linux-image-aws",
        (("6.8.0-1016-aws", "6.8.0-1016.17"), ("6.8.0-1018-aws", "6.8.0-1018.20")),
        "Ubuntu:24.04/noble-updates", "Ubuntu:24.04/noble-security",
    ),
    "amzn2023": System(
        "dnf", _os_release("amzn", "2023", "Amazon Linux 2023.6.20241010", "fedora"), _packages(_AMZN), "x86_64",
        "kernel", "",
        (("6.1.109-118.189.amzn2023.x86_64", "6.1.109-118.189.amzn2023"),
         ("6.1.112-122.189.amzn2023.x86_64", "6.1.112-122.189.amzn2023")),
        "amazonlinux", "amazonlinux",
    ),
    "rhel9": System(
        "dnf", _os_release("rhel", "9.4", "Red Hat Enterprise Linux 9.4 (Plow)", "fedora"), _packages(_RHEL), "x86_64",
        "kernel-core", "",
        # a later update of one release: plain text order puts these two the wrong way round
        (("5.14.0-427.el9.x86_64", "5.14.0-427.el9"), ("5.14.0-427.13.1.el9_4.x86_64", "5.14.0-427.13.1.el9_4")),
        "rhel-9-baseos-rhui-rpms", "rhel-9-baseos-rhui-rpms",
    ),
    "sles15": System(
        "zypper", _os_release("sles", "15.6", "SUSE Linux Enterprise Server 15 SP6", "suse"), _packages(_SLES), "x86_64",
        "kernel-default", "",
        (("6.4.0-150600.23.17-default", "6.4.0-150600.23.17.1"),
         ("6.4.0-150600.23.22-default", "6.4.0-150600.23.22.1")),
        "SLE-Module-Basesystem15-SP6-Updates", "SLE-Module-Basesystem15-SP6-Updates",
    ),
}

_WORDS = "alsa avahi boost cairo dbus elf fuse gmp hogweed idn jbig lcms magic nettle orc pango raptor seccomp tasn usb".split()
_LAST_NUMBER = re.compile(r"(\d+)((?:\.el9[_.\d]*|\.amzn2023)?)$")


def filler(index: int, version: str) -> tuple[str, str]:
    """A made-up library for hosts that need more packages than the list holds."""
    return f"lib{_WORDS[index % len(_WORDS)]}{index // len(_WORDS)}-{index % 7}", version


def newer(version: str) -> str:
    """The next update of a version: its last number before any distribution suffix, plus one."""
    return _LAST_NUMBER.sub(lambda found: f"{int(found[1]) + 1}{found[2]}", version, count=1)
