"""What `script/manage` needs beside a running site: its settings, in a file that only their owner may read."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

NAMED = re.compile(r"^#? ?([A-Z][A-Z_]+)=", re.MULTILINE)


def settings_among(environment: Mapping[str, str], example: Path, also: Mapping[str, str]) -> dict[str, str]:
    """Those that `.env.example` names, and `also`. The shell's AWS credentials stay where they are."""
    wanted = {*NAMED.findall(example.read_text()), *also}
    return {name: environment[name] for name in sorted(wanted) if environment.get(name)}


@contextmanager
def noted(path: Path, settings: Mapping[str, str]) -> Iterator[None]:
    """The file is there while the site runs, and no longer."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.writelines(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
