"""When a window opens next, and what a change of the clocks does to it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from portal.calendar.recurrence import Recurrence

LOOK_AHEAD = timedelta(days=800)  # two spring changes, whatever the rule


@dataclass(frozen=True)
class Opening:
    """One start in UTC. `note` says what the clocks do to it, else ''; `odd`: its local hours are not the rule's."""

    starts_at: datetime
    note: str = ""
    odd: bool = False


def openings(rule: Recurrence, length: timedelta, moment: datetime) -> Iterator[Opening]:
    """Every opening at or after `moment`, without end."""
    before = moment
    for start in rule.after(moment):
        yield _opening(rule, length, start, before)
        before = start


def next_openings(rule: Recurrence, length: timedelta, moment: datetime, count: int) -> list[Opening]:
    """The next `count` openings and, after them, the next odd one if it comes within two years."""
    every = openings(rule, length, moment)
    found = list(islice(every, count))
    for opening in every:
        if opening.odd or opening.starts_at > moment + LOOK_AHEAD:
            return [*found, opening] if opening.odd else found
    return found


def _opening(rule: Recurrence, length: timedelta, start: datetime, before: datetime) -> Opening:
    odd = _odd(rule, length, start.astimezone(ZoneInfo(rule.zone)))
    return Opening(start, odd or _shift(rule.zone, start, before), bool(odd))


def _odd(rule: Recurrence, length: timedelta, local: datetime) -> str:
    wanted = f"{rule.start:%H:%M}"
    if local.time() != rule.start:
        return f"There is no {wanted} that night, because the clocks go forward: it opens at {local:%H:%M}."
    if local.replace(fold=1).utcoffset() != local.utcoffset():
        return f"{wanted} occurs twice that night, because the clocks go back: the first one counts."
    end = (local.astimezone(ZoneInfo("UTC")) + length).astimezone(local.tzinfo)
    if end.utcoffset() != local.utcoffset():
        return f"The clocks change while it is open: it closes at {end:%H:%M}."
    return ""


def _shift(zone: str, start: datetime, before: datetime) -> str:
    new, old = start.astimezone(ZoneInfo(zone)).utcoffset(), before.astimezone(ZoneInfo(zone)).utcoffset()
    if new is None or old is None or new == old:
        return ""
    way = "forward" if new > old else "back"
    return f"The clocks have gone {way} by then: same local time, another hour in UTC."
