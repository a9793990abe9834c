"""The files that make one clone: which repositories it uses, and the definition that its owners approved."""

from __future__ import annotations

from lab.roots import apt_repository, contents
from lab.scenario import HostSpec
from lab.shims.catalogue import SYSTEMS

APPROVED = "/etc/patch-portal/approved-repos"
PLACES = {
    "apt": "/etc/apt/sources.list",
    "dnf": "/etc/yum.repos.d/lab.repo",
    "zypper": "/etc/zypp/repos.d/lab.repo",
}
GOOD = "/etc/lab/approved-repositories"  # survives a fault that spoils the approved definition
BIG = "labbig"


def files(spec: HostSpec) -> dict[str, str]:
    """Texts by path. A tag `Lab=labbig` offers the 60 MB update too."""
    family = SYSTEMS[spec.os].family
    text = "".join(_definition(family, part) for part in parts(spec))
    place = PLACES[family]
    return {place: text, APPROVED + place: text, GOOD: text}


def parts(spec: HostSpec) -> list[str]:
    """The repositories of a host: `pending`, `security` and `kernel_update` say whether it has such updates."""
    chosen = ["old", *(["updates"] if spec.pending else []), *(["security"] if spec.security else [])]
    chosen += [contents.kernel_part(spec.os)] if spec.kernel_update else []
    return chosen + (["big"] if spec.tags.get("Lab") == BIG else [])


def _definition(family: str, part: str) -> str:
    if family == "apt":
        return apt_repository.source(part)
    key = "file:///srv/repo/public.asc"
    # zypper checks the signature of the lists too; the defaults of dnf's systems check that of packages alone
    kind = "type=rpm-md\nautorefresh=1\nrepo_gpgcheck=1\n" if family == "zypper" else ""
    return (
        f"[lab-{part}]\nname=lab {part}\nbaseurl=file:///srv/repo/{part}\nenabled=1\n"
        f"gpgcheck=1\ngpgkey={key}\n{kind}\n"
    )
