"""A decision has its number, its status and its three parts."""

from __future__ import annotations

import pytest

from script.decisions import faults, row

GOOD = (
    "# 0001. Rows are the queue\n\nAccepted, 2026-11-23.\n\n"
    "**Situation.** Messages are lost.\n\n**Decision.** Rows.\n\n**Consequences.** A tick.\n"
)


def test_a_whole_page_has_no_fault_and_a_row() -> None:
    assert faults("0001-rows.md", GOOD) == []
    assert (
        row("0001-rows.md", GOOD) == "| [0001](0001-rows.md) | Rows are the queue | Accepted, 2026-11-23 |\n"
    )


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ("0001. ", "does not begin with '# 0001. '"),
        ("Accepted, 2026-11-23.", "no status"),
        ("**Situation.**", "lacks **Situation.**"),
        ("**Decision.**", "lacks **Decision.**"),
        ("**Consequences.**", "lacks **Consequences.**"),
    ],
)
def test_what_is_missing_is_named(taken: str, said: str) -> None:
    (found,) = faults("0001-rows.md", GOOD.replace(taken, ""))
    assert said in found
