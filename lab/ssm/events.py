"""Status changes as EventBridge events into moto's rules."""

from __future__ import annotations

import json
import sys
import traceback
from typing import Any

from moto.events.models import events_backends

from lab.ssm.commands import Command, Invocation


def invocation_changed(command: Command, invocation: Invocation) -> None:
    """`EC2 Command Invocation Status-change Notification`."""
    detail = {"instance-id": invocation.instance_id, "status": invocation.status}
    arn = f"arn:aws:ec2:{command.region}:{command.account}:instance/{invocation.instance_id}"
    put(command, "EC2 Command Invocation Status-change Notification", detail, [arn])


def command_changed(command: Command, status: str) -> None:
    """`EC2 Command Status-change Notification`."""
    put(command, "EC2 Command Status-change Notification", {"status": status}, [])


def put(command: Command, kind: str, detail: dict[str, str], resources: list[str]) -> None:
    backend = events_backends[command.account][command.region]
    if not any(bus.rules for bus in backend.event_buses.values()):
        return
    try:
        backend.put_events([entry(command, kind, detail, resources)])
    except Exception:  # noqa: BLE001 - a broken rule target must not stop commands; events are best effort
        traceback.print_exc(file=sys.stderr)


def entry(command: Command, kind: str, detail: dict[str, str], resources: list[str]) -> dict[str, Any]:
    whole = {
        "command-id": command.id,
        "document-name": command.request["DocumentName"],
        "requested-date-time": command.requested.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **detail,
    }
    return {"Source": "aws.ssm", "DetailType": kind, "Detail": json.dumps(whole), "Resources": resources}
