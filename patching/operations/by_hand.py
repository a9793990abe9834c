"""Starting a window's run by hand: never while another run still works on one of its servers."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from patching.models import Run, Window
from patching.operations.runs import start_now
from patching.rules import check_nobody_in_a_run
from portal.access.models import User
from portal.access.rules import check_role
from portal.access.states import Role


@transaction.atomic
def start(*, window: Window, by: User, now: datetime, check_only: bool) -> Run:
    """Raises Conflict while a run is under way; of two people who press at once the second reads that."""
    check_role(by, Role.ADMIN)
    window = Window.objects.select_for_update().get(pk=window.pk)
    check_nobody_in_a_run(window, now)
    return start_now(window=window, by=by, now=now, check_only=check_only)
