"""One of ten regions answers after 25 s: when the others' windows start, and when their results are there.

`python -m tests.benchmarks.silence [CASE]`: all cases, or one of them, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

# Seconds from the window's start to the first command and to the last verdict; None: not within SHOWN_WITHIN_S.
Figures = tuple[float | None, float | None]
ACCOUNT, OTHER, SILENT = "111122223333", "444455556666", "eu-west-1"
REGIONS = ("eu-central-1", SILENT, "eu-west-2", "eu-west-3", "eu-north-1", "us-east-1", "us-east-2", "us-west-1",
           "us-west-2", "ca-central-1")  # fmt: skip
HOSTS_A_REGION, SILENT_FOR_S = 3, 25
PLANNED_AHEAD_S, SHOWN_WITHIN_S = 90, 240
LATE_START_S, LATE_RESULTS_S = 10, 15  # the most that is allowed
# As script/demo starts them; ticks and syncs as anybody's are, but for planning, of which one window has to wait.
PACE = {"TICK_SECONDS": "5", "PLAN_SECONDS": "5", "SYNC_SECONDS": "60"}
POLICY = {"lead_s": 75, "sweep_s": 5, "gather_s": 1, "delivery_timeout_s": 60, "execution_timeout_s": 120,
          "reboot_grace_s": 60}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What is silent, where, and whether from before the run was planned or from three seconds before its start."""

    name: str
    services: tuple[str, ...]
    region: str = SILENT
    at_start: bool = False


CASES = {
    case.name: case
    for case in (
        Case("nothing", ()),
        Case("Systems Manager", ("ssm",)),
        Case("Systems Manager, from 3 s before the start", ("ssm",), at_start=True),
        Case("EC2", ("ec2",)),
        Case("EC2 and Systems Manager", ("ec2", "ssm")),
        Case("the queue of events", ("sqs",), region="*"),
    )
}
TEXT = """## silence: one of ten regions does not answer

Two windows start at the same moment: one of {hosts} servers in ten regions of an account, one of {others} in another
account. In one region ({silent}) the service that is named answers each call after {seconds} s, from before the run was
planned. Worker processes, beat and their settings as a start makes them; a tick every 5 s. *Start* is from the window's
start to the first patch command, *results* from the window's start until the last verdict is stored, in the region
where that is longest; the silent region does not count. The benchmark ends with 1 where a start is later than
{late_start} s beyond that of *nothing*, or results later than {late_results} s.

| silent is | start | results | start, before | results, before |
|---|---|---|---|---|
{rows}

*Before* is commit c65ec4e in the same way (2026-11-30, on this machine while it was busy, load 13 to 16): five attempts
of 20 s each for every question, one place after the other, one pair of processes for everything."""
BEFORE: dict[str, Figures] = {
    "nothing": (11.0, 24.8),
    "Systems Manager": (159.1, 168.1),
    "Systems Manager, from 3 s before the start": (29.3, 141.6),
    "EC2": (None, None),
    "the queue of events": (236.4, None),
}


def main() -> int:
    if len(sys.argv) > 1:
        print(json.dumps(measure(CASES[sys.argv[1]])))
        return 0
    found = {name: _alone(name) for name in CASES}
    rows = "\n".join(_row(name, found[name]) for name in CASES)
    print(TEXT.format(
        hosts=HOSTS_A_REGION * len(REGIONS), others=HOSTS_A_REGION, silent=SILENT, seconds=SILENT_FOR_S,
        late_start=LATE_START_S, late_results=LATE_RESULTS_S, rows=rows,
    ))  # fmt: skip
    return 0 if all(_in_time(found["nothing"], item) for item in found.values()) else 1


