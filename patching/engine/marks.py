"""The tags that a run puts on its hosts and takes away again: `ssm-patch-now` and `LastPatched`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from patching.models import Run, Target, Wave
from patching.operations import targets
from patching.operations.power import ref
from patching.operations.results import CERTAIN
from patching.states import TargetState
from portal.tags.models import TagChange
from portal.tags.operations import want
from portal.tags.queries import latest
from portal.tags.states import TagState

AT_ONCE = 2_000  # wishes of one transaction; a multiple of what one call of AWS tags


def mark(run: Run, wave: Wave, *, now: datetime) -> None:
    """Wants `ssm-patch-now=<run id>` on every ready host that does not have the wish yet."""
    untagged = run.targets.filter(~Exists(_wishes(run)), state=TargetState.READY).order_by("pk")
    while new := list(untagged[:AT_ONCE]):
        with transaction.atomic():
            _want(run, new, "patch_now", str(run.pk), f"{run.name} patches it now", now)
            Wave.objects.filter(pk=wave.pk).update(marked_at=now)


def _wishes(run: Run, **narrower: str) -> QuerySet[TagChange]:
    """This run's wishes to tag the host of an outer target row; one that was replaced does not count."""
    rows = TagChange.objects.exclude(state=TagState.REPLACED).filter(
        account_id=OuterRef("account_id"),
        instance_id=OuterRef("instance_id"),
        key=settings.TAG_KEYS["patch_now"],
        run_id=run.pk,
        value=str(run.pk),
    )
    newer = TagChange.objects.exclude(state=TagState.REPLACED).filter(
        account_id=OuterRef("account_id"),
        instance_id=OuterRef("instance_id"),
        key=settings.TAG_KEYS["patch_now"],
        pk__gt=OuterRef("pk"),
    )
    return rows.filter(~Exists(newer), **narrower)


def marked(run: Run) -> QuerySet[Target]:
    """Ready targets whose tag was read back, in a stable order."""
    stands = _wishes(run, state=TagState.VERIFIED)
    return run.targets.filter(Exists(stands), state=TargetState.READY).order_by("pk")


def drop_refused(run: Run, *, now: datetime) -> None:
    """Ready targets whose tag AWS refused are blocked with AWS's sentence."""
    refused = run.targets.filter(Exists(_wishes(run, state=TagState.FAILED)), state=TargetState.READY)
    changes = latest(settings.TAG_KEYS["patch_now"], [ref(row) for row in refused])
    for row in refused:
        reason = (
            f"Its tag {settings.TAG_KEYS['patch_now']} could not be written: {changes[row.instance_id].error}"
        )
        targets.move([row.pk], TargetState.BLOCKED, now=now, code="tag_refused", reason=reason)


def _ours(change: object, run: Run) -> bool:
    return getattr(change, "run_id", None) == run.pk and getattr(change, "value", None) == str(run.pk)


def unmark(run: Run, *, now: datetime) -> None:
    """Takes the run's tag away wherever it was wanted, and sets LastPatched where the host is certainly up to date."""
    tagged = run.targets.filter(Exists(_wishes(run)), cleaned_at=None).order_by("pk")
    while rows := list(tagged[:AT_ONCE]):
        with transaction.atomic():
            _want(run, rows, "patch_now", None, f"{run.name} is over for it", now)
            proven = [row for row in rows if row.verdict in CERTAIN]
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
