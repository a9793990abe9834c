"""A fleet of the lab as the portal sees it: connected, planned, patched by worker processes, and judged afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from tests.benchmarks.lab_process import REGION, THROTTLED, Call, Lab

# Hosts answer within seconds here, so results are looked for more often than in production.
POLICY = {"concurrency": 10_000, "sweep_s": 2, "lead_s": 3600, "settle_s": 10, "wake_timeout_s": 300}
LONGEST_S = 3_000


def connect(lab: Lab, account: str) -> None:
    """The portal learns the account and its hosts."""
    from aws.session import AwsCloud
    from portal.clock import database_now
    from portal.inventory.models import Account
    from portal.inventory.operations import sync_account
    from portal.inventory.queries import accesses

    os.environ |= {"AWS_ENDPOINT_URL": lab.url, "AWS_ACCESS_KEY_ID": account}  # it is the portal's own too
    row = Account.objects.create(
        account_id=account, name=account, role_name="PatchPortal", external_id="x1", regions=[REGION]
    )
    sync_account(row, cloud=AwsCloud(accesses, portal_region=REGION), now=database_now())


def plan(account: str, runs: int, **policy: int) -> list[int]:
    """Run ids: the account's hosts shared among so many runs that all begin now."""
    from patching.models import Run
    from patching.operations.runs import plan_ad_hoc
    from portal.clock import database_now
    from portal.inventory.models import Asset
    from tests import cast

    now = database_now()
    assets = list(Asset.objects.filter(account__account_id=account).select_related("account").order_by("pk"))
    return [
        plan_ad_hoc(name=f"Benchmark {number}", like=Run(time_zone="UTC", policy=POLICY | policy), starts_at=now,
                    assets=assets[number::runs], cutoff_at=now + timedelta(hours=5),
                    ends_at=now + timedelta(hours=6), by=cast.ada(), now=now).pk
        for number in range(runs)
    ]  # fmt: skip


@dataclass(frozen=True)
class Work:
    """How the workers did: seconds until the last one ended, and errors that nobody expected."""

    seconds: float
    errors: int


def work(lab: Lab, workers: int, *, kill_at: str = "") -> Work:
    """Worker processes until all runs are over. With `kill_at` the first one dies there and the next one goes on.

    Raises AssertionError when it did not die: then that call was never made, and nothing is proven.
    """
    began = time.perf_counter()
    if kill_at:
        killed = _worker(lab, kill_at).wait(timeout=LONGEST_S)
        assert killed == -9, f"the worker ended with {killed} before it reached {kill_at}"
    processes = [_worker(lab) for _ in range(workers)]
    errors = sum(process.wait(timeout=LONGEST_S) for process in processes)
    return Work(time.perf_counter() - began, errors)


def _worker(lab: Lab, kill_at: str = "") -> subprocess.Popen[bytes]:
    environment = os.environ | {"AWS_ENDPOINT_URL": lab.url, "KILL_AT": kill_at}
    command = [sys.executable, "-m", "tests.benchmarks.worker"]
    return subprocess.Popen(command, env=environment, stdout=sys.stderr)  # its log is no part of the page


@dataclass(frozen=True)
class Outcome:
    """What became of a fleet, by AWS's own record: every count but `hosts` and `throttled` should be 0."""

    hosts: int
    never_commanded: int
    commanded_twice: int
    still_tagged: int
    without_last_patched: int
    throttled: int

    @property
    def clean(self) -> bool:
        return not any(
            (self.never_commanded, self.commanded_twice, self.still_tagged, self.without_last_patched)
        )


def outcome(lab: Lab) -> Outcome:
    """Judged by the lab's log and its hosts' tags, not by what the portal believes."""
    from patching.models import Dispatch
    from patching.states import Phase

    hosts, calls = lab.ask("hosts"), lab.calls()
    checks = Dispatch.objects.exclude(phase=Phase.PATCH).values_list("command_ids", flat=True)
    harmless = {command_id for ids in checks for command_id in ids}
    commanded = Counter(
        instance_id for call in accepted(calls) if call["command_id"] not in harmless
        for instance_id in call["instance_ids"]
    )  # fmt: skip
    return Outcome(
        hosts=len(hosts),
        never_commanded=sum(not commanded[host["instance_id"]] for host in hosts),
        commanded_twice=sum(count > 1 for count in commanded.values()),
        still_tagged=sum("ssm-patch-now" in host["tags"] for host in hosts),
        without_last_patched=sum("LastPatched" not in host["tags"] for host in hosts),
        throttled=sum(call["error"] in THROTTLED for call in calls),
    )


def accepted(calls: list[Call]) -> list[Call]:
    """SendCommand calls that AWS took, whoever heard of it."""
    return [call for call in calls if call["operation"] == "SendCommand" and call["status"] == 200]
