"""The tags that a run puts on its hosts and takes away again: `ssm-patch-now` and `LastPatched`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, CharField, F, OuterRef, Q, QuerySet, Subquery, Value, When

from patching.models import Run, Target, Wave
from patching.operations import targets
from patching.operations.power import ref
from patching.standing import standing_of
from patching.states import TargetState
from portal.tags.models import TagChange
from portal.tags.operations import want
from portal.tags.queries import latest
from portal.tags.states import TagState

OTHERS = "others"  # the wish that stands last is not this run's
AT_ONCE = 2_000  # wishes of one transaction; a multiple of what one call of AWS tags


def mark(run: Run, wave: Wave, *, now: datetime) -> None:
    """Wants `ssm-patch-now=<run id>` on every ready host that does not have the wish yet."""
    untagged = _with_wish(run).filter(Q(wish=None) | Q(wish=OTHERS), state=TargetState.READY)
    for new in _chunks(untagged):
        with transaction.atomic():
            _want(run, new, "patch_now", str(run.pk), f"{run.name} patches it now", now)
            Wave.objects.filter(pk=wave.pk).update(marked_at=now)


def _chunks(rows: QuerySet[Target]) -> Iterator[list[Target]]:
    """AT_ONCE at a time by their keys, so that no row is looked at twice."""
    last = 0
    while chunk := list(rows.filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
        yield chunk
        last = chunk[-1].pk


def _with_wish(run: Run) -> QuerySet[Any]:
    """Adds `wish`: the state of the last wish for a host's tag where it is this run's, OTHERS, or None without one.

    A scalar subquery, since PostgreSQL may join two sides pair by pair right after thousands of wishes were made.
    """
    last = (
        TagChange.objects.exclude(state=TagState.REPLACED)
        .filter(
            account_id=OuterRef("account_id"),
            instance_id=OuterRef("instance_id"),
            key=settings.TAG_KEYS["patch_now"],
        )
        .order_by("-pk")
    )
    ours = When(run_id=run.pk, value=str(run.pk), then=F("state"))
    state = Case(ours, default=Value(OTHERS), output_field=CharField())
    return run.targets.annotate(wish=Subquery(last.values(of_run=state)[:1]))


def marked(run: Run) -> QuerySet[Target]:
    """Ready targets whose tag was read back, in a stable order."""
    return _with_wish(run).filter(wish=TagState.VERIFIED, state=TargetState.READY).order_by("pk")


def drop_refused(run: Run, *, now: datetime) -> None:
    """Ready targets whose tag AWS refused are blocked with AWS's sentence."""
    key = settings.TAG_KEYS["patch_now"]
    failed = TagChange.objects.filter(run_id=run.pk, key=key, state=TagState.FAILED)
    hosts = set(failed.values_list("instance_id", flat=True))
    if not hosts:  # few by nature, so the fleet is not gone through for them
        return
    ready = run.targets.filter(state=TargetState.READY, instance_id__in=hosts).values("pk")
    refused = list(_with_wish(run).filter(wish=TagState.FAILED, pk__in=ready))
    changes = latest(key, [ref(row) for row in refused])
    for row in refused:
        reason = f"Its tag {key} could not be written: {changes[row.instance_id].error}"
        targets.move([row.pk], TargetState.BLOCKED, now=now, code="tag_refused", reason=reason)


def unmark(run: Run, *, now: datetime) -> None:
    """Takes the run's tag away wherever it was wanted, and sets LastPatched where the host is certainly up to date."""
    tagged = _with_wish(run).exclude(wish=None).exclude(wish=OTHERS).filter(cleaned_at=None)
    for rows in _chunks(tagged):
        with transaction.atomic():
            _want(run, rows, "patch_now", None, f"{run.name} is over for it", now)
            proven = [row for row in rows if standing_of(row.state, row.verdict).proven]
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
