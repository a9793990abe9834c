"""As whom PostgreSQL runs: it refuses to run as root, and it needs a user with a name.

Root, and users without a passwd entry, get a user namespace in which they appear as `nobody`: no account is made and
no file changes hands. Where namespaces are blocked, root runs it as the real `nobody`, from copies it can reach.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from embedded.errors import EmbeddedError

NOBODY = 65534
NAMESPACE = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")


@dataclass(frozen=True)
class Identity:
    """`prefix` stands before the command; `user` is the OS user that owns files and process, None for our own."""

    prefix: tuple[str, ...] = ()
    user: str | None = None

    @property
    def group(self) -> int | None:
        return pwd.getpwnam(self.user).pw_gid if self.user else None

    def own(self, *paths: Path) -> None:
        """Gives existing paths to the OS user that will work in them."""
        if self.user:
            entry = pwd.getpwnam(self.user)
            for path in paths:
                os.chown(path, entry.pw_uid, entry.pw_gid)


@cache
def database_identity() -> Identity:
    """The identity for PostgreSQL here. Raises EmbeddedError where none of the ways is open."""
    if os.getuid() != 0 and _has_a_name():
        return Identity()
    if _namespaces_work():
        return Identity(prefix=NAMESPACE)
    if os.getuid() == 0:
        return Identity(user="nobody")
    raise EmbeddedError(
        f"User id {os.getuid()} has no name on this machine and user namespaces are blocked, so PostgreSQL refuses"
        " to run. Use a user with an entry in /etc/passwd, or set DATABASE_URL to a PostgreSQL server."
    )


def _has_a_name() -> bool:
    try:
        return bool(pwd.getpwuid(os.getuid()))
    except KeyError:
        return False


def _namespaces_work() -> bool:
    try:
        return subprocess.run((*NAMESPACE, "true"), capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
