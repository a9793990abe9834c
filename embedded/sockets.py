"""A private folder for unix sockets, short enough for the kernel's limit of 107 bytes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "patch-portal-"


def socket_folder(state: Path) -> Path:
    """A new 0700 folder in /tmp; the one that an earlier start of this state left behind goes away."""
    note = state / "socket-folder"
    if note.exists():
        remove_socket_folder(Path(note.read_text().strip()))
    folder = new_socket_folder()
    note.write_text(f"{folder}\n")
    return folder


def new_socket_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))


def remove_socket_folder(folder: Path) -> None:
    """Removes a folder that `new_socket_folder` made. Anything else is left alone."""
    if folder.parent == Path("/tmp") and folder.name.startswith(PREFIX) and _is_ours(folder):
        shutil.rmtree(folder)


def _is_ours(folder: Path) -> bool:
    return (
        folder.is_dir()
        and not folder.is_symlink()
        and (os.getuid() == 0 or folder.stat().st_uid == os.getuid())
    )
