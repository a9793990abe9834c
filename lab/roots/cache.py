"""A directory outside the checkout where built things are kept: each is built once, by one builder, all or nothing."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

KEPT_UNUSED_S = 30 * 86_400


def folder() -> Path:
    """`LAB_ROOTS_CACHE`, or a directory of the user's cache."""
    told = os.environ.get("LAB_ROOTS_CACHE")
    return Path(told).resolve() if told else Path.home() / ".cache" / "patch-portal" / "roots"


def built(name: str, recipe: Iterable[str | Path], build: Callable[[Path], None]) -> Path:
    """The directory that `build` fills from `recipe` (texts, and files by content); made if it is not there.

    Another recipe is another directory, so nothing stale is ever cloned. Other builders of the same wait meanwhile.
    """
    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    done = place / f"{name}-{digest(recipe)}"
    if done.exists():
        os.utime(done)
        return done
    with locked(place / f"{done.name}.lock"):
        if not done.exists():
            fresh = place / f"{done.name}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            build(fresh)
            fresh.rename(done)
            _forget_unused(place)
    return done


def _forget_unused(place: Path) -> None:
    """Each is some hundred megabytes, and every change of a recipe leaves one behind."""
    for old in place.iterdir():
        if old.is_dir() and old.stat().st_mtime < time.time() - KEPT_UNUSED_S:
            shutil.rmtree(old)


def digest(recipe: Iterable[str | Path]) -> str:
    """Twelve hex digits."""
    found = hashlib.sha256()
    for part in recipe:
        found.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        found.update(b"\0")
    return found.hexdigest()[:12]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process or thread at a time; the kernel lets go when the holder dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
