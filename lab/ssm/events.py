"""Status changes as EventBridge events into moto's rules."""

from __future__ import annotations

import sys
import time
import traceback
import uuid
from datetime import datetime
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
    for rule in list(backend.event_buses["default"].rules.values()):
        try:
            rule.send_to_targets(event(command, kind, detail, resources), transform_input=False)
        except Exception:  # noqa: BLE001 - a broken rule target must not stop commands; events are best effort
            traceback.print_exc(file=sys.stderr)


def event(command: Command, kind: str, detail: dict[str, str], resources: list[str]) -> Any:
    """The event as rules see it; customers could not put one with this source."""
    whole = {
        "command-id": command.id,
        "document-name": command.request["DocumentName"],
        "requested-date-time": stamp(command.requested),
        **detail,
    }
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": kind,
        "source": "aws.ssm",
        "account": command.account,
        "time": time.time(),  # moto writes it as text
        "region": command.region,
        "resources": resources,
        "detail": whole,
    }


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
