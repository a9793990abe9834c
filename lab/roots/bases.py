"""The three roots: apt (Debian itself), dnf and zypper. Built from the machine's own mirror."""

from __future__ import annotations

from pathlib import Path

from lab.roots import cache, layers, mirror, tools

COMMON = ("procps", "gnupg")
# zypper and dnf-plugins-core refuse to live on one machine: each has a layer of its own.
ADDED = {
    "apt": (),
    "dnf": ("dnf", "rpm", "dnf-plugins-core", "gawk"),
    "zypper": ("zypper", "rpm", "gawk"),
}
# Their sh is bash and their awk GNU's, unlike Debian's.
# Debian's rpm keeps its database in the home directory, where zypper and rpm would see different ones.
RPM = r"""
ln -sf bash /bin/sh
mkdir -p /etc/rpm
printf '%%_dbpath /var/lib/rpm\n%%__gpg /usr/bin/gpg\n' >/etc/rpm/macros.lab
rm -rf /var/lib/rpm && mkdir -p /var/lib/rpm && rpm --initdb
mv /usr/bin/apt-get /usr/bin/apt-get.debian
"""
AFTERWARDS = {
    "apt": "",
    "dnf": RPM
    + r"""
ln -sf dnf /usr/bin/yum
rm -f /etc/yum.repos.d/* /etc/dnf/plugins/local.conf
""",
    "zypper": RPM + "rm -f /etc/zypp/repos.d/*\nmkdir -p /etc/zypp/repos.d\n",
}


def lower(family: str) -> list[Path]:
    """The read-only directories of a family's root, upmost first; built when they are not there."""
    tools.install()
    common = cache.built(
        "common",
        (layers.SOURCE, *COMMON, mirror.codename()),
        lambda fresh: layers.bootstrap(fresh, COMMON),
    )
    if not ADDED[family]:
        return [common / "root"]
    script = layers.installing(ADDED[family]) + AFTERWARDS[family]
    own = cache.built(
        family,
        (common.name, script),
        lambda fresh: layers.layer(fresh, [common / "root"], script, online=True),
    )
    return [own / "root", common / "root"]
