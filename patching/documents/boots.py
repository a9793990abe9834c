"""Whether a host was started anew between two looks, by the boot ids that it told.

Linux gives each boot an id, Windows counts its boots (boot-41) where it may; elsewhere Windows tells the boot's time,
which moves by fractions of a second at each question and with every setting of the clock.
"""

from __future__ import annotations

from datetime import datetime

SAME_S = 60  # boot times that are closer are of one boot
STEP_S = 3_660  # a step of the clock: an hour of daylight saving, and a minute
UNTIMED_S = 7_200  # without uptimes: what no such step explains


def restarted(first: str, first_up: int | None, then: str, then_up: int | None) -> bool:
    """Boot ids and uptimes in seconds, of an earlier look and a later one. An unknown boot id proves nothing."""
    if not first or not then or first == then:
        return False
    times = _time(first), _time(then)
    if times[0] is None and times[1] is None:
        return True
    shorter = first_up is not None and then_up is not None and then_up + STEP_S < first_up
    if times[0] is None or times[1] is None:
        return shorter
    later = times[1] - times[0]
    if abs(later) <= SAME_S:
        return False
    if first_up is None or then_up is None:
        return abs(later) > UNTIMED_S
    # a boot after the first look is later than that look; a clock that was set back hides it, a short uptime does not
    return shorter or later >= first_up - SAME_S


def _time(boot_id: str) -> float | None:
    """Seconds since 1970 of a boot id that is a time; None for one that is none."""
    try:
        return datetime.fromisoformat(boot_id).timestamp()
    except ValueError:
        return None
