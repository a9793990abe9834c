"""Texts that somebody outside chose: agents, tags, AWS's own messages."""

from __future__ import annotations

import re

# PostgreSQL refuses NUL and lone surrogates; terminals obey control characters; the last two ranges turn the order
# of what a person reads around.
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """The same text without characters that a database, a terminal or a reader would stumble over."""
    return _UNSAFE.sub("", text)
