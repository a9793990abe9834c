"""Signed rpm repositories of the lab's packages: what hosts have (old) and the repositories of what is pending."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.roots import advisories, cache, contents, signing
from lab.roots.contents import PACKAGES, Package
from lab.roots.tools import call
from lab.shims.catalogue import Kernel, System

SOURCES = (Path(__file__), Path(contents.__file__), Path(advisories.__file__))
# Both package tools keep several kernels; the words by which they know one.
KERNEL_PROVIDES = "Provides: installonlypkg(kernel), multiversion(kernel)\n"
SHELL = """%package -n bash
Summary: What the scripts of the other packages need
Version: 5.1.8
Release: 9
BuildArch: noarch
Provides: /bin/sh
%description -n bash
Lab.
%files -n bash
"""


@dataclass(frozen=True)
class Rpm:
    """One binary package: its section of a spec file, and where it goes."""

    name: str
    version: str
    release: str
    arch: str
    part: str
    section: str

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-{self.release}.{self.arch}.rpm"


def folder(family: str) -> Path:
    """Hosts of the family see it as /srv/repo; built when it is not there."""
    key = signing.folder()
    recipe = (*SOURCES, signing.SOURCE, key.name, family)
    return cache.built(f"{family}-repository", recipe, lambda fresh: _build(family, fresh))


def _build(family: str, fresh: Path) -> None:
    systems = contents.systems(family)
    rpms = [Rpm("bash", "5.1.8", "9", "noarch", "old", SHELL)]
    rpms += [_ordinary(package, new=new) for package in PACKAGES for new in (False, True)]
    rpms += [rpm for name, system in systems.items() for rpm in _kernels(name, system)]
    old = [rpm for rpm in rpms if rpm.part.startswith("old")]
    with signing.signer() as gpg:
        for version, chosen in ((contents.OLD, old), (contents.NEW, [rpm for rpm in rpms if rpm not in old])):
            _pack(version, chosen, fresh)
        signing.sign_rpms(gpg, sorted(fresh.glob("*/*.rpm")))
        for part in sorted({rpm.part for rpm in rpms}):
            _index([rpm for rpm in rpms if rpm.part == part], fresh / part, gpg)
    for name in ("public.asc", "stranger.asc"):
        shutil.copy(signing.folder() / name, fresh)


def _ordinary(package: Package, *, new: bool) -> Rpm:
    version, release = contents.version(package, new=new).split("-")
    part = package.part if new else "old"
    return Rpm(package.name, version, release, "noarch", part, _section(package, version, release, new=new))


def _section(package: Package, version: str, release: str, *, new: bool) -> str:
    known = f"PACKAGE={package.name}\n"
    name, data = package.name, f"/usr/share/{package.name}"
    lines = [
        f"%package -n {name}\nSummary: A package of the lab\nVersion: {version}\nRelease: {release}",
        f"BuildArch: noarch\n%description -n {name}\nLab.",
        *([f"%pre -n {name}\n{known}{package.before}"] if package.before else []),
        *([f"%post -n {name}\n{known}{package.after}"] if package.after else []),
        f"%files -n {name}\n{data}",
        *([f"%config(noreplace) /etc/{name}.conf"] if package.config else []),
    ]
    make = f"%install_{name} mkdir -p %{{buildroot}}{data}; echo {version} >%{{buildroot}}{data}/version\n"
    if package.config:
        text = contents.config_text(new=new).replace("\n", "\\n")
        make += (
            f"%install_{name} mkdir -p %{{buildroot}}/etc; printf '{text}' >%{{buildroot}}/etc/{name}.conf\n"
        )
    if package.size_mb and new:
        make += f"%install_{name} head -c {package.size_mb << 20} /dev/zero >%{{buildroot}}{data}/data\n"
    return make + "\n".join(lines) + "\n"


def _kernels(os_name: str, system: System) -> Iterator[Rpm]:
    for kernel, part in zip(system.kernels, (f"old-{os_name}", contents.kernel_part(os_name)), strict=True):
        version, release = kernel.version.split("-", 1)
        name = contents.kernel_package(system, kernel)
        yield Rpm(name, version, release, system.arch, part, _kernel_section(name, version, release, kernel))


def _kernel_section(name: str, version: str, release: str, kernel: Kernel) -> str:
    image = f"/boot/vmlinuz-{kernel.release}"
    return (
        f"%install_{name} mkdir -p %{{buildroot}}/boot; echo {kernel.release} >%{{buildroot}}{image}\n"
        f"%package -n {name}\nSummary: A kernel of the lab\nVersion: {version}\nRelease: {release}\n"
        f"{KERNEL_PROVIDES}%description -n {name}\nLab.\n"
        f"%post -n {name}\n/usr/local/bin/new-kernel {kernel.release} {name}\n%files -n {name}\n{image}\n"
    )


def _pack(version: str, rpms: Iterable[Rpm], fresh: Path) -> None:
    """One spec file builds all: starting rpmbuild costs more than a package."""
    chosen = list(rpms)
    top = fresh / f"build-{version}"
    top.mkdir()
    (top / "lab.spec").write_text(_spec(version, chosen))
    options = ["--define", f"_topdir {top}", "--define", "_binary_payload w1.gzdio", "--target", "x86_64"]
    call(["rpmbuild", "-bb", "--quiet", "--nodeps", *options, top / "lab.spec"])
    for rpm in chosen:
        (fresh / rpm.part).mkdir(exist_ok=True)
        shutil.move(top / "RPMS" / rpm.arch / rpm.file, fresh / rpm.part / rpm.file)
    shutil.rmtree(top)


def _spec(version: str, rpms: Iterable[Rpm]) -> str:
    lines = "".join(rpm.section for rpm in rpms).splitlines()
    makes = [line.split(" ", 1)[1] for line in lines if line.startswith("%install_")]
    sections = [line for line in lines if not line.startswith("%install_")]
    head = f"Name: labset\nVersion: {version}\nRelease: 1\nSummary: Lab\nLicense: MIT\nAutoReqProv: no\n"
    return "\n".join([head + "%description\nLab.", *sections, "%install", *makes]) + "\n"


def _index(rpms: list[Rpm], place: Path, gpg: signing.Gpg) -> None:
    call(["createrepo_c", "--quiet", "--no-database", place])
    part = rpms[0].part
    if part == "security" or part.startswith("kernel"):
        told = place / "updateinfo.xml"
        advised = [(rpm.name, rpm.version, rpm.release, rpm.arch, rpm.file) for rpm in rpms]
        told.write_text(advisories.updateinfo(part, advised))
        call(["modifyrepo_c", "--mdtype=updateinfo", told, place / "repodata"])
        told.unlink()
    signing.detached(gpg, place / "repodata" / "repomd.xml")
    shutil.copy(signing.folder() / "public.asc", place / "repodata" / "repomd.xml.key")
