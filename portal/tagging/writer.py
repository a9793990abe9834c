"""Writes desired tags: groups identical ones into few calls, writes, reads back, audits. Safe to run twice."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import F, Q, QuerySet

from aws.errors import AccessRefused, CloudError, Missing, Refused
from aws.ports import TAGGED_RESOURCES_PER_CALL, Cloud, Ec2
from portal.isolation import isolated
from portal.side_by_side import visit
from portal.tags.models import TagChange
from portal.tags.operations import LONGEST_WRITE, MOVER
from portal.tags.states import OPEN, TagState

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 20
LONGEST_WAIT_S = 120
# EC2 reference: key 1..128, value ≤ 256 characters, the prefix aws: is reserved.
MAX_KEY, MAX_VALUE = 128, 256

Batch = list[TagChange]  # one account, region, key and value
Batches = deque[Batch]
Place = tuple[str, str]  # account and region


def write_due(*, cloud: Cloud, now: datetime, run_id: int | None = None, limit: int = 5_000) -> int:
    """Writes what is due now, of one run alone where it is named; returns how many requests were fulfilled.

    One broken account never stops the others, and where a crew is at work, one that does not answer delays none.
    """
    places: dict[Place, Batches] = defaultdict(deque)
    for batch in _batches(claim(now=now, run_id=run_id, limit=limit)):
        places[batch[0].account_id, batch[0].region].append(batch)
    visited = visit(
        {place: partial(_write_all, batches, cloud=cloud, now=now) for place, batches in places.items()}
    )
    for place in visited.left_out:
        _unclaim(places[place], now=now)
    return sum(visited.results)


def _write_all(batches: Batches, *, cloud: Cloud, now: datetime) -> int:
    """The requests of one place; returns how many were fulfilled."""
    fulfilled = 0
    while batches:
        batch = _still_ours(batches.popleft())
        if not batch:
            continue
        failed: list[str] = []
        with isolated("tags_not_written", failed.append, account=batch[0].account_id):
            done, smaller = _write(batch, cloud=cloud, now=now)
            fulfilled += done
            batches.extend(smaller)
        if failed:
            _later(batch, CloudError(failed[0]), now=now)
    return fulfilled


def _unclaim(batches: Batches, *, now: datetime) -> None:
    """Nobody has tried: another call of this place is still waiting for AWS."""
    for batch in batches:
        _held(batch).update(due_at=now, lease_until=None, attempts=F("attempts") - 1)


@transaction.atomic
def claim(*, now: datetime, limit: int, run_id: int | None = None) -> Batch:
    """Takes due rows under a lease and counts the attempt before it is tried. The rows carry both."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    due = TagChange.objects.select_for_update(skip_locked=True).filter(free, state__in=OPEN, due_at__lte=now)
    if run_id is not None:
        due = due.filter(run_id=run_id)
    rows = list(due.order_by("pk")[:limit])
    unreported = [row.pk for row in rows if row.lease_until]  # its lease ended, and its writer told nothing
    TagChange.objects.filter(pk__in=unreported).update(stray_until=now + LONGEST_WRITE)
    lease = {"attempts": F("attempts") + 1, "lease_until": now + LEASE}
    begun = {row.pk for row in MOVER.move_locked(rows, TagState.WRITING, fields=lease)}
    TagChange.objects.filter(pk__in=[row.pk for row in rows if row.pk not in begun]).update(**lease)
    for row in rows:
        row.lease_until, row.attempts = now + LEASE, row.attempts + 1
    return rows


def _batches(rows: Iterable[TagChange]) -> Iterator[Batch]:
    groups: dict[tuple[str, str, str, str | None], Batch] = defaultdict(list)
    for row in rows:
        groups[(row.account_id, row.region, row.key, row.value)].append(row)
    for group in groups.values():
        for start in range(0, len(group), TAGGED_RESOURCES_PER_CALL):
            yield group[start : start + TAGGED_RESOURCES_PER_CALL]


def _held(batch: Batch) -> QuerySet[TagChange]:
    """Those of the rows that are still under our own lease: neither replaced nor taken over."""
    leases = {row.lease_until for row in batch}
    return TagChange.objects.filter(
        pk__in=[row.pk for row in batch], state=TagState.WRITING, lease_until__in=leases
    )


def _still_ours(batch: Batch) -> Batch:
    held = set(_held(batch).values_list("pk", flat=True))
    return [row for row in batch if row.pk in held]


def _write(batch: Batch, *, cloud: Cloud, now: datetime) -> tuple[int, list[Batch]]:
    """Returns how many were fulfilled, and the smaller batches that are to be written instead of this one."""
    first = batch[0]
    if refusal := illegal(first.key, first.value):
        _fail(batch, refusal, now=now)
        return 0, []
    try:
        ec2 = cloud.ec2(first.account_id, first.region)
        _call(ec2, batch, first.key, first.value)
        _reopen_overtaken(batch, now=now)
        return _read_back(ec2, batch, now=now), []
    except AccessRefused as error:  # a role may come back, so it is tried for a while
        _later(batch, error, now=now)
    except Refused as error:
        return _without_culprits(batch, error, now=now)
    except CloudError as error:
        _reopen_overtaken(batch, now=now)  # an unclear answer may well mean that it was written
        _later(batch, error, now=now)
    return 0, []


