"""What a seed varies before anything fails: hosts, accounts, window and policy."""

from __future__ import annotations

from random import Random
from typing import Any

from patching.policy import waves
from tests import fakes

OTHER = "444455556666"
TAGS = {"Name": "db", "Application": "payments", "Owner": "payments-team"}
WAVES = (
    "1 server",
    "2 servers, then wait 2 min\n50 %",
    "Environment = test, then wait 1 min",
    "25 %, stop above 0 %\n50 %, then wait 3 min",
)


def policy(random: Random) -> dict[str, Any]:
    """The run's policy, as its window carries it."""
    chosen: dict[str, Any] = {
        "concurrency": random.choice([1, 3, 50]),
        "fixes": random.choice(["none", "all"]),
        "gather_s": random.choice([1, 60]),
        "snapshot": random.choice(["none", "none", "none", "root"]),
    }
    if random.random() < 0.4:
        rules = waves.parse(random.choice(WAVES))
        chosen |= {"waves": [rule.to_json() for rule in rules], "promote": random.random() < 0.3}
    if random.random() < 0.15:
        chosen["alarms"] = ["too-many-errors"]
    if random.random() < 0.15:
        chosen["target_groups"] = ["shop"]
    return chosen


def window(random: Random) -> dict[str, Any]:
    """Mostly long enough; sometimes the cutoff comes before everybody's turn."""
    if random.random() < 0.2:
        return {"duration_minutes": 20, "cutoff_minutes": random.choice([5, 15])}
    return {"duration_minutes": 75, "cutoff_minutes": 15}


def add_hosts(random: Random, cloud: fakes.FakeCloud) -> None:
    """Up to 12, in one or two accounts: stopped, clustered, silent, blocked and failing ones among them."""
    accounts = random.choice([[fakes.ACCOUNT], [fakes.ACCOUNT, OTHER]])
    for number in range(1, random.randint(1, 12) + 1):
        cloud.add(
            number, account_id=random.choice(accounts), silent=random.random() < 0.1, tags=_tags(random),
            precheck="blocked" if random.random() < 0.1 else "ready",
            patch="failed" if random.random() < 0.1 else "patched",
            state="stopped" if random.random() < 0.2 else "running",
        )  # fmt: skip


def _tags(random: Random) -> dict[str, str]:
    cluster, test = random.random() < 0.3, random.random() < 0.4
    tags = TAGS | {"Environment": "test" if test else "production"}
    return tags | ({"PatchCluster": f"db-{random.randint(1, 2)}"} if cluster else {})
