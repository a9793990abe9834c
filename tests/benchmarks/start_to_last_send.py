"""From the window's start to the last patch command of a large fleet: AWS's buckets, and what the engine adds.

`python -m tests.benchmarks.start_to_last_send [HOSTS]`
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

from tests.benchmarks.database import database

HOSTS, SENT_AT_ONCE = 10_000, 50
TICK_S = 5  # between two looks that found nothing more to send
POLICY = {"concurrency": 100_000, "lead_s": 3_600, "sweep_s": 30}
TEXT = """## start_to_last_send: from the window's start to the last patch command

{hosts:,} checked hosts in one account and region, one worker. SendCommand's bucket is an assumption (3 at once, 3 a
second). The clock moves by the CPU time of the worker and of its PostgreSQL process, and by the waits for AWS's buckets
and for the next tick, so that a busy machine changes nothing; AWS itself answers at once.

| from start to last send | AWS's bucket alone | share beyond it | CPU of the engine meanwhile |
|---|---|---|---|
| {took:.1f} s | {least:.1f} s | {share} | {worked:.1f} s |"""


def measure(hosts: int) -> tuple[float, float, float]:
    """(seconds from the start to the last send, what AWS's bucket alone takes, CPU seconds of the engine in them).

    Every host is checked and ready at the start; none answers before the last send, as with real updates.
    """
    from patching.models import Dispatch
    from patching.states import Phase, TargetState
    from portal.limits.buckets import BUCKETS
    from tests.benchmarks import engine
    from tests.benchmarks.fast_cloud import FastCloud
    from tests.benchmarks.own_time import OwnTime, Rates

    clock = OwnTime(datetime.fromisoformat("2026-12-05T20:00:00+00:00"))
    cloud = FastCloud(clock)  # type: ignore[arg-type]
    run = engine._run(hosts, cloud, clock, lead=timedelta(hours=1), **POLICY)
    while run.targets.exclude(state=TargetState.READY).exists():
        look(run, cloud, clock)
    clock.wait((run.starts_at - clock()).total_seconds())
    worked = clock.worked_s
    cloud.before, cloud.answers_after = Rates(clock, BUCKETS).take, timedelta(hours=1)
    while run.targets.filter(state=TargetState.READY).exists():
        look(run, cloud, clock)
    last = run.dispatches.filter(phase=Phase.PATCH).latest("sent_at").sent_at
    assert Dispatch.objects.filter(phase=Phase.PATCH).count() == -(-hosts // SENT_AT_ONCE)
    bucket = BUCKETS["SendCommand"]
    least = max(0.0, (hosts / SENT_AT_ONCE - bucket.capacity) / bucket.refill)
    return (last - run.starts_at).total_seconds(), least, clock.worked_s - worked


def look(run, cloud, clock) -> None:  # type: ignore[no-untyped-def]
    """One look, and the time until the next one as the workers' tick gives it."""
    from patching.engine.reconcile import reconcile_run

    spent = cloud.cost_s
    next_at = reconcile_run(run.pk, cloud=cloud, clock=clock)
    clock.not_ours_s += cloud.cost_s - spent
    run.refresh_from_db()
    if next_at is None or next_at > clock():
        clock.wait(TICK_S)


def main() -> int:
    hosts = int(sys.argv[1]) if len(sys.argv) > 1 else HOSTS
    with database():
        took, least, worked = measure(hosts)
    share = f"{(took - least) / took:.0%}"
    print(TEXT.format(hosts=hosts, took=took, least=least, share=share, worked=worked))
    return 0


if __name__ == "__main__":
    sys.exit(main())
