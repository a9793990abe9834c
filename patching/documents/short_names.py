"""Short names for what a packed script defines: AWS's limit counts every byte."""

from __future__ import annotations

import string
from collections.abc import Iterator


def letters() -> Iterator[str]:
    """a to z, then aa to zz."""
    yield from string.ascii_lowercase
    yield from (first + second for first in string.ascii_lowercase for second in string.ascii_lowercase)
