"""The small fleet of the crash test: one AWS account a lane, so that several runs go on side by side."""

from __future__ import annotations

from typing import Any

PORTAL, REGION = "111122223333", "eu-central-1"
ASLEEP, EXEMPT = "nap", "exempt"


def account_of(lane: int) -> str:
    return f"{lane + 1:012d}"


def scenario(lanes: int) -> dict[str, Any]:
    """Hosts that answer from a script: a run of theirs costs next to nothing."""
    accounts = [_account(PORTAL), *(_account(account_of(lane)) for lane in range(lanes))]
    hosts = [host for lane in range(lanes) for host in _hosts(lane)]
    return {"portal_account": PORTAL, "accounts": accounts, "hosts": hosts}


def _account(account_id: str) -> dict[str, Any]:
    return {"id": account_id, "role_name": "PatchPortal", "external_id": "x1", "regions": [REGION]}


def _hosts(lane: int) -> list[dict[str, Any]]:
    tags = {"Application": "payments", "Owner": "payments-team", "PatchPortal:Managed": "true"}
    common = {"account": account_of(lane), "region": REGION, "os": "windows2022", "kind": "scenario"}
    common |= {"pending": 2, "security": 1, "tags": tags}
    different: list[dict[str, Any]] = [
        {"name": "app"},
        {"name": "db", "count": 2, "tags": tags | {"PatchCluster": f"db-{lane}"}},
        {"name": ASLEEP, "state": "stopped"},
        {"name": "sick", "faults": ["update_fails"]},
        {"name": EXEMPT},
    ]
    return [common | host | {"name": f"{lane}-{host['name']}"} for host in different]


def role(name: str) -> str:
    """What the host is in its lane: the name without the lane's number."""
    return name.partition("-")[2]
