"""What AWS refuses a run: kept while it does, told to the admins once, and over as soon as it works."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from patching.models import Hindrance, Run
from patching.models.hindrances import BUCKET
from portal.audit.operations import Entry, record
from portal.notify.operations import notify
from portal.sentences import inside_a_sentence


@dataclass(frozen=True)
class Refusal:
    """`title` says what cannot be done, without a full stop; `sentence` is AWS's own."""

    subject: str
    title: str
    sentence: str


@transaction.atomic
def note(run: Run, refusal: Refusal, *, now: datetime) -> None:
    """The rows of one run are written under its lease, so nobody else writes this one."""
    row = Hindrance.objects.filter(run=run, subject=refusal.subject).first()
    row = row or Hindrance(run=run, subject=refusal.subject, first_seen_at=now)
    if row.over_at:
        row.first_seen_at, row.over_at = now, None
    row.title, row.sentence, row.seen_at = refusal.title, refusal.sentence, now
    if not row.told and not _told_already(row):
        row.told = True
        notify("run.hindered", run, said=refusal.title)
    row.save()


def _told_already(row: Hindrance) -> bool:
    """Of all that is refused to a part of a run the first is news, and what stops it whole: its page has the others."""
    return row.subject != BUCKET and Hindrance.objects.filter(run=row.run, told=True).exists()


@transaction.atomic
def end(run: Run, subjects: Iterable[str], *, seen_before: datetime, now: datetime) -> None:
    """Those of these that were not met again since `seen_before`."""
    rows = Hindrance.objects.filter(
        run=run, subject__in=list(subjects), over_at=None, seen_at__lt=seen_before
    )
    for row in rows.order_by("pk"):
        said = f"No longer so: {inside_a_sentence(row.title)}"
        record(Entry("run.trouble_over", "run", str(run.pk), said, run_id=run.pk), by=None)
    rows.update(over_at=now)
