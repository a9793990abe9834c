"""Takes back an enrolment or a leave that was just made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from patching.models import Enrolment, Window
from patching.operations.windows import enrol, leave
from portal.access.models import User
from portal.access.rules import Conflict
from portal.inventory.models import Asset


@transaction.atomic
def put_back(
    *, assets: Sequence[Asset], before: Mapping[int, int | None], now_in: int | None, by: User, now: datetime
) -> int:
    """Every asset goes back to the window it was in (`before`: asset pk → window pk or None); returns how many.

    Raises Conflict when one of them has been moved again since: then nobody's newer choice is overwritten.
    """
    current = dict(
        Enrolment.objects.filter(asset__in=list(before), ended_at=None).values_list("asset_id", "window_id")
    )
    if any(current.get(pk) != now_in for pk in before):
        raise Conflict("Some of these servers have been moved again since, so nothing was undone.")
    windows = Window.objects.in_bulk([pk for pk in before.values() if pk is not None])
    for former in sorted(set(before.values()), key=str):
        group = [asset for asset in assets if before[asset.pk] == former]
        if former is None:
            leave(assets=group, by=by, now=now)
        else:
            enrol(assets=group, window=windows[former], by=by, now=now)
    return len(before)
