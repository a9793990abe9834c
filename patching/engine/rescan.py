"""Sends our pre-check again to servers that a document without a report has patched: the truth comes from the host."""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from aws.ports import INSTANCES_PER_COMMAND
from patching.engine import nodes, publish, send
from patching.engine.places import for_each
from patching.engine.scope import Scope
from patching.models import DispatchTarget, Target
from patching.operations import dispatches
from patching.planner import batches, by_place
from patching.states import Phase, TargetState


def send_rescans(scope: Scope) -> None:
    """One look for each server that waits for it, also after the cutoff and while the run is halting."""
    looked = DispatchTarget.objects.filter(
        target=OuterRef("pk"), phase=Phase.VERIFY, attempt=OuterRef("attempt")
    )
    rows = scope.run.targets.filter(~Exists(looked), state=TargetState.VERIFYING)
    waiting = list(rows.order_by("pk"))
    if not waiting:
        return
    try:
        publish.publish(scope, rows)
    finally:  # where the documents stand, commands go out all the same
        chunks = [chunk for _, group in by_place(waiting) for chunk in batches(group, INSTANCES_PER_COMMAND)]
        for_each(chunks, lambda chunk: _send_batch(scope, chunk))


def _send_batch(scope: Scope, chunk: list[Target]) -> None:
    connected = nodes.reachable(scope, Phase.VERIFY, chunk)
    claim = dispatches.claim(scope.run, Phase.VERIFY, [row.pk for row in connected], now=scope.now())
    for dispatch in claim.dispatches:
        send.send(scope, dispatch)
