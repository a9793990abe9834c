"""Which file a test process takes next: the dearest of the last kept run come first, so that none is left for the end.

By the number of its tests alone, as xdist orders them, the crash test with its three would begin last, and the other
process would wait for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.times import PAGE

_ROW = re.compile(r"^\| (tests/\S+\.py) \| [\d,]+ \| (\d+) \|$", re.M)


def dear_files(page: str) -> dict[str, int]:
    """file → seconds, as docs/testing.md keeps them of the last run with --times."""
    return {file: int(seconds) for file, seconds in _ROW.findall(page)}


def in_turn(files: Mapping[str, Mapping[str, bool]], dear: Mapping[str, int]) -> list[str]:
    """The dear ones by what they cost, then the others by how many tests they hold."""
    return sorted(files, key=lambda file: (-dear.get(file, 0), -len(files[file]), file))


class DearestFirst(LoadFileScheduling):
    """A file goes to one process, as with `--dist loadfile`, in whatever order xdist has put them."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._dear = dear_files(PAGE.read_text())

    def _assign_work_unit(self, node: Any) -> None:
        self.workqueue.move_to_end(in_turn(self.workqueue, self._dear)[0], last=False)
        super()._assign_work_unit(node)
