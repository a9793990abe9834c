"""Which kernel GRUB boots, by its manual: what the lab's hosts start with. Knows nothing of the product's own reading.

Uses the standard library alone: a root host asks it before anything else is there.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Entry:
    """A line of the menu: a kernel's, or a submenu with entries of its own."""

    title: str
    id: str
    kernel: str = ""
    inner: list[Entry] = field(default_factory=list)


def boot(root: Path) -> str:
    """The release of the kernel that starts now; a choice for one start is used up. Empty: there is no menu."""
    places = [place for place in (root / "boot/grub2", root / "boot/grub") if (place / "grub.cfg").exists()]
    if not places:
        return ""
    text = (places[0] / "grub.cfg").read_text()
    environment = _environment(places[0] / "grubenv")
    wish = environment.get("next_entry") or _default(text, environment)
    _use_up(places[0] / "grubenv")
    menu = _bls(root) if re.search(r"^blscfg$", text, re.MULTILINE) else _entries(iter(text.splitlines()))
    return _chosen(menu, wish)


def order(version: str) -> list[tuple[int, int, str]]:
    """rpm's order of versions, which is also that of Debian's kernels: a number is above a word."""
    parts = re.findall(r"\d+|[a-zA-Z]+", version)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


def _environment(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def _use_up(path: Path) -> None:
    if path.exists():
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not line.startswith("next_entry=")))


def _default(text: str, environment: dict[str, str]) -> str:
    found = [value for value in re.findall(r'set default="(.*)"', text) if "next_entry" not in value]
    return environment.get("saved_entry", "") if found[0] == "${saved_entry}" else found[0]


def _entries(lines: Iterator[str]) -> list[Entry]:
    """Up to the closing brace of the menu that the lines stand in."""
    found: list[Entry] = []
    for line in lines:
        words = line.split()
        if words[:1] == ["}"]:
            break
        if words[:1] == ["function"]:
            _entries(lines)
        elif words[:1] in (["menuentry"], ["submenu"]):
            quoted = shlex.split(line)
            entry = Entry(quoted[1], quoted[quoted.index("$menuentry_id_option") + 1])
            found.append(entry)
            if words[0] == "submenu":
                entry.inner = _entries(lines)
            else:
                entry.kernel = _kernel(lines)
    return found


def _kernel(lines: Iterator[str]) -> str:
    """The kernel of one entry, whose lines are used up."""
    kernel = ""
    for line in lines:
        words = line.split()
        if words[:1] == ["}"]:
            break
        if words[:1] == ["linux"]:
            kernel = words[1].rpartition("/vmlinuz-")[2]
    return kernel


def _bls(root: Path) -> list[Entry]:
    """The entry files, the highest name first."""
    paths = sorted(
        (root / "boot/loader/entries").glob("*.conf"), key=lambda path: order(path.stem), reverse=True
    )
    found = []
    for path in paths:
        told = dict(line.split(maxsplit=1) for line in path.read_text().splitlines())
        found.append(Entry(told["title"], path.stem, told["linux"].rpartition("/vmlinuz-")[2]))
    return found


def _chosen(menu: list[Entry], wish: str) -> str:
    """Without a match the first entry starts."""
    if not menu:
        return ""
    here, _, rest = wish.partition(">")
    matches = [entry for number, entry in enumerate(menu) if here in (str(number), entry.title, entry.id)]
    entry = (matches or menu)[0]
    return entry.kernel or _chosen(entry.inner, rest)
