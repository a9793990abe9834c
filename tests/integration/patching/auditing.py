"""An audit of runs from asking to its end, as the workers make it."""

from __future__ import annotations

from datetime import datetime, timedelta

from patching.models import RunAudit
from patching.operations import audits


def audit(now: datetime) -> RunAudit:
    """The night asks, one worker does it all at once."""
    asked, new = audits.ask(by=None, now=now)
    assert new
    audits.work(clock=lambda: now, until=now + timedelta(hours=1))
    asked.refresh_from_db()
    return asked
