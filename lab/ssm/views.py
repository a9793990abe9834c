"""Commands and invocations in the shapes of the API."""

from __future__ import annotations

from typing import Any

from lab.ssm.commands import Command, Invocation, StepResult
from lab.ssm.output import STDERR_LIMIT, STDOUT_LIMIT, answered, complained, cut, listed
from lab.ssm.statuses import NOT_OVER, Status


def command_view(command: Command) -> dict[str, Any]:
    """A Command of SendCommand and ListCommands."""
    status, details = command.roll_up()
    ends = [one.details for one in command.invocations.values()]
    return {
        "CommandId": command.id,
        "DocumentName": command.request["DocumentName"],
        "DocumentVersion": command.request.get("DocumentVersion", "$DEFAULT"),
        "Comment": command.request.get("Comment", ""),
        "ExpiresAfter": command.expires,
        "Parameters": command.request.get("Parameters", {}),
        "InstanceIds": command.request.get("InstanceIds", []),
        "Targets": command.request.get("Targets", []),
        "RequestedDateTime": command.requested,
        "Status": status,
        "StatusDetails": details,
        "OutputS3Region": command.region,
        "OutputS3BucketName": command.request.get("OutputS3BucketName", ""),
        "OutputS3KeyPrefix": command.request.get("OutputS3KeyPrefix", ""),
        "MaxConcurrency": command.request.get("MaxConcurrency", "50"),
        "MaxErrors": command.request.get("MaxErrors", "0"),
        "TargetCount": len(ends),
        "CompletedCount": command.completed,
        "ErrorCount": command.errors,
        "DeliveryTimedOutCount": ends.count(Status.DELIVERY_TIMED_OUT),
        "ServiceRole": command.request.get("ServiceRoleArn", ""),
        "TimeoutSeconds": int(command.delivery_timeout_s),
    }


def invocation_view(command: Command, invocation: Invocation, *, details: bool) -> dict[str, Any]:
    """An entry of ListCommandInvocations."""
    return {
        "CommandId": command.id,
        "InstanceId": invocation.instance_id,
        "InstanceName": invocation.instance_name,
        "Comment": command.request.get("Comment", ""),
        "DocumentName": command.request["DocumentName"],
        "DocumentVersion": command.request.get("DocumentVersion", "$DEFAULT"),
        "RequestedDateTime": invocation.requested,
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
        "TraceOutput": invocation.trace,
        "CommandPlugins": [plugin_view(command, step) for step in invocation.steps] if details else [],
        "ServiceRole": command.request.get("ServiceRoleArn", ""),
    }


def plugin_view(command: Command, step: StepResult) -> dict[str, Any]:
    """One step; its output shows only once it ended."""
    over = step.status not in NOT_OVER
    view: dict[str, Any] = {
        "Name": step.name,
        "Status": step.status,
        "StatusDetails": step.details,
        "ResponseCode": step.code if over else -1,
        "Output": listed(step) if over else "",
        "StandardOutputUrl": url(command, step, "stdout"),
        "StandardErrorUrl": url(command, step, "stderr"),
        "OutputS3Region": command.region,
        "OutputS3BucketName": command.request.get("OutputS3BucketName", ""),
        "OutputS3KeyPrefix": step.s3 or command.request.get("OutputS3KeyPrefix", ""),
    }
    times = {"ResponseStartDateTime": step.started, "ResponseFinishDateTime": step.finished}
    return view | {key: at for key, at in times.items() if at}


def url(command: Command, step: StepResult, name: str) -> str:
    bucket = command.request.get("OutputS3BucketName", "")
    return f"https://s3.{command.region}.amazonaws.com/{bucket}/{step.s3}/{name}" if step.s3 else ""


def step_view(command: Command, invocation: Invocation, step: StepResult) -> dict[str, Any]:
    """The answer of GetCommandInvocation for one step; empty output until the invocation ended."""
    over = invocation.terminal
    stamp = "%Y-%m-%dT%H:%M:%S.%fZ"
    return {
        "CommandId": command.id,
        "InstanceId": invocation.instance_id,
        "Comment": command.request.get("Comment", ""),
        "DocumentName": command.request["DocumentName"],
        "DocumentVersion": command.request.get("DocumentVersion", "$DEFAULT"),
        "PluginName": step.name,
        "ResponseCode": step.code if over else -1,
        "ExecutionStartDateTime": step.started.strftime(stamp) if step.started else "",
        "ExecutionElapsedTime": elapsed(step),
        "ExecutionEndDateTime": step.finished.strftime(stamp) if step.finished else "",
        "Status": invocation.status,
        "StatusDetails": invocation.details,
        "StandardOutputContent": cut(answered(step), STDOUT_LIMIT) if over else "",
        "StandardOutputUrl": url(command, step, "stdout"),
        "StandardErrorContent": cut(complained(step), STDERR_LIMIT) if over else "",
        "StandardErrorUrl": url(command, step, "stderr"),
        "CloudWatchOutputConfig": {"CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": False},
    }


def elapsed(step: StepResult) -> str:
    if not (step.started and step.finished):
        return ""
    return f"PT{(step.finished - step.started).total_seconds():.3f}S"
