"""Where this machine itself gets its Debian packages from: roots are built from the same sources."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lab.roots.tools import RootsUnavailable, call

APT = Path("/etc/apt")
_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<rest>.+)")


def codename() -> str:
    """Such as bookworm. Raises RootsUnavailable."""
    for line in Path("/etc/os-release").read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "VERSION_CODENAME":
            return value.strip('"')
    raise RootsUnavailable("/etc/os-release names no VERSION_CODENAME; root hosts are built on Debian 12.")


def sources() -> str:
    """One-line sources of the distribution itself, without third parties. Raises RootsUnavailable."""
    own = codename()
    lines = [line for line in _all_lines() if _suite(line).split("/")[0].startswith(own)]
    if not lines:
        raise RootsUnavailable(f"The sources in {APT} name no suite of {own}; root hosts need one.")
    return "\n".join(lines) + "\n"


def download_options() -> list[str]:
    """How this machine's apt reaches its mirror: proxies and the like, as `Key "value";`."""
    told = call(["apt-config", "dump"]).splitlines()
    return [line for line in told if re.match(r'Acquire::(https?|Check)[^ ]* ".+";$', line)]


def _suite(line: str) -> str:
    found = _ONE_LINE.match(line)
    return found["suite"] if found else ""


def _all_lines() -> Iterator[str]:
    for path in (APT / "sources.list", *sorted((APT / "sources.list.d").glob("*"))):
        if path.suffix == ".list" and path.exists():
            yield from (line.strip() for line in path.read_text().splitlines() if line.startswith("deb "))
        elif path.suffix == ".sources":
            for paragraph in re.split(r"\n\s*\n", path.read_text()):
                yield from _deb822(paragraph)


def _deb822(paragraph: str) -> Iterator[str]:
    lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
    pairs = (line.partition(":") for line in lines if not line.startswith(" "))
    fields = {name.lower(): value.split() for name, _, value in pairs}
    if "deb" not in fields.get("types", ()) or fields.get("enabled") == ["no"]:
        return
    signed = fields.get("signed-by", [])
    option = f"[signed-by={signed[0]}] " if signed and signed[0].startswith("/") else ""
    for uri in fields.get("uris", ()):
        for suite in fields.get("suites", ()):
            yield f"deb {option}{uri} {suite} {' '.join(fields.get('components', ()))}".rstrip()
