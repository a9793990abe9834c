"""The tags that a run puts on its hosts and takes away again: `ssm-patch-now` and `LastPatched`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction

from patching.models import Run, Target
from patching.operations import targets
from patching.operations.power import ref
from patching.operations.results import CERTAIN
from patching.states import TargetState
from portal.tags.operations import want
from portal.tags.queries import latest
from portal.tags.states import TagState


def mark(run: Run, *, now: datetime) -> None:
    """Wants `ssm-patch-now=<run id>` on every ready host that does not have the wish yet."""
    ready = list(run.targets.filter(state=TargetState.READY))
    changes = latest(settings.TAG_KEYS["patch_now"], [ref(row) for row in ready])
    new = [row for row in ready if not _ours(changes.get(row.instance_id), run)]
    if new:
        with transaction.atomic():
            _want(run, new, "patch_now", str(run.pk), f"{run.name} patches it now", now)


def _ours(change: object, run: Run) -> bool:
    return getattr(change, "run_id", None) == run.pk and getattr(change, "value", None) == str(run.pk)


def marked(run: Run, *, now: datetime) -> list[int]:
    """Ready targets whose tag was read back. Those whose tag AWS refused are blocked with AWS's sentence."""
    ready = list(run.targets.filter(state=TargetState.READY))
    changes = latest(settings.TAG_KEYS["patch_now"], [ref(row) for row in ready])
    for row in ready:
        change = changes.get(row.instance_id)
        if change and _ours(change, run) and change.state == TagState.FAILED:
            reason = f"Its tag {settings.TAG_KEYS['patch_now']} could not be written: {change.error}"
            targets.move([row.pk], TargetState.BLOCKED, now=now, code="tag_refused", reason=reason)
    return [row.pk for row in ready if _stands(changes.get(row.instance_id), run)]


def _stands(change: object, run: Run) -> bool:
    return _ours(change, run) and getattr(change, "state", "") == TagState.VERIFIED


def unmark(run: Run, *, now: datetime) -> None:
    """Takes the run's tag away wherever it was wanted, and sets LastPatched where the host is certainly up to date."""
    rows = list(run.targets.filter(cleaned_at=None))
    changes = latest(settings.TAG_KEYS["patch_now"], [ref(row) for row in rows])
    tagged = [row for row in rows if _ours(changes.get(row.instance_id), run)]
    with transaction.atomic():
        _want(run, tagged, "patch_now", None, f"{run.name} is over for it", now)
        proven = [row for row in tagged if row.verdict in CERTAIN]
        stamp = run.starts_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        _want(run, _unstamped(proven, stamp), "last_patched", stamp, f"{run.name} patched it", now)


def _unstamped(rows: list[Target], stamp: str) -> list[Target]:
    changes = latest(settings.TAG_KEYS["last_patched"], [ref(row) for row in rows])
    return [row for row in rows if getattr(changes.get(row.instance_id), "value", None) != stamp]


def _want(run: Run, rows: Iterable[Target], key: str, value: str | None, reason: str, now: datetime) -> None:
    refs = [ref(row) for row in rows]
    if refs:
        want(
            instances=refs,
            key=settings.TAG_KEYS[key],
            value=value,
            reason=reason,
            run_id=run.pk,
            by=None,
            now=now,
        )
