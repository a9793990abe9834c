"""What can go wrong when services start on one machine."""

from __future__ import annotations


class EmbeddedError(RuntimeError):
    """A service cannot start or stay up. `str()` is the sentence that the person at the terminal reads."""
