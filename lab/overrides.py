"""Puts our operations in the place of moto's. Touches moto's internals: moto is pinned, contract tests watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.responses import EC2Response
from moto.ssm.responses import SimpleSystemManagerResponse
from moto.sts.responses import TokenResponse

from lab import sts
from lab.ec2 import describe, powering, tags
from lab.ssm import documents, listing, nodes, send

# Moto calls the method that has the operation's name in snake case.
OPERATIONS: dict[type, tuple[Callable[..., Any], ...]] = {
    EC2Response: (
        describe.describe_instances,
        describe.describe_tags,
        tags.create_tags,
        tags.delete_tags,
        powering.start_instances,
        powering.stop_instances,
        powering.terminate_instances,
        powering.reboot_instances,
        powering.run_instances,
    ),
    SimpleSystemManagerResponse: (
        documents.create_document,
        documents.update_document,
        send.send_command,
        send.cancel_command,
        listing.list_commands,
        listing.list_command_invocations,
        listing.get_command_invocation,
        nodes.describe_instance_information,
    ),
    TokenResponse: (sts.assume_role,),
}


def install() -> None:
    """Idempotent; holds for the whole process."""
    for response, operations in OPERATIONS.items():
        for operation in operations:
            setattr(response, operation.__name__, operation)
