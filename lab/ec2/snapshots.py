"""Snapshots of root volumes, and putting one back: what moto lacks or cannot know of our hosts."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.responses import EC2Response

from lab import power
from lab import world as worlds
from lab.ec2.describe import matcher
from lab.ec2.errors import EC2ClientError, named
from lab.ec2.volumes import Snapshot, Task, Volumes
from lab.fleet import Host

SWAP_S = 5.0  # in-progress, before the host goes down for its new volume


def create_snapshot(response: EC2Response) -> ActionResult:
    """CreateSnapshot of a root volume: what the host has now, though the copy takes its time."""
    response.error_on_dryrun()
    world = worlds.current()
    tags = response._parse_tag_specification().get("snapshot", {})
    with world.lock:
        host = host_of(world, response, response._get_param("VolumeId"))
        if "snapshot_refused" in host.faults:
            raise EC2ClientError(
                "IncorrectState", "The volume is in a state from which no snapshot can be made."
            )
        made = world.volumes.take(host, response._get_param("Description") or "", dict(tags))
    world.timers.after(world.delays.snapshot_s, lambda: complete(world, made))
    return ActionResult(view(made))


def complete(world: worlds.World, made: Snapshot) -> None:
    with world.lock:
        made.state = "completed"
        world.volumes.write()


def host_of(world: worlds.World, response: EC2Response, volume_id: str) -> Host:
    for host in world.fleet.at(response.current_account, response.region).values():
        if world.volumes.root_of(host) == volume_id:
            return host
    raise EC2ClientError("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")


def mine(response: EC2Response) -> list[Snapshot]:
    place = (response.current_account, response.region)
    known = worlds.current().volumes.snapshots.values()
    return [item for item in known if (item.account, item.region) == place]


def describe_snapshots(response: EC2Response) -> ActionResult:
    """DescribeSnapshots: ids, and the filters that are asked of it here."""
    world = worlds.current()
    ids = response._get_param("SnapshotIds", [])
    filters = response._filters_from_querystring()
    with world.lock:
        rows = mine(response)
        if unknown := set(ids) - {item.snapshot_id for item in rows}:
            raise missing(sorted(unknown)[0])
        rows = [item for item in rows if not ids or item.snapshot_id in ids]
        shown = [view(item) for item in rows if fits(item, filters)]
    return ActionResult({"Snapshots": shown})


def fits(item: Snapshot, filters: dict[str, Any]) -> bool:
    return all(any(matcher(value)(text(item, name)) for value in values) for name, values in filters.items())


def text(item: Snapshot, name: str) -> str:
    known = {"snapshot-id": item.snapshot_id, "volume-id": item.volume_id, "status": item.state}
    if name.startswith("tag:"):
        return item.tags.get(name.removeprefix("tag:"), "\0")
    if name not in known:
        raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return known[name]


def delete_snapshot(response: EC2Response) -> ActionResult:
    """DeleteSnapshot: for good; an unknown one is an error."""
    response.error_on_dryrun()
    world = worlds.current()
    with world.lock:
        identity = response._get_param("SnapshotId")
        if identity not in {item.snapshot_id for item in mine(response)}:
            raise missing(identity)
        world.volumes.forget(identity)
    return EmptyResult()


def create_replace_root_volume_task(response: EC2Response) -> ActionResult:
    """CreateReplaceRootVolumeTask from a snapshot: running instances only; the same token gives the same task."""
    response.error_on_dryrun()
    world = worlds.current()
    token = response._get_param("ClientToken") or str(uuid.uuid4())
    with world.lock:
        place = world.fleet.at(response.current_account, response.region)
        host = named(place, [response._get_param("InstanceId")])[0]
        snapshot_id = response._get_param("SnapshotId")
        if token not in world.volumes.tasks:
            check(world.volumes, response, host, snapshot_id)
        task, new = world.volumes.task(token, host, snapshot_id)
    if new:
        world.timers.after(1.0, lambda: begin(world, host, task))
    return ActionResult({"ReplaceRootVolumeTask": task_view(task)})


def check(volumes: Volumes, response: EC2Response, host: Host, snapshot_id: str) -> None:
    if host.state != "running":
        raise EC2ClientError(
            "IncorrectInstanceState",
            f"The instance '{host.instance_id}' is not in a state in which its root volume can be replaced.",
        )
    item = next((one for one in mine(response) if one.snapshot_id == snapshot_id), None)
    if item is None:
        raise missing(snapshot_id)
    if item.state != "completed":
        raise EC2ClientError("IncorrectState", f"The snapshot '{snapshot_id}' is not completed.")
    if item.volume_id not in volumes.all_of(host):
        raise EC2ClientError(
            "InvalidParameterValue",
            f"The snapshot '{snapshot_id}' was not made of a root volume of '{host.instance_id}'.",
        )


def begin(world: worlds.World, host: Host, task: Task) -> None:
    with world.lock:
        task.state = "in-progress"
    world.timers.after(SWAP_S, lambda: swap(world, host, task))


def swap(world: worlds.World, host: Host, task: Task) -> None:
    """The host goes down, comes up on the files of the snapshot, and the task has succeeded."""
    with world.lock:
        if host.state != "running" or "restore_fails" in host.faults:
            end(world, task, "failed")
            return
        power.go_down(world, host)
        host.rebooting = True
        world.volumes.put_back(host, task.snapshot_id)
        power.later(world, host, world.delays.reboot_s, power.booted)
        end(world, task, "succeeded")


def end(world: worlds.World, task: Task, state: str) -> None:
    task.state, task.completed_at = state, datetime.now(UTC).isoformat()
    world.volumes.write()


def describe_replace_root_volume_tasks(response: EC2Response) -> ActionResult:
    """DescribeReplaceRootVolumeTasks: by task ids or the filter instance-id."""
    world = worlds.current()
    ids = response._get_param("ReplaceRootVolumeTaskIds", [])
    filters = response._filters_from_querystring()
    with world.lock:
        here = world.fleet.at(response.current_account, response.region)
        rows = [task for task in world.volumes.tasks.values() if task.instance_id in here]
        if unknown := set(ids) - {task.task_id for task in rows}:
            code = "InvalidReplaceRootVolumeTaskId.NotFound"
            raise EC2ClientError(code, f"The task '{sorted(unknown)[0]}' does not exist.")
        rows = [task for task in rows if not ids or task.task_id in ids]
        for value in filters.values():
            rows = [task for task in rows if task.instance_id in value]
        return ActionResult({"ReplaceRootVolumeTasks": [task_view(task) for task in rows]})


def view(item: Snapshot) -> dict[str, Any]:
    return {
        "SnapshotId": item.snapshot_id,
        "VolumeId": item.volume_id,
        "State": item.state,
        "Progress": "100%" if item.state == "completed" else "0%",
        "StartTime": datetime.fromisoformat(item.started_at),
        "OwnerId": item.account,
        "Description": item.description,
        "VolumeSize": 8,
        "Encrypted": False,
        "Tags": [{"Key": key, "Value": value} for key, value in item.tags.items()],
    }


def task_view(task: Task) -> dict[str, Any]:
    shown = {
        "ReplaceRootVolumeTaskId": task.task_id,
        "InstanceId": task.instance_id,
        "SnapshotId": task.snapshot_id,
        "TaskState": task.state,
        "StartTime": task.started_at,
        "DeleteReplacedRootVolume": False,
    }
    return shown | ({"CompleteTime": task.completed_at} if task.completed_at else {})


def missing(snapshot_id: str) -> EC2ClientError:
    return EC2ClientError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