def _without_culprits(batch: Batch, error: Refused, *, now: datetime) -> tuple[int, list[Batch]]:
    """One bad host refuses the whole call: it is found, and the others are written without it."""
    named = set(error.ids) if isinstance(error, Missing) else set()
    if gone := [row for row in batch if row.instance_id in named]:
        rest = [row for row in batch if row.instance_id not in named]
        return _gone(gone, now=now), [rest] if rest else []
    if len(batch) > 1:
        middle = len(batch) // 2
        return 0, [batch[:middle], batch[middle:]]
    if isinstance(error, Missing):
        _later(batch, error, now=now)
    else:
        _fail(batch, str(error), now=now)
    return 0, []


def illegal(key: str, value: str | None) -> str:
    """Why AWS would refuse this tag; empty when it would not."""
    if not 1 <= len(key) <= MAX_KEY or key.lower().startswith("aws:"):
        return f"The tag key {key[:40]!r} is not allowed: 1 to {MAX_KEY} characters, not beginning with aws:."
    if value is not None and len(value) > MAX_VALUE:
        return f"The value of the tag {key} has {len(value)} characters; AWS allows {MAX_VALUE}."
    return ""


def _call(ec2: Ec2, batch: Batch, key: str, value: str | None) -> None:
    ids = [row.instance_id for row in batch]
    if value is None:
        ec2.delete_tags(ids, [key])
    else:
        ec2.create_tags(ids, {key: value})


def _reopen_overtaken(batch: Batch, *, now: datetime) -> None:
    """Whoever was replaced while the call was under way may have undone a newer request: that one is written again."""
    held = set(_held(batch).values_list("pk", flat=True))
    late = [row for row in batch if row.pk not in held]
    if not late:
        return
    newer = TagChange.objects.filter(
        account_id=late[0].account_id, key=late[0].key, instance_id__in=[row.instance_id for row in late]
    ).exclude(state=TagState.REPLACED)
    last = {row.instance_id: row.pk for row in newer.order_by("pk")}
    again = {"due_at": now, "lease_until": None, "finished_at": None}
    for back in (False, True):  # still being written, or written already
        MOVER.move(last.values(), TagState.WANTED, back=back, fields=again)


def _read_back(ec2: Ec2, batch: Batch, *, now: datetime) -> int:
    """Only what AWS shows counts as written; the others are tried again."""
    key, value = batch[0].key, batch[0].value
    seen = {item.instance_id: item.tags.get(key) for item in ec2.describe([row.instance_id for row in batch])}
    here = [row for row in batch if row.instance_id in seen]
    wrong = [row for row in here if seen[row.instance_id] != value]
    _later(wrong, CloudError("AWS does not show the change yet."), now=now)
    right = [row for row in here if seen[row.instance_id] == value]
    gone = [row for row in batch if row.instance_id not in seen]
    return _confirmed(right, now=now) + _gone(gone, now=now)


def _confirmed(rows: Batch, *, now: datetime) -> int:
    """Over is what nobody may undo any more; the others are written and read again when that is so."""
    for row in rows:
        if row.confirm_at and now < row.confirm_at:
            _held([row]).update(due_at=row.confirm_at, lease_until=None, attempts=0)
    return _settle(
        [row for row in rows if not row.confirm_at or now >= row.confirm_at], TagState.VERIFIED, "", now=now
    )


def _gone(rows: Batch, *, now: datetime) -> int:
    """A tag that shall vanish has vanished with its instance; one that shall stand cannot."""
    _fail([row for row in rows if row.value is not None], "The instance no longer exists.", now=now)
    return _settle([row for row in rows if row.value is None], TagState.VERIFIED, "", now=now)


def _later(rows: Batch, error: CloudError, *, now: datetime) -> None:
    """Tags are idempotent, so an uncertain or throttled write is simply repeated, more slowly each time."""
    given_up = [row for row in rows if row.attempts >= MAX_ATTEMPTS]
    _fail(given_up, f"Given up after {MAX_ATTEMPTS} attempts: {error}", now=now)
    waiting = defaultdict(list)
    for row in rows:
        if row.attempts < MAX_ATTEMPTS:
            waiting[min(2 ** min(row.attempts, 7), LONGEST_WAIT_S)].append(row)
    for seconds, group in waiting.items():
        due = {"due_at": now + timedelta(seconds=seconds), "lease_until": None}
        _held(group).update(error=str(error)[:500], **due)


def _fail(rows: Batch, reason: str, *, now: datetime) -> None:
    _settle(rows, TagState.FAILED, reason, now=now)


def _settle(rows: Batch, state: TagState, error: str, *, now: datetime) -> int:
    """Ends the requests that are still ours. Returns how many."""
    keys, ended = [row.pk for row in rows], {"error": error[:500], "lease_until": None, "finished_at": now}
    return len(MOVER.move(keys, state, among=_held(rows), said=error, fields=ended))
