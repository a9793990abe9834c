"""What a package manager could call a package: whatever else a host tells was not told by one. Pure.

Grammars: Debian policy 5.6.7 and 5.6.12; rpm's spec file reference. Names and versions end up in other hosts' commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from aws.plain import plain
from patching.documents.host_report import Change

MOST_PER_HOST = 400  # changes of one host that are kept; a larger upgrade still counts by its number
LONGEST = 100  # characters of a name, a version or an architecture: the longest names in use have about 70
_NAME = {
    "dpkg": re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?"),
    "rpm": re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*"),
}
_VERSION = {
    "dpkg": re.compile(r"([0-9]{1,9}:)?[0-9A-Za-z][0-9A-Za-z.+~:-]*"),
    "rpm": re.compile(r"([0-9]{1,9}:)?[0-9A-Za-z._+~^]+-[0-9A-Za-z._+~^]+"),
}
_ARCH = re.compile(r"[a-z0-9_-]*")


def credible(changes: Iterable[Change], platform: str) -> tuple[list[Change], str]:
    """The changes that a package manager could have told, and a sentence about the others (empty: there is none)."""
    told = list(changes)
    good = [change for change in told if not oddity(change, platform)]
    kept = good[:MOST_PER_HOST]
    bad = [change for change in told if oddity(change, platform)]
    said = _dropped(bad, platform) if bad else ""
    more = (
        f"Only the first {MOST_PER_HOST} of {len(good)} package changes are listed."
        if len(good) > len(kept)
        else ""
    )
    return kept, f"{said} {more}".strip()


def oddity(change: Change, platform: str) -> str:
    """Why no package manager of this platform told this; empty when one could have."""
    texts = {"name": change.name, "arch": change.arch, "old": change.old, "new": change.new}
    if platform == "windows":  # updates have titles, of which nothing is ever sent to another host
        return "" if texts["name"].strip() else "an update without a name"
    for part, text in texts.items():
        if len(text) > LONGEST:
            return f"the {_WORDS[part]} has {len(text)} characters"
    if not _ARCH.fullmatch(texts["arch"]):
        return f"{texts['arch']!r} is not an architecture"
    return "" if any(_is_of(kind, texts) for kind in _NAME) else f"{_shown(texts)} is not a package"


_WORDS = {"name": "name", "arch": "architecture", "old": "version", "new": "version"}


def _is_of(kind: str, texts: Mapping[str, str]) -> bool:
    """Name and versions by the grammar of one and the same package manager."""
    versions = [text for text in (texts["old"], texts["new"]) if text]
    return bool(_NAME[kind].fullmatch(texts["name"])) and all(
        _VERSION[kind].fullmatch(text) for text in versions
    )


def _shown(texts: Mapping[str, str]) -> str:
    return repr(plain(" ".join(filter(None, (texts["name"], texts["old"], texts["new"])))))


def _dropped(bad: list[Change], platform: str) -> str:
    first = oddity(bad[0], platform)
    one = len(bad) == 1
    changes = (
        "1 package change that it reported is" if one else f"{len(bad)} package changes that it reported are"
    )
    return f"{changes} dropped: {first}{'' if one else ', and the like'}."
