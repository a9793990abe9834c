"""Builds root file systems: one from the machine's mirror, and layers over it, each an overlay's upper directory."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from lab.roots import mirror
from lab.roots.tools import call

SOURCE = Path(__file__)
# Nobody reads manuals there, and each file costs time.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C",
    "DEBIAN_FRONTEND": "noninteractive",
}
# Everything that is mounted dies with the namespace, whatever happens to the builder.
_MOUNTED = """
set -eu
mount -t overlay overlay -o lowerdir="$1",upperdir="$2/root",workdir="$2/work" "$2/merged"
mount -t proc proc "$2/merged/proc"
mount -t tmpfs tmpfs "$2/merged/run"
mount --rbind /dev "$2/merged/dev"
[ -z "$3" ] || { mkdir -p "$2/merged/srv/repo"; mount --bind -o ro "$3" "$2/merged/srv/repo"; }
[ -z "$4" ] || cat "$4" >"$2/merged/etc/resolv.conf"
exec chroot "$2/merged" /bin/sh -eu
"""


def bootstrap(fresh: Path, packages: Sequence[str]) -> None:
    """A minimal Debian of the machine's own release in `fresh`/root."""
    exclude = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    options = [f"--aptopt={line}" for line in mirror.download_options()]
    include = f"--include={','.join(packages)}"
    what: list[str | Path] = [mirror.codename(), fresh / "root", "-"]
    call(
        ["mmdebstrap", "--quiet", "--variant=minbase", include, *exclude, *options, *what],
        given=mirror.sources(),
    )


def layer(
    fresh: Path, lower: Sequence[Path], script: str, *, repo: Path | None = None, online: bool = False
) -> None:
    """What `script` (POSIX sh, run inside as root) changes over `lower` (upmost first) goes to `fresh`/root."""
    for name in ("root", "work", "merged"):
        (fresh / name).mkdir()
    resolver = "/etc/resolv.conf" if online else ""
    namespaces = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    places: list[str | Path] = [":".join(map(str, lower)), fresh, repo or "", resolver]
    call(
        [*namespaces, "--propagation", "private", "sh", "-c", _MOUNTED, "layer", *places],
        env=ENVIRONMENT,
        given=script,
    )
    for name in ("work", "merged"):
        shutil.rmtree(fresh / name)


def installing(packages: Sequence[str]) -> str:
    """The script that adds Debian packages to a layer, from the sources that the lower root was built with."""
    words = shlex.join(packages)
    settings = "\n".join(mirror.download_options())
    return f"""
printf '%s\\n' {shlex.quote(settings)} >/etc/apt/apt.conf.d/99lab-build
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get -q update </dev/null
apt-get -q -y --no-install-recommends install {words} </dev/null
apt-get clean
rm -rf /var/lib/apt/lists/* /etc/apt/apt.conf.d/99lab-build /usr/sbin/policy-rc.d /etc/resolv.conf
"""
