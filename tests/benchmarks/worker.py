"""One worker process: looks at due runs until all are over, as a Celery worker does at each tick.

KILL_AT=SendCommand:11 makes it kill itself (SIGKILL) in that call: AWS has answered, nobody has written it down.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

LEASE_S = 5  # instead of 120 s, so that the next worker need not wait that long for a killed one's run


def main() -> int:
    import django

    django.setup()
    shorten_leases()
    if point := os.environ.get("KILL_AT"):
        operation, _, number = point.partition(":")
        kill_at(operation, int(number))
    return work()


def shorten_leases() -> None:
    from datetime import timedelta

    from patching.engine import lease
    from portal.tagging import writer

    length = timedelta(seconds=LEASE_S)
    lease.LEASE, lease.RENEW_AFTER, writer.LEASE = length, length / 4, length


def kill_at(operation: str, number: int) -> None:
    """The worker dies right after AWS has carried out its `number`-th call of this operation."""
    from aws.calls import Calls

    left = [number]
    send, pages = Calls._send, Calls.pages

    def count(name: str) -> None:
        left[0] -= name == operation
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted_send(self: Calls, retry: Any, name: str, params: Any) -> Any:
        answer = send(self, retry, name, params)
        count(name)
        return answer

    def counted_pages(self: Calls, name: str, page_size: int, **params: Any) -> Iterator[Any]:
        for page in pages(self, name, page_size, **params):
            count(name)
            yield page

    Calls._send, Calls.pages = counted_send, counted_pages  # type: ignore[method-assign]


def work() -> int:
    """Returns how many errors there were that nobody expected; each is told."""
    from patching.engine.control_loop import reconcile_under_lease
    from patching.engine.lease import LeaseLost, due
    from patching.models import Run
    from patching.states import RUN_OVER
    from portal.audit.models import AuditEvent
    from portal.clock import database_now
    from portal.cloud import cloud

    errors = 0
    while Run.objects.exclude(state__in=RUN_OVER).exists():
        for run_id in due(database_now()):
            try:
                reconcile_under_lease(run_id, cloud())
            except LeaseLost:
                pass
            except Exception:  # noqa: BLE001 - counted; the tick goes on as in production
                errors += 1
                traceback.print_exc()
        time.sleep(0.2)
    failed = AuditEvent.objects.filter(kind="run.trouble", summary__startswith="A step of this run failed")
    return errors + failed.count()


if __name__ == "__main__":
    sys.exit(main())
