"""Which pending updates a command installs on a simulated Windows host: by mode, exclude list or tested set."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

Update = dict[str, Any]
Given = Mapping[str, str]


def wanted(pending: list[Update], given: Given) -> list[Update]:
    return [kb for kb in pending if in_mode(kb, given) and not kept_out(kb, given)]


def aside(pending: list[Update], given: Given) -> list[str]:
    """Names of those that stay out on purpose."""
    return [kb["name"] for kb in pending if in_mode(kb, given) and kept_out(kb, given)]


def in_mode(kb: Update, given: Given) -> bool:
    return given.get("Mode") != "security" or bool(given.get("PackageSet")) or kb["security"]


def kept_out(kb: Update, given: Given) -> bool:
    if any(fnmatchcase(kb["name"], glob) for glob in listed(given, "Exclude")):
        return True
    tested = [pair.split("=")[0] for pair in listed(given, "PackageSet")]
    return bool(tested) and kb["name"] not in tested


def listed(given: Given, name: str) -> list[str]:
    return [one for one in given.get(name, "").split(",") if one]
