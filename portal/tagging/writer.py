"""Carries out wanted tags: groups identical ones into few calls, writes, reads back, audits. Safe to run twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from aws.errors import AccessRefused, Ambiguous, CloudError, Missing, Refused, Throttled
from aws.ports import TAGGED_RESOURCES_PER_CALL, Cloud, Ec2
from portal.audit.operations import Entry, record
from portal.tags.models import TagChange
from portal.tags.states import OPEN, TagState

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 20
LONGEST_WAIT_S = 120
# EC2 reference: key 1..128, value ≤ 256 characters, the prefix aws: is reserved.
MAX_KEY, MAX_VALUE = 128, 256

Group = tuple[str, str, str, str | None]


def write_due(*, cloud: Cloud, now: datetime, limit: int = 20_000) -> int:
    """Writes what is due now; returns how many wishes were fulfilled. One broken account never stops the others."""
    fulfilled = 0
    for group, rows in _grouped(claim(now=now, limit=limit)).items():
        for start in range(0, len(rows), TAGGED_RESOURCES_PER_CALL):
            fulfilled += _write(group, rows[start : start + TAGGED_RESOURCES_PER_CALL], cloud=cloud, now=now)
    return fulfilled


@transaction.atomic
def claim(*, now: datetime, limit: int) -> list[TagChange]:
    """Takes due rows under a lease and counts the attempt before it is tried."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    due = TagChange.objects.select_for_update(skip_locked=True).filter(free, state__in=OPEN, due_at__lte=now)
    rows = list(due.order_by("pk")[:limit])
    ids = [row.pk for row in rows]
    TagChange.objects.filter(pk__in=ids).update(
        state=TagState.WRITING, lease_until=now + LEASE, attempts=F("attempts") + 1
    )
    return rows


def _grouped(rows: Iterable[TagChange]) -> dict[Group, list[TagChange]]:
    groups: dict[Group, list[TagChange]] = defaultdict(list)
    for row in rows:
        groups[(row.account_id, row.region, row.key, row.value)].append(row)
    return groups


def _write(group: Group, rows: list[TagChange], *, cloud: Cloud, now: datetime) -> int:
    account, region, key, value = group
    if refusal := illegal(key, value):
        _fail(rows, refusal, now=now)
        return 0
    try:
        ec2 = cloud.ec2(account, region)
        _call(ec2, rows, key, value)
        return _read_back(ec2, rows, key, value, now=now)
    except Missing as error:
        _without_missing(rows, error, cloud=cloud, now=now)
    except (Throttled, Ambiguous) as error:
        _later(rows, error, now=now)
    except Refused as error:
        _refused(rows, error, cloud=cloud, now=now)
    return 0


def illegal(key: str, value: str | None) -> str:
    """Why AWS would refuse this tag; empty when it would not."""
    if not 1 <= len(key) <= MAX_KEY or key.lower().startswith("aws:"):
        return f"The tag key {key[:40]!r} is not allowed: 1 to {MAX_KEY} characters, not beginning with aws:."
    if value is not None and len(value) > MAX_VALUE:
        return f"The value of the tag {key} has {len(value)} characters; AWS allows {MAX_VALUE}."
    return ""


def _call(ec2: Ec2, rows: list[TagChange], key: str, value: str | None) -> None:
    ids = [row.instance_id for row in rows]
    if value is None:
        ec2.delete_tags(ids, [key])
    else:
        ec2.create_tags(ids, {key: value})


def _read_back(ec2: Ec2, rows: list[TagChange], key: str, value: str | None, *, now: datetime) -> int:
    """Only what AWS shows counts as written; the others are tried again."""
    seen = {item.instance_id: item.tags.get(key) for item in ec2.describe([row.instance_id for row in rows])}
    right = [row for row in rows if row.instance_id in seen and seen[row.instance_id] == value]
    gone = [row for row in rows if row.instance_id not in seen]
    wrong = [row for row in rows if row.instance_id in seen and seen[row.instance_id] != value]
    _settle(right, TagState.VERIFIED, "", now=now)
    _gone(gone, now=now)
    _later(wrong, CloudError("AWS does not show the change yet."), now=now)
    return len(right)


def _gone(rows: list[TagChange], *, now: datetime) -> None:
    """A tag that shall vanish has vanished with its instance; one that shall stand cannot."""
    _settle([row for row in rows if row.value is None], TagState.VERIFIED, "", now=now)
    _fail([row for row in rows if row.value is not None], "The instance no longer exists.", now=now)


def _without_missing(rows: list[TagChange], error: Missing, *, cloud: Cloud, now: datetime) -> None:
    """One bad id refuses the whole call: it is sorted out, the others are written at once."""
    row = rows[0]
    alive = {
        item.instance_id
        for item in cloud.ec2(row.account_id, row.region).describe([r.instance_id for r in rows])
    }
    named = set(error.ids) or {r.instance_id for r in rows if r.instance_id not in alive}
    _gone([r for r in rows if r.instance_id in named], now=now)
    rest = [r for r in rows if r.instance_id not in named]
    if rest and named:
        _write((row.account_id, row.region, row.key, row.value), rest, cloud=cloud, now=now)
    else:
        _later(rest, error, now=now)


def _refused(rows: list[TagChange], error: Refused, *, cloud: Cloud, now: datetime) -> None:
    """A role may come back, so it is tried for a while; any other refusal is final."""
    if isinstance(error, AccessRefused):
        _later(rows, error, now=now)
    elif len(rows) > 1:
        for row in rows:  # the refusal may be one host's (too many tags): the others must not suffer from it
            _write((row.account_id, row.region, row.key, row.value), [row], cloud=cloud, now=now)
    else:
        _fail(rows, str(error), now=now)


def _later(rows: list[TagChange], error: CloudError, *, now: datetime) -> None:
    """Tags are idempotent, so an uncertain or throttled write is simply repeated, more slowly each time."""
    for row in rows:
        attempts = row.attempts + 1
        if attempts >= MAX_ATTEMPTS:
            _fail([row], f"Given up after {attempts} attempts: {error}", now=now)
            continue
        wait = timedelta(seconds=min(2 ** min(attempts, 7), LONGEST_WAIT_S))
        TagChange.objects.filter(pk=row.pk, state=TagState.WRITING).update(
            due_at=now + wait, lease_until=None, error=str(error)[:500]
        )


def _fail(rows: list[TagChange], reason: str, *, now: datetime) -> None:
    _settle(rows, TagState.FAILED, reason, now=now)


@transaction.atomic
def _settle(rows: list[TagChange], state: TagState, error: str, *, now: datetime) -> None:
    """Ends the wishes that are still open, with one audit event a batch."""
    open_rows = TagChange.objects.filter(pk__in=[row.pk for row in rows], state=TagState.WRITING)
    count = open_rows.update(state=state, error=error[:500], lease_until=None, finished_at=now)
    if count:
        record(_entry(rows[0], count, state, error), by=None)


def _entry(row: TagChange, count: int, state: TagState, error: str) -> Entry:
    what = f"removed {row.key} from" if row.value is None else f"set {row.key}={row.value} on"
    servers = f"{count} server{'s' if count != 1 else ''}"
    summary = f"Tags: {what} {servers} in {row.account_id} {row.region}"
    if state == TagState.FAILED:
        summary = f"Tags: could not {what.replace('removed', 'remove')} {servers}. {error}"
    return Entry(
        f"tag.{state.value}", "tag", row.key[:64], summary, run_id=row.run_id, detail={"reason": row.reason}
    )
