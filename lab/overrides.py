"""Puts our operations in the place of moto's. Touches moto's internals: moto is pinned, contract tests watch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.responses import EC2Response
from moto.elbv2.models import FakeTargetGroup
from moto.s3.models import FakeBucket, S3Backend
from moto.ssm.responses import SimpleSystemManagerResponse
from moto.sts.responses import TokenResponse

from lab import objects, sts
from lab.ec2 import attributes, describe, powering, profiles, snapshots, tags, target_health
from lab.ssm import documents, listing, nodes, send, versions

# Moto calls the method that has the operation's name in snake case.
OPERATIONS: dict[type, tuple[Callable[..., Any], ...]] = {
    EC2Response: (
        describe.describe_instances,
        describe.describe_tags,
        attributes.describe_instance_attribute,
        attributes.modify_instance_attribute,
        tags.create_tags,
        tags.delete_tags,
        powering.start_instances,
        powering.stop_instances,
        powering.terminate_instances,
        powering.reboot_instances,
        powering.run_instances,
        profiles.associate_iam_instance_profile,
        snapshots.create_snapshot,
        snapshots.describe_snapshots,
        snapshots.delete_snapshot,
        snapshots.create_replace_root_volume_task,
        snapshots.describe_replace_root_volume_tasks,
    ),
    SimpleSystemManagerResponse: (
        documents.create_document,
        documents.update_document,
        versions.list_document_versions,
        send.send_command,
        send.cancel_command,
        listing.list_commands,
        listing.list_command_invocations,
        listing.get_command_invocation,
        nodes.describe_instance_information,
    ),
    FakeTargetGroup: (target_health.health_for,),
    TokenResponse: (sts.assume_role,),
    FakeBucket: (objects.get_permission,),
    S3Backend: (objects.put_object, objects.delete_object),
}


_originals: dict[tuple[type, str], Any] = {}


def install() -> None:
    """Until `remove`, for the whole process."""
    for owner, operations in OPERATIONS.items():
        for operation in operations:
            name = operation.__name__
            _originals[owner, name] = vars(owner).get(name)
            setattr(owner, name, operation)


def remove() -> None:
    """Stock moto again, for whoever uses it next in this process."""
    for (owner, name), original in _originals.items():
        if original is None:  # it was inherited
            delattr(owner, name)
        else:
            setattr(owner, name, original)
    _originals.clear()
