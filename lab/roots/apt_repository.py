"""A signed apt repository of the lab's packages: what hosts have (old) and the suites of what is pending."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lab.roots import cache, contents, signing
from lab.roots.contents import PACKAGES, Package
from lab.roots.tools import call
from lab.shims.catalogue import Kernel, System

SOURCES = (Path(__file__), Path(contents.__file__))
# Suite as hosts name it: the label that apt shows, which tells security updates.
LABELS = {"old": "Lab", "updates": "Debian", "security": "Debian-Security", "big": "Debian"}
KEYRING = "/usr/share/keyrings/lab.gpg"
STOP_AT_ERRORS = "#!/bin/sh\nset -e\n"
ONLY_CONFIGURE = '[ "$1" = configure ] || exit 0\n'
# As Debian's kernels: hooks run with the release, and one of them asks for the restart.
KERNEL_POSTINST = 'run-parts --arg="{release}" --arg="/boot/vmlinuz-{release}" /etc/kernel/postinst.d\n'


@dataclass(frozen=True)
class Deb:
    """One binary package to build."""

    name: str
    version: str
    part: str
    arch: str = "all"
    depends: str = ""
    scripts: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    config: str = ""
    size_mb: int = 0

    @property
    def file(self) -> str:
        return f"pool/{self.part}/{self.name}_{self.version}_{self.arch}.deb"


def folder() -> Path:
    """Hosts see it as /srv/repo; built when it is not there."""
    key = signing.folder()
    return cache.built("apt-repository", (*SOURCES, signing.SOURCE, key.name), _build)


def suite(part: str) -> str:
    """The suite of a part, as a sources line names it."""
    return f"lab-{part}"


def source(part: str) -> str:
    """The line of sources.list for a part."""
    return f"deb [signed-by={KEYRING}] file:/srv/repo {suite(part)} main\n"


def _build(fresh: Path) -> None:
    debs = [
        Deb("bash", "1.0-1", "old"),  # by it hosts tell a system's own repository; they have a newer one
        *_ordinary(),
        *(deb for name, one in contents.systems("apt").items() for deb in _kernels(name, one)),
    ]
    for deb in debs:
        _pack(deb, fresh)
    with signing.signer() as gpg:
        for part in sorted({deb.part for deb in debs}):
            _index(part, fresh, gpg)
    shutil.rmtree(fresh / "build")
    for name in ("public.gpg", "stranger.gpg"):
        shutil.copy(signing.folder() / name, fresh)


def _ordinary() -> Iterator[Deb]:
    for package in PACKAGES:
        for new in (False, True):
            yield Deb(
                package.name,
                contents.version(package, new=new),
                package.part if new else "old",
                scripts=_scripts(package),
                files={f"/usr/share/{package.name}/version": contents.version(package, new=new)},
                config=contents.config_text(new=new) if package.config else "",
                size_mb=package.size_mb if new else 0,
            )


def _scripts(package: Package) -> dict[str, str]:
    known = f"PACKAGE={package.name}\n"
    found = {}
    if package.before:
        found["preinst"] = STOP_AT_ERRORS + known + package.before
    if package.after:
        found["postinst"] = STOP_AT_ERRORS + known + ONLY_CONFIGURE + package.after
    return found


def _kernels(os_name: str, system: System) -> Iterator[Deb]:
    for kernel, part in zip(system.kernels, ("old", contents.kernel_part(os_name)), strict=True):
        package = contents.kernel_package(system, kernel)
        yield _kernel(system, kernel, package, part)
        # The new dependency is why a plain upgrade keeps kernels back.
        yield Deb(
            system.kernel_meta, kernel.version, part, system.arch, depends=f"{package} (= {kernel.version})"
        )


def _kernel(system: System, kernel: Kernel, package: str, part: str) -> Deb:
    hooks = KERNEL_POSTINST.format(release=kernel.release)
    return Deb(
        package,
        kernel.version,
        part,
        system.arch,
        scripts={"postinst": STOP_AT_ERRORS + ONLY_CONFIGURE + hooks},
        files={f"/boot/vmlinuz-{kernel.release}": f"the kernel {kernel.release}\n"},
    )


def _pack(deb: Deb, fresh: Path) -> None:
    tree = fresh / "build" / deb.file
    for name, text in {**deb.files, **({f"/etc/{deb.name}.conf": deb.config} if deb.config else {})}.items():
        path = tree / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if deb.size_mb:
        with (tree / f"usr/share/{deb.name}/data").open("wb") as file:
            file.truncate(deb.size_mb << 20)
    _control(deb, tree / "DEBIAN")
    target = fresh / deb.file
    target.parent.mkdir(parents=True, exist_ok=True)
    call(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, target])


def _control(deb: Deb, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    size_kb = deb.size_mb * 1024 + 16
    lines = [
        *(f"Package: {deb.name}", f"Version: {deb.version}", f"Architecture: {deb.arch}", "Section: admin"),
        *("Priority: optional", "Maintainer: Lab <lab@example.internal>", f"Installed-Size: {size_kb}"),
        *([f"Depends: {deb.depends}"] if deb.depends else []),
        "Description: a package of the lab",
    ]
    (place / "control").write_text("\n".join(lines) + "\n")
    if deb.config:
        (place / "conffiles").write_text(f"/etc/{deb.name}.conf\n")
    for name, text in deb.scripts.items():
        (place / name).write_text(text)
        (place / name).chmod(0o755)


def _index(part: str, fresh: Path, gpg: signing.Gpg) -> None:
    place = fresh / "dists" / suite(part)
    packages = place / "main" / "binary-amd64" / "Packages"
    packages.parent.mkdir(parents=True)
    packages.write_text(call(["apt-ftparchive", "packages", f"pool/{part}"], cwd=fresh))
    label = LABELS.get(part, "Debian-Security")
    told = {
        "Label": label,
        "Origin": "Lab",
        "Suite": suite(part),
        "Codename": suite(part),
        "Components": "main",
    }
    told["Architectures"] = "amd64"
    options = [f"-oAPT::FTPArchive::Release::{name}={value}" for name, value in told.items()]
    release = call(["apt-ftparchive", *options, "release", place], env={**os.environ, "LC_ALL": "C"})
    (place / "Release").write_text(release)
    signing.clear_sign(gpg, place / "Release", place / "InRelease")
