"""Which portal, and the token for it: from the environment, else from a file that only its owner reads."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from patchportal.client import Portal, checked
from patchportal.failures import NotAllowed, WrongUse

USUAL = "default"
NO_PROFILE = (
    "There is no profile {name!r}. Make a token on the page Your tokens, then run `patchportal login URL`, "
    "or set PATCHPORTAL_URL and PATCHPORTAL_TOKEN."
)


def path() -> Path:
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "patchportal" / "profiles.json"


def portal(name: str) -> Portal:
    """The portal of this profile; what the environment says comes first."""
    stored = read().get(name, {})
    url = os.environ.get("PATCHPORTAL_URL") or stored.get("url")
    token = os.environ.get("PATCHPORTAL_TOKEN") or stored.get("token")
    if not url or not token:
        raise NotAllowed(NO_PROFILE.format(name=name))
    if token == stored.get("token") and checked(url) != stored.get("url"):
        raise WrongUse(
            f"The token of {name} is for {stored.get('url')}, not for {url}. Set PATCHPORTAL_TOKEN too."
        )
    return Portal(url, token)


def read() -> dict[str, Any]:
    try:
        found = json.loads(path().read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WrongUse(f"{path()} cannot be read: {error}. Mend or delete it.") from error
    return found if isinstance(found, dict) else {}


def keep(name: str, url: str, token: str) -> None:
    """Written beside and moved into place, never readable by others."""
    profiles = read() | {name: {"url": checked(url), "token": token}}
    file = path()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = file.with_suffix(f".{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as out:
        json.dump(profiles, out, indent=2)
    beside.replace(file)
