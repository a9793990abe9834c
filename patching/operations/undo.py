"""Takes back an enrolment or a leave that was just made."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from patching.models import Enrolment, Window
from patching.operations.windows import enrol, leave
from portal.access.models import User
from portal.access.rules import Conflict
from portal.inventory.models import Asset


@transaction.atomic
def put_back(*, assets: QuerySet[Asset], at: datetime, now_in: int | None, by: User, now: datetime) -> int:
    """Each asset goes back to the window that it left at the moment `at`; returns how many did.

    `now_in`: the key of the window that they all joined then; None: they only left. Raises Conflict when one of them
    has been moved again since: then nobody's newer choice is overwritten.
    """
    before = _before(assets, at, now_in)
    there = Enrolment.objects.filter(asset__in=assets.order_by().values("pk"), ended_at=None)
    current = dict(there.values_list("asset_id", "window_id"))
    if any(current.get(pk) != now_in for pk in before):
        raise Conflict("Some of these servers have been moved again since, so nothing was undone.")
    windows = Window.objects.in_bulk([pk for pk in before.values() if pk is not None])
    for former in sorted(set(before.values()), key=str):
        group = Asset.objects.with_keys([pk for pk, window in before.items() if window == former])
        if former is None:
            leave(assets=group, by=by, now=now)
        else:
            enrol(assets=group, window=windows[former], by=by, now=now)
    return len(before)


def _before(assets: QuerySet[Asset], at: datetime, now_in: int | None) -> dict[int, int | None]:
    """asset pk → the window that it left, or None; who only left was in one."""
    left = Enrolment.objects.filter(asset__in=assets.order_by().values("pk"), ended_at=at)
    former: dict[int, int | None] = dict(left.values_list("asset_id", "window_id"))
    return former if now_in is None else dict.fromkeys(assets.values_list("pk", flat=True)) | former
