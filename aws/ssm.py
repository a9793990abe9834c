"""Systems Manager Run Command behind `aws.ports.Ssm`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aws import documents
from aws.calls import Calls
from aws.ec2 import in_utc
from aws.errors import Missing, Refused
from aws.iam import iam
from aws.ports import INSTANCES_PER_COMMAND, Command, Invocation, ManagedNode, SendRequest

PAGE = 50  # the most that DescribeInstanceInformation, ListCommands and ListCommandInvocations give
COMMENT_LENGTH = 100


class SsmAdapter:
    """Managed nodes, commands and documents of one account and region."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @iam("ssm:DescribeInstanceInformation")
    def managed_nodes(self, ids: Sequence[str] | None = None) -> Iterator[ManagedNode]:
        """Every node with an agent that reported lately, or those of `ids`; stopped instances are not among them."""
        if ids is None:
            yield from self._nodes()
            return
        for start in range(0, len(ids), PAGE):
            yield from self._nodes_among(ids[start : start + PAGE])

    def _nodes_among(self, ids: Sequence[str]) -> Iterator[ManagedNode]:
        """AWS's page calls an id that it does not know an error; in practice it is left out. Both give the others."""
        try:
            found = list(self._nodes(Filters=[{"Key": "InstanceIds", "Values": list(ids)}]))
        except Missing:
            found = [node for node in self._nodes() if node.instance_id in ids]
        yield from found

    def _nodes(self, **narrowed: Any) -> Iterator[ManagedNode]:
        for page in self._calls.pages("DescribeInstanceInformation", PAGE, **narrowed):
            # one without an id is nobody's
            yield from (
                node_of(raw) for raw in page.get("InstanceInformationList", ()) if raw.get("InstanceId")
            )

    @iam("ssm:SendCommand")
    def send_command(self, request: SendRequest) -> Command:
        """One attempt, no SDK retry: Throttled is safe to repeat, Ambiguous must be looked up first."""
        _check_request(request)
        answer = self._calls.call_once(
            "SendCommand",
            DocumentName=request.document_name,
            DocumentVersion=request.document_version,
            InstanceIds=list(request.instance_ids),
            Parameters={name: list(values) for name, values in request.parameters.items()},
            Comment=request.comment,
            TimeoutSeconds=request.delivery_timeout_s,
            OutputS3BucketName=request.output_bucket,
            OutputS3KeyPrefix=request.output_prefix,
            # Thresholds are the engine's, between commands; AWS's own would stop hosts without a verdict.
            MaxConcurrency="100%",
            MaxErrors="100%",
        )
        return command_of(answer["Command"])

    @iam("ssm:ListCommands")
    def list_commands(self, *, document_name: str, invoked_after: datetime) -> Iterator[Command]:
        """Accepted commands of one document, newest first. A command just accepted may not show yet."""
        filters = [
            {"key": "InvokedAfter", "value": _instant_text(invoked_after)},
            {"key": "DocumentName", "value": document_name},
        ]
        for page in self._calls.pages("ListCommands", PAGE, Filters=filters):
            yield from map(command_of, page.get("Commands", ()))

    @iam("ssm:ListCommandInvocations")
    def list_invocations(self, command_id: str) -> Iterator[Invocation]:
        """Every instance of one command; empty for a while after SendCommand."""
        for page in self._calls.pages("ListCommandInvocations", PAGE, CommandId=command_id, Details=True):
            rows = page.get("CommandInvocations", ())
            yield from (listed_invocation(raw) for raw in rows if raw.get("InstanceId"))

    @iam("ssm:GetCommandInvocation")
    def get_invocation(self, command_id: str, instance_id: str) -> Invocation:
        """Up to 24,000 characters of output; raises Missing while AWS does not show it yet."""
        raw = self._calls.call("GetCommandInvocation", CommandId=command_id, InstanceId=instance_id)
        return single_invocation(raw)

    @iam("ssm:CancelCommand")
    def cancel_command(self, command_id: str) -> None:
        """Ask AWS to stop what has not run yet; a script that runs may go on. Raises Missing."""
        self._calls.call("CancelCommand", CommandId=command_id)

    @iam(
        "ssm:GetDocument",
        "ssm:CreateDocument",
        "ssm:UpdateDocument",
        "ssm:DescribeDocument",
        "ssm:UpdateDocumentDefaultVersion",
    )
    def publish_document(self, name: str, content: str) -> str:
        """Make `content` (YAML, schema 2.2) the default version of `name`; same content changes nothing.

        Returns the document version to name in SendCommand. Raises Refused with AWS's sentence.
        """
        return documents.publish(self._calls, name, content)


def node_of(raw: Mapping[str, Any]) -> ManagedNode:
    """One entry of DescribeInstanceInformation as our value."""
    return ManagedNode(
        instance_id=raw["InstanceId"],
        ping_status=raw.get("PingStatus", ""),
        agent_version=raw.get("AgentVersion", ""),
        platform_type=raw.get("PlatformType", ""),
        platform_name=raw.get("PlatformName", ""),
        platform_version=raw.get("PlatformVersion", ""),
        last_ping_at=in_utc(raw.get("LastPingDateTime")),
    )


def command_of(raw: Mapping[str, Any]) -> Command:
    """A Command of SendCommand or ListCommands as our value."""
    return Command(
        command_id=raw["CommandId"],
        comment=raw.get("Comment", ""),
        document_name=raw.get("DocumentName", ""),
        status=raw.get("Status", ""),
        requested_at=in_utc(raw.get("RequestedDateTime")),
        target_count=raw.get("TargetCount", 0),
        completed_count=raw.get("CompletedCount", 0),
        error_count=raw.get("ErrorCount", 0),
    )


def listed_invocation(raw: Mapping[str, Any]) -> Invocation:
    """An entry of ListCommandInvocations with Details: outputs of all steps, exit code of the last."""
    steps = raw.get("CommandPlugins", ())
    return Invocation(
        command_id=raw["CommandId"],
        instance_id=raw["InstanceId"],
        status=raw.get("Status", ""),
        status_details=raw.get("StatusDetails", ""),
        output="\n".join(step["Output"] for step in steps if step.get("Output")),
        response_code=steps[-1].get("ResponseCode", -1) if steps else -1,
    )


def single_invocation(raw: Mapping[str, Any]) -> Invocation:
    """The answer of GetCommandInvocation: standard output only."""
    return Invocation(
        command_id=raw["CommandId"],
        instance_id=raw["InstanceId"],
        status=raw.get("Status", ""),
        status_details=raw.get("StatusDetails", ""),
        output=raw.get("StandardOutputContent", ""),
        response_code=raw.get("ResponseCode", -1),
    )


def _check_request(request: SendRequest) -> None:
    count = len(request.instance_ids)
    if not 1 <= count <= INSTANCES_PER_COMMAND:
        raise _not_sent(f"it takes 1 to {INSTANCES_PER_COMMAND} instances, not {count}", "BatchSize")
    if len(request.comment) > COMMENT_LENGTH:
        length = len(request.comment)
        raise _not_sent(f"the comment has {length} characters, at most {COMMENT_LENGTH} fit", "CommentLength")


def _not_sent(why: str, code: str) -> Refused:
    return Refused(f"SendCommand was not sent: {why}.", code=code, operation="SendCommand")


def _instant_text(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise Refused(f"ListCommands was not sent: {moment} has no time zone.", operation="ListCommands")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
