"""Where output goes: cut for the API, whole to S3."""

from __future__ import annotations

from moto.s3.models import s3_backends

from lab import permissions
from lab import world as worlds
from lab.ssm.commands import Command, Invocation, StepResult

STDOUT_LIMIT, STDERR_LIMIT, LISTED_LIMIT = 24_000, 8_000, 2_500  # bytes, the suffix included
AGENT_STDERR_LIMIT = 24_000  # the agent sends more of stderr than the service shows
SUFFIX = b"--output truncated--"
ERROR_RULE = b"\n----------ERROR-------\n"


def cut(data: bytes, limit: int) -> str:
    """The first bytes; a character cut in half becomes a replacement mark, as in AWS."""
    return shortened(data, limit).decode("utf-8", "replace")


def shortened(data: bytes, limit: int) -> bytes:
    return data if len(data) <= limit else data[: limit - len(SUFFIX)] + SUFFIX


def listed(step: StepResult) -> str:
    """What ListCommandInvocations shows: stdout, then stderr below a rule, 2,500 together."""
    if step.told:
        return step.told
    return cut(step.stdout + (ERROR_RULE + step.stderr if step.stderr else b""), LISTED_LIMIT)


def answered(step: StepResult) -> bytes:
    """stdout as the agent sends it: cut, then its own words; the service cuts again."""
    return shortened(step.stdout, STDOUT_LIMIT) + step.added.encode()


def complained(step: StepResult) -> bytes:
    """stderr as the agent sends it."""
    return b"" if step.mute else shortened(step.stderr, AGENT_STDERR_LIMIT) + step.added.encode()


def step_prefix(command: Command, instance_id: str, step: StepResult) -> str:
    """`<prefix>/<command>/<instance>/awsrunShellScript/<step>`."""
    plugin = step.action.replace("aws:", "aws")
    parts = (command.request.get("OutputS3KeyPrefix", ""), command.id, instance_id, plugin, step.name)
    return "/".join(part for part in parts if part)


def unreachable(command: Command, faults: set[str]) -> bool:
    """The bucket does not answer: there is none, or the host has no way to it."""
    bucket = command.request.get("OutputS3BucketName", "")
    return bool(bucket) and ("results_unreachable" in faults or bucket not in s3_backends.bucket_accounts)


def store_in_s3(command: Command, invocation: Invocation, *, allowed: bool) -> None:
    """Full copies into the bucket, whichever account owns it. Denied or no such bucket: nothing, as in AWS."""
    bucket = command.request.get("OutputS3BucketName", "")
    owner = s3_backends.bucket_accounts.get(bucket)
    if not allowed or owner is None:
        return
    partition, account = owner
    backend, world = s3_backends[account][partition], worlds.current()
    host = world.fleet.get(invocation.instance_id)
    for step in invocation.steps:
        step.s3 = step_prefix(command, invocation.instance_id, step)
        for name, data in (("stdout", step.stdout), ("stderr", step.stderr)):
            key = f"{step.s3}/{name}"
            if data and host and permissions.may_store(world, host, bucket, key):
                backend.put_object(bucket, key, data)
