"""When servers are patched next, once nothing is wrong with them any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from exceptions.queries import exclusions
from patching.models import Window
from patching.queries.skipped import enrolled
from portal.inventory.models import Asset

MOST_WINDOWS = 2  # of one page whose exemptions are asked for: one query each


@dataclass(frozen=True)
class NextPatch:
    """The next start of its window. `left_out`: the sentence of why that one passes the server by.

    `at` is None where a page has servers of so many windows that it was not asked for.
    """

    window: Window
    at: datetime | None
    left_out: str = ""


def next_patches(assets: Iterable[Asset], now: datetime) -> dict[int, NextPatch]:
    """asset pk → its next start; nothing for those that are in no window on offer."""
    by_pk = {asset.pk: asset for asset in assets}
    members: dict[Window, list[Asset]] = defaultdict(list)
    for pk, window in enrolled(by_pk.values()).items():
        members[window].append(by_pk[pk])
    found: dict[int, NextPatch] = {}
    for number, (window, some) in enumerate(sorted(members.items(), key=lambda item: -len(item[1]))):
        found |= _of(window, some, now) if number < MOST_WINDOWS else _undated(window, some)
    return found


def _of(window: Window, assets: list[Asset], now: datetime) -> dict[int, NextPatch]:
    [at] = window.recurrence.next(now, 1)
    exempt = exclusions(assets, at, at + timedelta(minutes=window.duration_minutes))
    why = {pk: reason.sentence for pk, reason in exempt.items()}
    return {asset.pk: NextPatch(window, at, why.get(asset.pk, "")) for asset in assets}


def _undated(window: Window, assets: list[Asset]) -> dict[int, NextPatch]:
    return {asset.pk: NextPatch(window, None) for asset in assets}
