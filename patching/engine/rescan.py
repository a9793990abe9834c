"""Sends our pre-check again to servers that a document without a report has patched: the truth comes from the host."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db.models import Exists, OuterRef

from aws.ports import INSTANCES_PER_COMMAND, Cloud
from patching.engine import publish, send
from patching.engine.places import for_each
from patching.models import DispatchTarget, Run, Target
from patching.operations import dispatches
from patching.planner import batches, by_place
from patching.states import Phase, TargetState

Clock = Callable[[], datetime]


def rescan(run: Run, *, cloud: Cloud, clock: Clock) -> None:
    """One look for each server that waits for it, also after the cutoff and while the run is halting."""
    looked = DispatchTarget.objects.filter(
        target=OuterRef("pk"), phase=Phase.VERIFY, attempt=OuterRef("attempt")
    )
    rows = run.targets.filter(~Exists(looked), state=TargetState.VERIFYING)
    waiting = list(rows.order_by("pk"))
    if not waiting:
        return
    try:
        publish.publish(rows, cloud=cloud, now=clock())
    finally:  # where the documents stand, commands go out all the same
        chunks = [chunk for _, group in by_place(waiting) for chunk in batches(group, INSTANCES_PER_COMMAND)]
        for_each(chunks, lambda chunk: _send_batch(run, chunk, cloud=cloud, clock=clock))


def _send_batch(run: Run, chunk: list[Target], *, cloud: Cloud, clock: Clock) -> None:
    claim = dispatches.claim(run, Phase.VERIFY, [row.pk for row in chunk], now=clock())
    for dispatch in claim.dispatches:
        send.send(dispatch, cloud=cloud, clock=clock)
