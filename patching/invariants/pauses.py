"""I2: nothing is sent while all sending is paused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from patching.invariants.violation import Ids, Violation
from patching.models import Dispatch, SendingPause
from portal.audit.models import AuditEvent

# A send reads its clock before it locks the row of the pause, so at either end it may look a transaction too early.
ONE_TRANSACTION = timedelta(seconds=10)


def nothing_is_sent_in_a_pause(runs: Ids) -> Iterator[Violation]:
    """I2: no command of any phase is committed between a pause and its end."""
    for since, until in _pauses():
        inside = Dispatch.objects.filter(run__in=runs, claimed_at__gt=since + ONE_TRANSACTION)
        if until:
            inside = inside.filter(claimed_at__lt=until - ONE_TRANSACTION)
        for row in inside:
            yield Violation(
                "I2", row.run_id, f"Command {row.pk} was claimed at {row.claimed_at}, in a pause."
            )


def _pauses() -> Iterator[tuple[datetime, datetime | None]]:
    """(from, to) of each; the one in force has no end."""
    ended = AuditEvent.objects.filter(subject_type="portal", subject_id="sending", kind="sending.resumed")
    ended = ended.filter(detail__has_keys=["paused_at", "resumed_at"])
    for detail in ended.values_list("detail", flat=True):
        yield datetime.fromisoformat(detail["paused_at"]), datetime.fromisoformat(detail["resumed_at"])
    for row in SendingPause.objects.filter(paused=True, since__isnull=False):
        assert row.since
        yield row.since, None
