"""What a right is called."""

from __future__ import annotations

from portal.access.states import Dimension, Role


def right_words(role: str, dimension: str, value: str) -> str:
    """E.g. `asset owner of application payments`, `patch admin of everything`."""
    return f"{Role(role).label.lower()} of {Dimension(dimension).label.lower()} {value}".rstrip()
