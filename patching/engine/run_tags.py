"""The tags that a run puts on its hosts and takes away again: `ssm-patch-now` and `LastPatched`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, CharField, F, Max, OuterRef, Q, QuerySet, Subquery, Value, When

from patching.engine.scope import Scope
from patching.models import Run, Target, Wave
from patching.operations import targets
from patching.operations.power import ref
from patching.standing import standing_of
from patching.states import TARGET_OVER, TargetState
from portal.tagging.writer import write_due
from portal.tags.models import TagChange
from portal.tags.operations import request_tag
from portal.tags.queries import latest
from portal.tags.states import TagState

OTHERS = "others"  # the latest request is not this run's
QUIET = timedelta(seconds=60)  # in which no further server has finished
AT_ONCE = 2_000  # requests of one transaction; a multiple of what one call of AWS tags


def put_run_tags(scope: Scope, wave: Wave) -> None:
    """Requests `ssm-patch-now=<run id>` on every ready host for which this run has not requested it yet."""
    run = scope.run
    untagged = _with_request(run).filter(Q(request=None) | Q(request=OTHERS), state=TargetState.READY)
    for new in _chunks(untagged):
        with transaction.atomic():
            _request(scope, new, "patch_now", str(run.pk), f"{run.name} patches it now")
            Wave.objects.filter(pk=wave.pk).update(marked_at=scope.now())


def _chunks(rows: QuerySet[Target]) -> Iterator[list[Target]]:
    """AT_ONCE at a time by their keys, so that no row is read twice."""
    last = 0
    while chunk := list(rows.filter(pk__gt=last).order_by("pk")[:AT_ONCE]):
        yield chunk
        last = chunk[-1].pk


def _with_request(run: Run) -> QuerySet[Any]:
    """Adds `request`: the state of the latest request for a host's tag where it is this run's, OTHERS, or None.

    A scalar subquery, since PostgreSQL may join two sides pair by pair right after thousands of requests were made.
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
    return run.targets.annotate(request=Subquery(last.values(of_run=state)[:1]))


def tagged(run: Run) -> QuerySet[Target]:
    """Ready targets whose tag was read back, in a stable order."""
    return _with_request(run).filter(request=TagState.VERIFIED, state=TargetState.READY).order_by("pk")


def block_refused(scope: Scope) -> None:
    """Ready targets whose tag AWS refused are blocked with AWS's sentence."""
    run = scope.run
    key = settings.TAG_KEYS["patch_now"]
    failed = TagChange.objects.filter(run_id=run.pk, key=key, state=TagState.FAILED)
    hosts = set(failed.values_list("instance_id", flat=True))
    if not hosts:  # few by nature, so the fleet is not gone through for them
        return
    ready = run.targets.filter(state=TargetState.READY, instance_id__in=hosts).values("pk")
    refused = list(_with_request(run).filter(request=TagState.FAILED, pk__in=ready))
    changes = latest(key, [ref(row) for row in refused])
    for row in refused:
        reason = f"Its tag {key} could not be written: {changes[row.instance_id].error}"
        targets.move([row.pk], TargetState.BLOCKED, now=scope.now(), code="tag_refused", reason=reason)


def still_requested(run: Run) -> QuerySet[Target]:
    """Targets not cleaned up for which this run's tag is still what was requested last."""
    return _with_request(run).exclude(request=None).exclude(request=OTHERS).filter(cleaned_at=None)


def remove_run_tags(scope: Scope) -> None:
    """Removes the run's tag wherever it was requested, and sets LastPatched where the host is certainly up to date."""
    _remove(scope, still_requested(scope.run))


def remove_from_finished(scope: Scope) -> None:
    """The same for those that are over while the slowest still go on: once a while, so that calls to AWS stay few."""
    run, now = scope.run, scope.now()
    last = run.targets.filter(state__in=TARGET_OVER, cleaned_at=None).aggregate(last=Max("since"))["last"]
    if last is None or not last + QUIET <= now < last + 3 * QUIET:  # later it was done, or there is nothing
        return
    asked = TagChange.objects.filter(run_id=run.pk, key=settings.TAG_KEYS["patch_now"], value=None)
    if asked.filter(created_at__gte=last).exists():
        return
    _remove(scope, still_requested(run).filter(state__in=TARGET_OVER))
    write_due(cloud=scope.cloud, now=scope.now(), run_id=run.pk)


def _remove(scope: Scope, requested: QuerySet[Target]) -> None:
    run = scope.run
    for rows in _chunks(requested):
        with transaction.atomic():
            _request(scope, rows, "patch_now", None, f"{run.name} is over for it")
            proven = [row for row in rows if standing_of(row.state, row.verdict).proven]
            stamp = run.starts_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            _request(scope, _unstamped(proven, stamp), "last_patched", stamp, f"{run.name} patched it")


def _unstamped(rows: list[Target], stamp: str) -> list[Target]:
    changes = latest(settings.TAG_KEYS["last_patched"], [ref(row) for row in rows])
    return [row for row in rows if getattr(changes.get(row.instance_id), "value", None) != stamp]


def _request(scope: Scope, rows: Iterable[Target], key: str, value: str | None, reason: str) -> None:
    refs = [ref(row) for row in rows]
    if refs:
        request_tag(
            instances=refs,
            key=settings.TAG_KEYS[key],
            value=value,
            reason=reason,
            run_id=scope.run.pk,
            by=None,
            now=scope.now(),
        )
