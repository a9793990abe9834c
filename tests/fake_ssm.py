"""SSM of the AWS in memory: commands answer at once with the report of their host."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from aws.errors import CloudError
from aws.ports import Command, Invocation, ManagedNode, SendRequest
from tests.fake_reports import report_text
from tests.outputs import listed

if TYPE_CHECKING:
    from tests.fakes import FakeCloud, FakeHost


# what an agent tells of its system: type, name, version
SYSTEMS = {
    "linux": ("Linux", "Debian GNU/Linux", "12"),
    "windows": ("Windows", "Microsoft Windows Server 2022 Datacenter", "10.0.20348"),
}


@dataclass
class FakeSsm:
    cloud: FakeCloud
    account: str
    region: str

    def managed_nodes(self, ids: Sequence[str] | None = None) -> Iterator[ManagedNode]:
        self.cloud.call("DescribeInstanceInformation", ids or ())
        asked = self.cloud.hosts if ids is None else ids
        for host in [host for item, host in self.cloud.hosts.items() if item in asked]:
            item = host.instance
            if (item.account_id, item.region) == (self.account, self.region) and item.state == "running":
                ping = "Online" if host.online else "ConnectionLost"
                system = SYSTEMS[host.runs or item.platform]
                yield ManagedNode(item.instance_id, ping, "3.3.1", *system, self.cloud.clock())

    def send_command(self, request: SendRequest) -> Command:
        self.cloud.call("SendCommand", request.instance_ids)
        if not 1 <= len(request.instance_ids) <= 50:
            raise CloudError("SendCommand takes 1 to 50 instances.")
        command = Command(
            str(uuid.uuid4()), request.comment, request.document_name, "Pending", self.cloud.clock(),
            len(request.instance_ids), len(request.instance_ids),
        )  # fmt: skip
        for item in request.instance_ids:
            self._execute(self.cloud.hosts[item], request, command)
        self.cloud.commands[command.command_id] = (command, request)
        self.cloud.after("SendCommand")
        return command

    def _execute(self, host: FakeHost, request: SendRequest, command: Command) -> None:
        """The host guards itself by the dispatch id, as the real document does."""
        dispatch = request.parameters["DispatchId"][0]
        patching = "Patch" in request.document_name.split("-")[1]
        first = dispatch not in host.executed
        if patching and first and not host.silent:
            host.executed.append(dispatch)
        text = report_text(host, request, command.command_id, "patch" if patching else "precheck")
        key = f"{request.output_prefix}/{command.command_id}/{host.instance.instance_id}/awsrunShellScript/s/stdout"
        self.cloud.stored[key] = text.encode()
        self.cloud.printed[command.command_id, host.instance.instance_id] = text

    def list_commands(self, *, document_name: str, invoked_after: datetime) -> Iterator[Command]:
        self.cloud.call("ListCommands")
        for command, _ in self.cloud.commands.values():
            if (
                command.document_name == document_name
                and (command.requested_at or invoked_after) >= invoked_after
            ):
                done = len([i for i in self._invocations(command.command_id) if i.terminal])
                yield replace(command, completed_count=done)

    def list_invocations(self, command_id: str) -> Iterator[Invocation]:
        self.cloud.call("ListCommandInvocations")
        yield from self._invocations(command_id)

    def _invocations(self, command_id: str) -> list[Invocation]:
        _, request = self.cloud.commands[command_id]
        found = []
        for item in request.instance_ids:
            host = self.cloud.hosts[item]
            looks_back = bool(request.parameters.get("AfterDispatch", [""])[0])
            silent = (host.silent and "-Patch-" in request.document_name) or (host.gone_silent and looks_back)
            status = ("InProgress", "InProgress") if silent else ("Success", "Success")
            found.append(
                Invocation(command_id, item, *status, listed(self.cloud.printed.get((command_id, item), "")))
            )
        return found

    def get_invocation(self, command_id: str, instance_id: str) -> Invocation:
        self.cloud.call("GetCommandInvocation", (instance_id,))
        found = next(i for i in self._invocations(command_id) if i.instance_id == instance_id)
        return replace(found, output=self.cloud.printed.get((command_id, instance_id), "")[:24_000])

    def cancel_command(self, command_id: str) -> None:
        self.cloud.call("CancelCommand")

    def publish_document(self, name: str, content: str) -> str:
        self.cloud.call("CreateDocument")
        if refusal := self.cloud.refuses_documents_in.get(self.account):
            raise refusal
        self.cloud.documents[name] = content
        return "1"
