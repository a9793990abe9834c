"""The key that signs the lab's repositories, made once, and the public key of a stranger whom no host trusts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.roots import cache
from lab.roots.tools import call

SOURCE = Path(__file__)
NAME = "Patch Portal lab <lab@example.internal>"
STRANGER = "Nobody that the hosts trust <nobody@example.internal>"
Gpg = list[str | Path]


def folder() -> Path:
    """Holds public.asc, public.gpg, stranger.asc, stranger.gpg, and in secret/ what `signer` needs."""
    return cache.built("key", (SOURCE,), _make)


@contextmanager
def signer() -> Iterator[Gpg]:
    """The gpg command with the lab's secret key; its agent is gone afterwards."""
    with _home() as home:
        shutil.copytree(folder() / "secret", home, dirs_exist_ok=True)
        yield _gpg(home)


def clear_sign(gpg: Gpg, path: Path, to: Path) -> None:
    """Text and signature in one file, as apt wants it."""
    call([*gpg, "--armor", "--output", to, "--clearsign", path])


def detached(gpg: Gpg, path: Path) -> None:
    """The signature beside the file, with .asc added, as rpm repositories want it."""
    call([*gpg, "--armor", "--output", f"{path}.asc", "--detach-sign", path])


def sign_rpms(gpg: Gpg, files: Sequence[Path]) -> None:
    """The signature goes into each package."""
    home = gpg[gpg.index("--homedir") + 1]
    names = {"_gpg_name": NAME, "_gpg_path": home, "__gpg": "/usr/bin/gpg"}
    defines = [word for name, value in names.items() for word in ("--define", f"{name} {value}")]
    call(["rpmsign", *defines, "--addsign", *files])


def _make(fresh: Path) -> None:
    for name, user in (("public", NAME), ("stranger", STRANGER)):
        with _home() as home:
            gpg = _gpg(home)
            call([*gpg, "--passphrase", "", "--quick-generate-key", user, "rsa2048", "sign", "never"])
            call([*gpg, "--armor", "--output", fresh / f"{name}.asc", "--export"])
            call([*gpg, "--output", fresh / f"{name}.gpg", "--export"])
            if user == NAME:
                call(["gpgconf", "--homedir", home, "--kill", "all"])
                shutil.copytree(home, fresh / "secret", ignore=shutil.ignore_patterns("S.*"))


def _gpg(home: Path) -> Gpg:
    return ["gpg", "--homedir", home, "--batch", "--yes", "--quiet"]


@contextmanager
def _home() -> Iterator[Path]:
    # In /tmp: the path of the agent's socket must be short.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="lab-key-") as name:
        try:
            yield Path(name)
        finally:
            call(["gpgconf", "--homedir", name, "--kill", "all"])
