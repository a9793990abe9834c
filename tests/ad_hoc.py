"""Ad hoc runs of tests: beside other runs of the same servers, which the product's own door refuses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from patching.models import Run, Window
from patching.operations import ad_hoc
from patching.queries.candidates import enrolled
from portal.access.models import User
from portal.inventory.models import Asset


def start_unguarded(
    *,
    window: Window,
    by: User,
    now: datetime,
    check_only: bool = False,
    assets: Iterable[Asset] | None = None,
) -> Run:
    chosen = enrolled(window) if assets is None else assets
    return ad_hoc._start(window, chosen, by=by, now=now, check_only=check_only)
