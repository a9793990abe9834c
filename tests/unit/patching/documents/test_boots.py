"""A restart is told from a clock that was set, on hosts that count their boots and on those that tell their time."""

from __future__ import annotations

import pytest

from patching.documents.boots import restarted

DAYS = 12 * 86_400
BOOT = "2026-11-18T02:00:00.0000000Z"


@pytest.mark.parametrize(
    ("first", "first_up", "then", "then_up", "right"),
    [
        ("boot-41", 9, "boot-41", 20, False),
        ("boot-41", 9, "boot-42", 20, True),
        ("", 9, "boot-42", 20, False),
        ("8f2c", 9, "77ab", 20, True),  # Linux
        (BOOT, DAYS, "2026-11-18T02:00:00.0000010Z", DAYS + 300, False),  # a drift of a microsecond
        (BOOT, DAYS, "2026-11-18T03:00:00.0000000Z", DAYS - 3_300, False),  # daylight saving
        (BOOT, DAYS, "2026-11-18T01:00:00.0000000Z", DAYS + 3_900, False),
        (BOOT, DAYS, "2026-11-30T02:05:00.0000000Z", 60, True),
        (BOOT, DAYS, "2026-11-18T00:00:00.0000000Z", 60, True),  # set back by days over the restart
        (BOOT, 600, "2026-11-18T02:20:00.0000000Z", 900, True),  # up for ten minutes, then servicing
        (BOOT, None, "2026-11-18T02:30:00.0000000Z", None, False),
        (BOOT, None, "2026-11-18T05:00:00.0000000Z", None, True),
        ("boot-41", DAYS, BOOT, DAYS + 60, False),  # WMI alone answered the second time
        ("boot-41", DAYS, BOOT, 60, True),
    ],
)
def test_a_restart_is_told_from_a_set_clock(
    first: str, first_up: int | None, then: str, then_up: int | None, right: bool
) -> None:
    assert restarted(first, first_up, then, then_up) is right
