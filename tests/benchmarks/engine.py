"""What the engine itself costs per host: CPU time, queries and memory at growing fleets. AWS and hosts cost nothing."""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from tests.benchmarks.database import database

SIZES = (1_000, 10_000, 100_000)
ACCOUNT, REGION = "111122223333", "eu-central-1"
CONCURRENCY = 500
SEEDED_AT_ONCE = 500
POLICY = {"concurrency": CONCURRENCY, "sweep_s": 1, "lead_s": 60, "gather_s": 30, "delivery_timeout_s": 60,
          "execution_timeout_s": 120, "reboot_grace_s": 60}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What one run of `hosts` cost. CPU of this process without the simulated AWS; the database's is in wall time."""

    hosts: int
    cpu_s: float
    wall_s: float
    queries: int
    growth_mb: float
    peak_mb: float
    looks: int
    calls: dict[str, int]

    @property
    def cpu_ms_per_host(self) -> float:
        return self.cpu_s * 1000 / self.hosts

    @property
    def wall_ms_per_host(self) -> float:
        return self.wall_s * 1000 / self.hosts


def measure(hosts: int) -> Cost:
    """Plans and drives one run of `hosts` servers to its end. Raises AssertionError when one is not patched."""
    from django.db import connection

    from tests.benchmarks.fast_cloud import FastCloud
    from tests.fakes import Clock

    clock = Clock()
    cloud = FastCloud(clock)
    run = _run(hosts, cloud, clock)
    gc.collect()
    queries = [0]

    def count(execute: Callable, sql: str, params: object, many: bool, context: object) -> object:  # type: ignore[type-arg]
        queries[0] += 1
        return execute(sql, params, many, context)

    before = _peak_mb()
    began, began_wall = time.process_time(), time.perf_counter()
    with connection.execute_wrapper(count):
        looks = _drive(run, cloud, clock)
    cpu, wall = time.process_time() - began - cloud.cost_s, time.perf_counter() - began_wall - cloud.cost_s
    assert run.targets.filter(verdict="patched").count() == hosts
    return Cost(hosts, cpu, wall, queries[0], _peak_mb() - before, _peak_mb(), looks, dict(cloud.calls))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _run(hosts, cloud, clock, lead=timedelta(seconds=120), **policy):  # type: ignore[no-untyped-def]
    """A planned run of so many fresh hosts."""
    from patching.models import Run
    from patching.operations.runs import plan_ad_hoc
    from portal.inventory.models import Asset
    from tests import cast

    account = cast.an_account(ACCOUNT)
    for _ in range(hosts // SEEDED_AT_ONCE):
        Asset.objects.bulk_create(
            Asset(account=account, region=REGION, instance_id=item, name=item, state="running", platform="linux",
                  os_name="Debian GNU/Linux", owner="payments-team", application="payments", ssm_status="Online",
                  agent_version="3.3", root_device_type="ebs", first_seen_at=clock(), last_seen_at=clock())
            for item in cloud.add(SEEDED_AT_ONCE)
        )  # fmt: skip
    assets = Asset.objects.select_related("account").order_by("pk")
    start = clock() + lead
    return plan_ad_hoc(name=f"{hosts} hosts", like=Run(time_zone="UTC", policy=POLICY | policy), starts_at=start,
                       cutoff_at=start + timedelta(hours=23), ends_at=start + timedelta(hours=24), assets=assets,
                       by=cast.ada(), now=clock())  # fmt: skip


def _drive(run, cloud, clock) -> int:  # type: ignore[no-untyped-def]
    from patching.engine.reconcile import reconcile_run
    from patching.states import RUN_OVER

    looks = 0
    while run.state not in RUN_OVER:
        clock.forward(5)
        reconcile_run(run.pk, cloud=cloud, clock=clock)
        run.refresh_from_db()
        looks += 1
    return looks


def main() -> None:
    """Each size in a process of its own, so that the memory of one says nothing of another."""
    print("## engine: what one host costs the engine itself\n")
    print(
        f"AWS and hosts cost nothing here; {CONCURRENCY} hosts in flight at once, one worker. CPU is the worker's,"
    )
    print(
        "without the simulated AWS, which keeps one byte a host and tag; wall holds PostgreSQL's share. Memory is the"
    )
    print("worker's peak; growth is what the run added to it.\n")
    print(
        "| hosts | CPU ms a host | wall ms a host | queries a host | growth | peak "
        "| CPU against the smallest | peak against the smallest |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    first = lowest = 0.0
    for size in [int(text) for text in sys.argv[1:]] or SIZES:
        done = subprocess.run(
            [sys.executable, "-m", __spec__.name, "one", str(size)],
            capture_output=True,
            text=True,
            check=True,
        )
        cpu, wall, queries, growth, peak = (float(figure) for figure in done.stdout.split()[-5:])
        first, lowest = first or cpu, lowest or peak
        print(
            f"| {size:,} | {cpu:.2f} | {wall:.2f} | {queries:.2f} | {growth:.0f} MB | {peak:.0f} MB "
            f"| {cpu / first:.2f} | {peak / lowest:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] != ["one"]:
        main()
    else:
        with database():
            cost = measure(int(sys.argv[2]))
        figures = (cost.cpu_ms_per_host, cost.wall_ms_per_host, cost.queries / cost.hosts)
        print(*figures, cost.growth_mb, cost.peak_mb)
