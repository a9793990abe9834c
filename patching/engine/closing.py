"""How a run ends: whatever still waits is closed with a reason, and nothing is left on the hosts."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q

from patching.engine import collect, power, run_tags, send
from patching.engine.rollout import undispatched
from patching.engine.scope import Scope
from patching.models import Run
from patching.operations import targets
from patching.queries import hindrances
from patching.states import DISPATCH_IN_FLIGHT, TARGET_OVER, Phase
from patching.states import TargetState as T
from portal.tagging.writer import write_due
from portal.tags.queries import open_for_run

WAITING = (T.PLANNED, T.WAKING, T.WAITING, T.READY)


def enforce_deadlines(scope: Scope) -> None:
    """After the cutoff nothing waits any longer; after the end bound everything is closed."""
    run, now = scope.run, scope.now()
    if now >= run.cutoff_at:
        waiting = run.targets.filter(Q(state__in=WAITING) | Q(pk__in=undispatched(run, Phase.PRECHECK)))
        reason = "The window's cutoff came before its turn."
        if stopped := hindrances.stopping(run):
            reason = f"{stopped.title} until the window's cutoff, so nothing was sent. {stopped.sentence}"
        targets.move(waiting.values_list("pk", flat=True), T.SKIPPED, now=now, code="cutoff", reason=reason)
    if now >= run.ends_at + timedelta(seconds=run.run_policy.end_bound_s):
        _close_everything(scope)


def _close_everything(scope: Scope) -> None:
    run, now = scope.run, scope.now()
    collect.write_off_all(run, now=now)
    for dispatch in run.dispatches.filter(state__in=DISPATCH_IN_FLIGHT):
        send.give_up(dispatch, "The window is over.", now=now)
    unanswered = run.targets.exclude(state__in=TARGET_OVER).values_list("pk", flat=True)
    reason = "No answer came until long after the window."
    targets.move(unanswered, T.LOST, now=now, code="end_bound", reason=reason)


def clean_up(scope: Scope) -> None:
    """Once every target is over: its tags are written, and nothing of the run stands on any host any more."""
    write_due(cloud=scope.cloud, now=scope.now(), run_id=scope.run.pk)
    if _is_clean(scope.run):
        scope.run.targets.filter(cleaned_at=None).update(cleaned_at=scope.now())


def _is_clean(run: Run) -> bool:
    """Asked of the rows, since the phases before it may have failed."""
    held = open_for_run(run.pk).exists() or power.is_held(run)
    return not held and not run_tags.still_requested(run).exists()
