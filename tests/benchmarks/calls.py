"""How many AWS calls one run costs against the least possible, beside the loop that people write. On the lab."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.benchmarks.database import database

ACCOUNT, REGION = "111122223333", "eu-central-1"
TAGGED_AT_ONCE, SENT_AT_ONCE = 1_000, 50
POLICY = {"concurrency": 10_000, "sweep_s": 2, "lead_s": 3600, "gather_s": 60, "settle_s": 30}
FIRST_SENDS = {"PatchPortal-Precheck-Windows": "precheck", "PatchPortal-Patch-Windows": "patch"}


@dataclass
class Counts:
    """Calls of one way to patch `hosts` servers, by AWS's operation names, and seconds."""

    name: str
    hosts: int
    calls: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def total(self) -> int:
        """All calls but those for objects in S3, which are counted apart."""
        return sum(count for name, count in self.calls.items() if not name.startswith("S3:"))


def scenario(hosts: int) -> dict[str, Any]:
    """Windows hosts answer from a table, so that ten thousand of them cost no scripts."""
    return {
        "accounts": [{"id": ACCOUNT, "role_name": "PatchPortal", "external_id": "x1", "regions": [REGION]}],
        "defaults": {
            "account": ACCOUNT,
            "region": REGION,
            "os": "windows2022",
            "kind": "scenario",
            "pending": 2,
        },
        "hosts": [{"name": "win", "count": hosts}],
    }


def least(hosts: int) -> Counter[str]:
    """What no client can go below for two phases: tags on and off and LastPatched, sends, one list page per send."""
    tags, sends = -(-hosts // TAGGED_AT_ONCE), -(-hosts // SENT_AT_ONCE)
    return Counter(
        CreateTags=2 * tags, DeleteTags=tags, SendCommand=2 * sends, ListCommandInvocations=2 * sends
    )


def ours(hosts: int) -> Counts:
    """One run by the portal's engine, from its first look to its end."""
    from aws.session import AwsCloud
    from lab.server import LabServer
    from patching.engine.advance import advance
    from patching.engine.lease import database_now
    from patching.models import Run
    from patching.operations.runs import plan_ad_hoc
    from patching.states import RUN_OVER
    from portal.inventory.cloud import accesses
    from portal.inventory.models import Account, Asset
    from portal.inventory.operations import sync_all
    from tests import cast

    with (
        tempfile.TemporaryDirectory() as state,
        LabServer(scenario(hosts), Path(state), time_scale=50) as lab,
    ):
        os.environ["AWS_ENDPOINT_URL"] = lab.url
        Account.objects.create(account_id=ACCOUNT, name="Payments", role_name="PatchPortal", external_id="x1",
                               regions=[REGION])  # fmt: skip
        cloud = AwsCloud(accesses, portal_region=REGION)
        sync_all(cloud=cloud, now=database_now())
        before, began = _seen(lab), time.perf_counter()
        now = database_now()
        run = plan_ad_hoc(
            name="Benchmark", like=Run(time_zone="UTC", policy=POLICY), starts_at=now,
            assets=Asset.objects.select_related("account"),
            cutoff_at=now + timedelta(hours=5), ends_at=now + timedelta(hours=6), by=cast.ada(), now=now,
        )  # fmt: skip
        while run.state not in RUN_OVER:
            advance(run, cloud=cloud, clock=database_now)
            run.refresh_from_db()
        counts = Counts("Patch Portal", hosts, _seen(lab) - before, time.perf_counter() - began)
        assert run.targets.filter(verdict="patched").count() == hosts
    return counts


def _seen(lab: Any) -> Counter[str]:
    log = lab.control("/lab/log?since=0")
    rows = log["calls"] if isinstance(log, dict) else log
    return Counter(f"S3:{row['operation']}" if row["service"] == "s3" else row["operation"] for row in rows)


def plain_loop(hosts: int) -> Counter[str]:
    """The loop that people write: a tag, a status and an untag call per host, then LastPatched; one send."""
    return Counter(CreateTags=2 * hosts, DeleteTags=hosts, SendCommand=1, GetCommandInvocation=hosts)


def main() -> None:
    import sys

    size = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with database():
        found = ours(size)
    floor, loop = least(size), plain_loop(size)
    print("## calls: AWS calls of one run against the least possible\n")
    print(
        f"{size:,} hosts in one account and region on the simulated AWS, pre-check and patch. Objects in S3 apart:"
    )
    print(f"{found.calls['S3:GetObject'] / size:.2f} reads a host ({2 * size:,} reports).\n")
    print(
        "| call | least possible | Patch Portal | ratio | the plain loop (no pre-check) |\n|---|---|---|---|---|"
    )
    for name in sorted(floor | loop):
        own, low = found.calls[name], floor[name]
        ratio = f"{own / low:.2f}" if low else "–"
        print(f"| {name} | {low:,} | {own:,} | {ratio} | {loop[name]:,} |")
    others = {
        name: count
        for name, count in found.calls.items()
        if name not in floor | loop and not name.startswith("S3")
    }
    print(f"\nBesides: {', '.join(f'{name} {count:,}' for name, count in sorted(others.items()))}.")


if __name__ == "__main__":
    main()
