"""The fleet of the contract tests, and how they talk to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from lab.server import LabServer

PORTAL, OTHER = "111122223333", "444455556666"
REGION, FAR = "eu-central-1", "us-east-1"
SCALE = 40.0
OUT = f"output/{PORTAL}"  # where hosts of the portal's account may store what they print
ENDED = {"Success", "Failed", "TimedOut", "Cancelled"}
# One attempt: a test must see what AWS says, not what the SDK makes of it.
ONCE = Config(
    retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20, parameter_validation=False
)


def scenario(hosts: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "accounts": [account(PORTAL), account(OTHER)],
        "defaults": {"account": PORTAL, "region": REGION, "pending": 4, "security": 2},
        "hosts": HOSTS if hosts is None else hosts,
    }


def account(account_id: str) -> dict[str, Any]:
    role = {"role_name": "PatchPortal", "external_id": "agreed"}
    return {"id": account_id, "regions": [REGION, FAR], **role}


HOSTS: list[dict[str, Any]] = [
    {"name": "web", "count": 4, "kernel_update": True, "tags": {"Owner": "ana"}},
    {"name": "asleep", "count": 2, "state": "stopped", "tags": {"Owner": "bo"}},
    {"name": "dozing", "state": "hibernated", "hibernation": True},
    {"name": "bare", "agent": "absent", "instance_profile": False},
    {"name": "silent", "agent": "offline"},
    {"name": "old", "agent_version": "3.3.2745.9"},
    {"name": "oldest", "agent_version": "3.0.283.9"},
    {"name": "win", "os": "windows2022", "kind": "scenario"},
    {"name": "imported", "os": "windows2022", "kind": "scenario", "platform_details": "Linux/UNIX"},
    {"name": "far", "region": FAR, "os": "amzn2023", "count": 50},
    {"name": "other", "account": OTHER, "os": "sles15"},
]


@cache
def client(url: str, service: str, key: str, region: str, **more: Any) -> Any:
    """Made once: a client costs more than the calls of a whole test."""
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key="any",
        config=ONCE,
        **more,
    )


@dataclass
class Aws:
    """Clients of a running lab."""

    server: LabServer

    @cached_property
    def hosts(self) -> dict[str, dict[str, Any]]:
        return {host["name"]: host for host in self.server.control("/lab/hosts")}

    def id(self, name: str) -> str:
        found: str = self.hosts[name]["instance_id"]
        return found

    def ids(self, *names: str) -> list[str]:
        return [self.id(name) for name in names]

    def client(self, service: str, key: str = PORTAL, region: str = REGION, **more: Any) -> Any:
        return client(self.server.url, service, key, region, **more)

    def assume(
        self, account_id: str, role: str = "PatchPortal", external_id: str = "agreed"
    ) -> dict[str, str]:
        arn = f"arn:aws:iam::{account_id}:role/{role}"
        answer = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="test", ExternalId=external_id)
        keys = answer["Credentials"]
        return {"key": keys["AccessKeyId"], "aws_session_token": keys["SessionToken"]}

    @cached_property
    def ec2(self) -> Any:
        return self.client("ec2")

    @cached_property
    def ssm(self) -> Any:
        return self.client("ssm")

    @cached_property
    def s3(self) -> Any:
        return self.client("s3")

    def fault(self, host: str, fault: str, on: bool = True) -> None:
        self.server.control("/lab/fault", {"host": host, "fault": fault, "on": on})

    def keep_down(self, host: str) -> None:
        """The next restart of the host takes until `let_up`: a test can look at it while it is down."""
        self.fault(host, "reboot_lost")

    def let_up(self, host: str) -> None:
        eventually(lambda: self.ping(host) == "ConnectionLost")
        self.fault(host, "reboot_lost", on=False)

    @cached_property
    def far(self) -> Aws:
        """The same lab, seen from the other region."""
        there = Aws(self.server)
        there.ssm, there.ec2 = self.client("ssm", region=FAR), self.client("ec2", region=FAR)
        return there

    def publish(self, *scripts: str, name: str = "Test-Doc", parameters: Any = None, **inputs: Any) -> str:
        """A document with one step per script; a document of this name gets another version."""
        content = document(*scripts, parameters=parameters, **inputs)
        return self.publish_text(content, name)

    def publish_text(self, content: str, name: str = "Test-Doc") -> str:
        common = {"Name": name, "Content": content, "DocumentFormat": "YAML"}
        try:
            self.ssm.create_document(**common, DocumentType="Command")
        except self.ssm.exceptions.DocumentAlreadyExists:
            try:
                new = self.ssm.update_document(**common, DocumentVersion="$LATEST")
            except self.ssm.exceptions.DuplicateDocumentContent:
                self.ssm.delete_document(Name=name)
                return self.publish_text(content, name)
            version = new["DocumentDescription"]["DocumentVersion"]
            self.ssm.update_document_default_version(Name=name, DocumentVersion=version)
        return name

    def send(self, ids: list[str], *scripts: str, parameters: Any = None, **request: Any) -> str:
        """Publish and send; the command's id."""
        name = self.publish(*scripts) if scripts else request.pop("DocumentName")
        given = {"Parameters": parameters} if parameters else {}
        answer = self.ssm.send_command(DocumentName=name, InstanceIds=ids, **given, **request)
        found: str = answer["Command"]["CommandId"]
        return found

    def ended(self, command_id: str, within_s: float = 20.0) -> dict[str, dict[str, Any]]:
        """The invocations by instance id once all have ended."""

        def over() -> list[dict[str, Any]]:
            rows = self.invocations(command_id)
            return rows if rows and all(row["Status"] in ENDED for row in rows) else []

        return {row["InstanceId"]: row for row in eventually(over, within_s)}

    def invocations(self, command_id: str) -> list[dict[str, Any]]:
        answer = self.ssm.list_command_invocations(CommandId=command_id, Details=True)
        found: list[dict[str, Any]] = answer["CommandInvocations"]
        return found

    def run(self, host: str, *scripts: str, **request: Any) -> dict[str, Any]:
        """One host's invocation at its end, as GetCommandInvocation tells it."""
        command_id = self.send(self.ids(host), *scripts, **request)
        self.ended(command_id)
        step = {"PluginName": "step1"} if len(scripts) > 1 else {}
        found: dict[str, Any] = self.ssm.get_command_invocation(
            CommandId=command_id, InstanceId=self.id(host), **step
        )
        return found

    def state(self, name: str) -> str:
        answer = self.ec2.describe_instances(InstanceIds=self.ids(name))
        found: str = answer["Reservations"][0]["Instances"][0]["State"]["Name"]
        return found

    def ping(self, name: str) -> str:
        """PingStatus, or `absent`."""
        filters = [{"Key": "InstanceIds", "Values": self.ids(name)}]
        rows = self.ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
        return rows[0]["PingStatus"] if rows else "absent"


