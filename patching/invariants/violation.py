"""What a check returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Ids = Sequence[int]


@dataclass(frozen=True)
class Violation:
    """One broken promise: which, of what, in a sentence. Without a run it is of an exception, or of the portal."""

    invariant: str
    run_id: int
    sentence: str
    request_id: int = 0

    def __str__(self) -> str:
        of = (
            f" run {self.run_id}"
            if self.run_id
            else f" exception {self.request_id}"
            if self.request_id
            else ""
        )
        return f"{self.invariant}{of}: {self.sentence}"
