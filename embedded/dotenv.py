"""Reads `.env`, as docker compose reads it: NAME=value lines, quotes, comments. Nothing is put in place of `$NAME`."""

from __future__ import annotations

import re
from pathlib import Path

from embedded.errors import EmbeddedError

# A sign # ends a value only behind a blank; behind quotes nothing but a comment may follow.
LINE = re.compile(
    r"""(?:export\s+)?(?P<name>[A-Za-z_]\w*)=
    (?: '(?P<single>[^']*)' | "(?P<double>[^"]*)" | (?!['"]) (?P<bare>(?:(?!\s\#).)*) )
    (?:\s+\#.*)?""",
    re.VERBOSE,
)


def read(path: Path) -> dict[str, str]:
    """Name → value of those that have one; none where there is no such file. Raises EmbeddedError naming the line."""
    found: dict[str, str] = {}
    for number, line in enumerate(_lines(path), 1):
        if line and not line.startswith("#"):
            parts = LINE.fullmatch(line)
            if parts is None:
                raise EmbeddedError(
                    f"Line {number} of {path} is not understood; write NAME=value, e.g. AWS_REGION=eu-central-1."
                )
            found[parts["name"]] = (parts["single"] or parts["double"] or parts["bare"] or "").strip()
    return {name: value for name, value in found.items() if value}


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text().splitlines()]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise EmbeddedError(f"{path} cannot be read: {error}") from error