def document(*scripts: str, parameters: Any = None, action: str = "aws:runShellScript", **inputs: Any) -> str:
    steps = [
        {"action": action, "name": f"step{i}", "inputs": {"runCommand": script.splitlines(), **inputs}}
        for i, script in enumerate(scripts, start=1)
    ]
    head = {"parameters": parameters} if parameters else {}
    return yaml.safe_dump({"schemaVersion": "2.2", **head, "mainSteps": steps})


def eventually(look: Callable[[], Any], within_s: float = 20.0) -> Any:
    """The first true answer; the last one when time runs out fails the test."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"still {found!r} after {within_s} s"
        time.sleep(0.03)
    return found


def steps_of(aws: Aws, host: str, content: str, **request: Any) -> list[dict[str, Any]]:
    """Publish a document, run it on one host: its steps at the end, as ListCommandInvocations tells them."""
    name = aws.publish_text(content, "Steps")
    row = aws.ended(aws.send(aws.ids(host), DocumentName=name, **request))[aws.id(host)]
    return [{**step, "whole": row["Status"], "trace": row["TraceOutput"]} for step in row["CommandPlugins"]]


def many(*steps: tuple[str, dict[str, Any]], parameters: Any = None) -> str:
    """A document of several steps, each with inputs of its own."""
    body = yaml.safe_load(document(*(script for script, _ in steps), parameters=parameters))
    for step, (_, inputs) in zip(body["mainSteps"], steps, strict=True):
        step["inputs"] |= inputs
    return yaml.safe_dump(body)


def code(error: ClientError) -> str:
    found: str = error.response["Error"]["Code"]
    return found