def _alone(name: str) -> Figures:
    """A process of its own each: one Django and one database."""
    command = [sys.executable, "-m", "tests.benchmarks.silence", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    started, results = json.loads(done.stdout.splitlines()[-1])
    return started, results


def _in_time(quiet: Figures, found: Figures) -> bool:
    if None in (*quiet, *found):
        return False
    late = [
        have - usual
        for have, usual in zip(found, quiet, strict=True)
        if have is not None and usual is not None
    ]
    return late[0] <= LATE_START_S and late[1] <= LATE_RESULTS_S


def _row(name: str, found: Figures) -> str:
    before = [_seconds(figure) for figure in BEFORE[name]] if name in BEFORE else ["not measured"] * 2
    return f"| {name} | " + " | ".join([*map(_seconds, found), *before]) + " |"


def _seconds(figure: float | None) -> str:
    return f"over {SHOWN_WITHIN_S} s" if figure is None else f"{figure:.1f} s"


def measure(case: Case) -> Figures:
    """Of the places that answer, the one where it takes longest."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, running(Path(folder)) as lab:
        starts_at = plan()
        if not case.at_start:
            silence(lab, case)
        wait_until(starts_at - timedelta(seconds=3))
        if case.at_start:
            silence(lab, case)
        try:
            return watch(starts_at)
        finally:
            ask(lab, "silence", off=True)


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The whole portal with its workers; gives the address of the lab."""
    from embedded.stack import LabOptions, Stack, free_port

    scenario, port = folder / "scenario.yaml", free_port()
    scenario.write_text(yaml.safe_dump(fleet()))
    environment = PACE | {
        "AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "of-the-simulated-account", "AWS_REGION": REGIONS[0],
        "AWS_EXTERNAL_ID": "x1", "AWS_EC2_METADATA_DISABLED": "true", "RESULTS_BUCKET": "patch-portal-results",
        "EVENTS_QUEUE_URL": f"http://127.0.0.1:{port}/{ACCOUNT}/events",
    }  # fmt: skip
    lab = LabOptions(scenario=scenario, time_scale=20.0, port=port)
    with Stack(state=folder / "state", port=0, environment=environment, lab=lab, workers=False) as stack:
        os.environ.update(stack.environment_of_children(), DJANGO_SETTINGS_MODULE="portal.settings")
        make_queue(f"http://127.0.0.1:{port}")
        import django

        django.setup()
        found()
        stack.start_workers()
        yield f"http://127.0.0.1:{port}"


def fleet() -> dict[str, Any]:
    role = {"role_name": "PatchPortal", "external_id": "x1"}
    hosts = [
        {"name": f"{region}-{number}", "region": region}
        for region in REGIONS
        for number in range(HOSTS_A_REGION)
    ]
    others = [
        {"name": f"other-{number}", "region": REGIONS[0], "account": OTHER}
        for number in range(HOSTS_A_REGION)
    ]
    return {
        "accounts": [
            {"id": ACCOUNT, "regions": list(REGIONS), **role},
            {"id": OTHER, "regions": [REGIONS[0]], **role},
        ],
        "defaults": {"account": ACCOUNT, "os": "windows2022", "kind": "scenario", "pending": 2},
        "hosts": hosts + others,
    }


def make_queue(address: str) -> None:
    import boto3

    boto3.client(
        "sqs",
        region_name=REGIONS[0],
        endpoint_url=address,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="any",
    ).create_queue(QueueName="events")


def found() -> None:
    """Accounts and their servers."""
    from portal.clock import database_now
    from portal.cloud import cloud
    from portal.inventory.models import Account
    from portal.inventory.operations import sync_all

    for row in fleet()["accounts"]:
        Account.objects.create(
            account_id=row["id"], role_name=row["role_name"], external_id="x1", regions=row["regions"]
        )
    assert not sync_all(cloud=cloud(), now=database_now())


def plan() -> datetime:
    """A window for each account, both a minute from now; the workers make the runs. The start of both."""
    from patching.models import Enrolment
    from portal.clock import database_now
    from portal.inventory.models import Asset
    from tests import cast

    now = database_now()
    start = (now + timedelta(seconds=PLANNED_AHEAD_S)).replace(microsecond=0)
    for account in (ACCOUNT, OTHER):
        window = cast.a_window(
            weekday=start.weekday(), start_time=start.time(), time_zone="UTC", duration_minutes=60, cutoff_minutes=10,
            policy=POLICY, created_at=now,
        )  # fmt: skip
        Enrolment.objects.bulk_create(
            Enrolment(asset=asset, window=window, since=now, by=cast.ana())
            for asset in Asset.objects.filter(account__account_id=account)
        )
    return start


def wait_until(moment: datetime) -> None:
    from portal.clock import database_now

    time.sleep(max(0.0, (moment - database_now()).total_seconds()))


def watch(starts_at: datetime) -> Figures:
    """Asks the rows until every place that answers is done."""
    from patching.models import Dispatch, Target
    from patching.states import TARGET_OVER, Phase
    from portal.clock import database_now

    places = [(ACCOUNT, region) for region in REGIONS if region != SILENT] + [(OTHER, REGIONS[0])]
    well = Target.objects.exclude(account_id=ACCOUNT, region=SILENT)
    end = starts_at + timedelta(seconds=SHOWN_WITHIN_S)
    expected = HOSTS_A_REGION * len(places)
    while database_now() < end and well.filter(state__in=TARGET_OVER).count() < expected:
        time.sleep(1)
    sent = Dispatch.objects.filter(phase=Phase.PATCH, sent_at__isnull=False)
    firsts = [
        sent.filter(account_id=account, region=region).order_by("sent_at").first()
        for account, region in places
    ]
    over = list(well.filter(state__in=TARGET_OVER).values_list("since", flat=True))
    started = max((row.sent_at for row in firsts if row), default=None) if all(firsts) else None
    unproven = well.filter(state__in=TARGET_OVER).exclude(verdict="patched")
    assert not unproven.exists(), list(unproven.values_list("asset__name", "state", "reason"))
    last = max(over) if len(over) == expected else None
    return _since(starts_at, started), _since(starts_at, last)


def _since(start: datetime, moment: datetime | None) -> float | None:
    return None if moment is None else (moment - start).total_seconds()


def silence(lab: str, case: Case) -> None:
    for service in case.services:
        ask(lab, "silence", service=service, region=case.region, seconds=SILENT_FOR_S)


def ask(lab: str, path: str, **body: Any) -> None:
    with urllib.request.urlopen(f"{lab}/lab/{path}", json.dumps(body).encode(), timeout=60):
        pass


if __name__ == "__main__":
    sys.exit(main())
