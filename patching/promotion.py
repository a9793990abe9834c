"""Which package versions count as tested: those that most of the proven servers changed to. Pure (docs/adr/0070)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from patching.documents.assemble import PACKAGE_SET_BYTES, PARAMETERS

MOST_PACKAGES = 400  # as many as the document's parameter takes
NOTHING = "nothing-was-changed=0"  # a set that no host has a package of: nothing is installed
NAMED = 5
_SENDABLE = re.compile(PARAMETERS["PackageSet"]["allowedPattern"])


@dataclass(frozen=True)
class PackageSet:
    """`text` is the set as the document takes it; `left_out` says which told packages are not in it, and why."""

    text: str
    left_out: str = ""


def elected(votes: Mapping[tuple[str, str], int], changed: Mapping[str, int], proven: int) -> PackageSet:
    """From (name, version) → servers that changed to it, and name → servers that changed it at all.

    One server alone decides nothing, except where it is the only proven one.
    """
    chosen: list[tuple[int, str]] = []
    why: dict[str, str] = {}
    for name, versions in _by_name(votes).items():
        version, count = max(versions.items(), key=lambda item: (item[1], item[0]))
        if reason := _against(name, version, count, changed[name], proven):
            why[name] = reason
        else:
            chosen.append((count, f"{name}={version}"))
    pairs, too_many = _fitting(chosen)
    why |= {pair.partition("=")[0]: "more than fits into one command" for pair in too_many}
    return PackageSet(",".join(sorted(pairs)) or NOTHING, _sentence(why))


def _by_name(votes: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for (name, version), count in sorted(votes.items()):
        found[name][version] = count
    return found


def _against(name: str, version: str, count: int, changed: int, proven: int) -> str:
    if "," in version or not _SENDABLE.fullmatch(f"{name}={version}"):
        return "it cannot be written into a command"
    if count < min(2, proven):
        return f"told by 1 of {proven} proven servers alone"
    if count * 2 <= changed:
        return f"the proven servers differ, {count} of {changed} have {version[:60]}"
    return ""


def _fitting(chosen: Iterable[tuple[int, str]]) -> tuple[list[str], list[str]]:
    """Those that most servers told come first; the document's parameter takes no more than its bounds."""
    kept: list[str] = []
    left: list[str] = []
    room = PACKAGE_SET_BYTES
    for _, pair in sorted(chosen, key=lambda item: (-item[0], item[1])):
        if len(kept) < MOST_PACKAGES and len(pair) + 1 <= room:
            kept.append(pair)
            room -= len(pair) + 1
        else:
            left.append(pair)
    return kept, left


def _sentence(why: Mapping[str, str]) -> str:
    """E.g. `Not promoted: nginx (told by 1 of 3 proven servers alone).`"""
    if not why:
        return ""
    named = ", ".join(f"{name[:100]} ({reason})" for name, reason in sorted(why.items())[:NAMED])
    more = f" and {len(why) - NAMED} more" if len(why) > NAMED else ""
    return f"Not promoted: {named}{more}."
