"""What the simulated AWS itself says after a run, whatever the portal's rows say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from patching.models import Dispatch, DispatchTarget, Run, Target
from patching.states import Phase
from tests.crash.fleet import CERTAIN, ENDS
from tests.crash.scenario import ASLEEP, EXEMPT, role

Calls = list[dict[str, Any]]
Hosts = dict[str, dict[str, Any]]  # instance id → as the lab shows it


def against(run: Run, calls: Calls, hosts: Hosts) -> Iterator[str]:
    """Every broken promise to this run's account that AWS's own log and hosts show."""
    account = run.targets.values_list("account_id", flat=True)[0]
    here = {item: host for item, host in hosts.items() if host["account"] == account}
    mine = [call for call in calls if call["account"] == account and carried_out(call)]
    yield from _commands(run, [call for call in mine if call["operation"] == "SendCommand"], here)
    yield from _power(mine, here)
    yield from _tags(run, here)
    yield from _ends(run, here)


def carried_out(call: dict[str, Any]) -> bool:
    return call["status"] == 200


def _commands(run: Run, sent: Calls, hosts: Hosts) -> Iterator[str]:
    rows = list(Dispatch.objects.filter(run=run))
    owners = {command: row for row in rows for command in row.command_ids}
    for call in sent:
        if call["command_id"] not in owners:
            yield f"I4: AWS accepted the command {call['command_id']}, which belongs to no dispatch"
        yield from (
            f"I1: {hosts[item]['name']} was commanded"
            for item in call["instance_ids"]
            if _exempt(hosts[item])
        )
    accepted = Counter(owners[call["command_id"]].pk for call in sent if call["command_id"] in owners)
    yield from (
        f"I3: AWS accepted dispatch {pk} {count} times" for pk, count in accepted.items() if count > 1
    )
    patches = [call for call in sent if (row := owners.get(call["command_id"])) and row.phase == Phase.PATCH]
    commanded = Counter(item for call in patches for item in call["instance_ids"])
    attempts = Counter(
        DispatchTarget.objects.filter(dispatch__run=run, phase=Phase.PATCH).values_list(
            "target__instance_id", flat=True
        )
    )
    for item, count in commanded.items():
        if count > attempts[item]:
            yield f"I3: {hosts[item]['name']} got {count} patch commands in {attempts[item]} attempts"


def _exempt(host: dict[str, Any]) -> bool:
    return role(host["name"]) == EXEMPT


def _power(calls: Calls, hosts: Hosts) -> Iterator[str]:
    for call in calls:
        if call["operation"] in {"StartInstances", "StopInstances"}:
            others = [
                hosts[item]["name"] for item in call["instance_ids"] if role(hosts[item]["name"]) != ASLEEP
            ]
            yield from (f"I6: {call['operation']} of {name}" for name in others)
    for host in hosts.values():
        wanted = {"stopped", "stopping"} if role(host["name"]) == ASLEEP else {"running"}
        if host["state"] not in wanted:
            yield f"I6: {host['name']} is {host['state']} in the end"


def _tags(run: Run, hosts: Hosts) -> Iterator[str]:
    stamp = run.starts_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    proven = {row.instance_id for row in run.targets.all() if (row.state, row.verdict) in CERTAIN}
    for item, host in hosts.items():
        for key in ("ssm-patch-now", "PatchPortal:Wake"):
            if key in host["tags"]:
                yield f"I7: {host['name']} still bears {key}"
        if (host["tags"].get("LastPatched") == stamp) != (item in proven):
            yield f"I7: LastPatched of {host['name']} is {host['tags'].get('LastPatched')}, the run's is {stamp}"


def _ends(run: Run, hosts: Hosts) -> Iterator[str]:
    for row in Target.objects.filter(run=run):
        name = hosts[row.instance_id]["name"]
        if (row.state, row.verdict) not in ENDS[role(name)]:
            yield f"I5: {name} is {row.state} {row.verdict}: {row.reason}"
