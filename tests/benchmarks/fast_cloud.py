"""An AWS in memory that costs next to nothing, for measuring the engine itself. It keeps time of its own cost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from aws.errors import Missing
from aws.ports import Command, Instance, Invocation, ManagedNode, SendRequest
from tests.fake_reports import report_text
from tests.fakes import FakeHost
from tests.outputs import listed

REQUESTS_IN_A_PAGE = 50


def id_of(number: int) -> str:
    return f"i-{number:017x}"


def number_of(instance_id: str) -> int:
    return int(instance_id[2:], 16)


class FastCloud:
    """Every account and region in one; `cost_s` is the CPU time spent in here.

    Hosts answer `answers_after` the send, at once unless told otherwise. A host is its number, and a tag that a fleet
    bears is one byte a host, so that the memory measured is the engine's.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.hosts = 0
        self.tags: dict[tuple[str, str], bytearray] = {}  # (key, value) → 1 for each host that bears it
        self.commands: dict[str, tuple[Command, SendRequest]] = {}
        self.trials: dict[str, bytes] = {}  # objects of trials: all others are made when they are read
        self.calls: Counter[str] = Counter()
        self.cost_s = 0.0
        self.answers_after = timedelta(0)
        self.before: Callable[[str], None] = lambda operation: None  # e.g. waits for the operation's token

    @contextmanager
    def call(self, operation: str) -> Iterator[None]:
        self.before(operation)
        began = time.process_time()
        self.calls[operation] += 1
        try:
            yield
        finally:
            self.cost_s += time.process_time() - began

    def add(self, hosts: int) -> list[str]:
        """So many more hosts; returns their ids."""
        first, self.hosts = self.hosts, self.hosts + hosts
        return [id_of(number) for number in range(first, self.hosts)]

    def instance(self, account_id: str, region: str, instance_id: str) -> Instance:
        tags = {"Name": instance_id, "Application": "payments", "Owner": "payments-team"}
        number = number_of(instance_id)
        tags |= {key: value for (key, value), bearers in self.tags.items() if bearers[number]}
        return Instance(account_id, region, instance_id, "running", "linux", tags=tags)

    def set_tag(self, instance_ids: Sequence[str], key: str, value: str | None) -> None:
        for other in (bearers for (name, _), bearers in self.tags.items() if name == key):
            for item in instance_ids:
                other[number_of(item)] = 0
        if value is not None:
            bearers = self.tags.setdefault((key, value), bytearray(self.hosts))
            for item in instance_ids:
                bearers[number_of(item)] = 1

    def ec2(self, account_id: str, region: str) -> FastPlace:
        return FastPlace(self, account_id, region)

    ssm = alarms = identity = ec2

    def objects(self) -> FastObjects:
        return FastObjects(self)

    def report(self, command_id: str, instance_id: str) -> str:
        """Made when it is read, so that it takes no memory."""
        command, request = self.commands[command_id]
        phase = "patch" if "-Patch-" in command.document_name else "precheck"
        return report_text(FakeHost(self.instance("", "", instance_id)), request, command_id, phase)


class FastPlace:
    """EC2 and Systems Manager of one account and region."""

    def __init__(self, cloud: FastCloud, account_id: str, region: str) -> None:
        self.cloud, self.account_id, self.region = cloud, account_id, region

    def describe_instances(self) -> Iterator[Instance]:
        raise AssertionError("the engine describes only what it works on")

    def describe(self, instance_ids: Sequence[str]) -> list[Instance]:
        with self.cloud.call("DescribeInstances"):
            return [self.cloud.instance(self.account_id, self.region, item) for item in instance_ids]

    def create_tags(self, instance_ids: Sequence[str], tags: Mapping[str, str]) -> None:
        with self.cloud.call("CreateTags"):
            for key, value in tags.items():
                self.cloud.set_tag(instance_ids, key, value)

    def delete_tags(self, instance_ids: Sequence[str], keys: Sequence[str]) -> None:
        with self.cloud.call("DeleteTags"):
            for key in keys:
                self.cloud.set_tag(instance_ids, key, None)

    def start_instances(self, instance_ids: Sequence[str]) -> None:
        raise AssertionError("every host of the benchmark runs")

    stop_instances = start_instances

    def may_write_tags(self, instance_id: str, key: str) -> None:
        with self.cloud.call("DryRun"):
            return

    def managed_nodes(self, ids: Sequence[str] | None = None) -> Iterator[ManagedNode]:
        """Asked by the trial ahead of a run, and before each send: every agent is connected."""
        with self.cloud.call("DescribeInstanceInformation"):
            yield from [ManagedNode(item, "Online") for item in ids or ()]

    def send_command(self, request: SendRequest) -> Command:
        with self.cloud.call("SendCommand"):
            many, name = len(request.instance_ids), f"c-{len(self.cloud.commands)}"
            command = Command(
                name, request.comment, request.document_name, "Success", self.cloud.clock(), many, many
            )
            self.cloud.commands[name] = (command, request)
            return command

    def list_commands(
        self, *, document_name: str = "", invoked_after: datetime, **_: Any
    ) -> Iterator[Command]:
        with self.cloud.call("ListCommands"):
            found = []
            for command, _request in reversed(self.cloud.commands.values()):
                if (command.requested_at or invoked_after) < invoked_after:
                    break
                if document_name in {"", command.document_name}:
                    found.append(self._as_it_is(command))
        self.cloud.calls["ListCommands"] += max(0, -(-len(found) // REQUESTS_IN_A_PAGE) - 1)
        yield from found

    def _as_it_is(self, command: Command) -> Command:
        asked = command.requested_at or self.cloud.clock()
        answered = self.cloud.clock() >= asked + self.cloud.answers_after
        return command if answered else replace(command, status="InProgress", completed_count=0)

    def list_invocations(self, command_id: str) -> Iterator[Invocation]:
        with self.cloud.call("ListCommandInvocations"):
            found = [
                Invocation(
                    command_id, item, "Success", "Success", listed(self.cloud.report(command_id, item))
                )
                for item in self.cloud.commands[command_id][1].instance_ids
            ]
        yield from found

    def get_invocation(self, command_id: str, instance_id: str) -> Invocation:
        raise AssertionError("every report is in S3")

    def cancel_command(self, command_id: str) -> None:
        raise AssertionError("nothing is cancelled")

    def publish_document(self, name: str, content: str) -> str:
        with self.cloud.call("CreateDocument"):
            return "1"


class FastObjects:
    """Reports are made when they are read, so that they take no memory."""

    def __init__(self, cloud: FastCloud) -> None:
        self.cloud = cloud

    def put_once(self, bucket: str, key: str, body: bytes, *, content_type: str = "application/json") -> bool:
        with self.cloud.call("PutObject"):
            if "/trial/" in key:
                self.cloud.trials[key] = body
            return True

    def get(self, bucket: str, key: str, *, last_bytes: int, within_s: float) -> bytes:
        with self.cloud.call("GetObject"):
            if key in self.cloud.trials:
                return self.cloud.trials[key]
            for command_id, instance_id in _named(key):
                if command_id in self.cloud.commands:
                    return self.cloud.report(command_id, instance_id).encode()
            raise Missing(f"There is no object {key}.")

    def keys(self, bucket: str, prefix: str, *, most: int) -> Iterator[str]:
        with self.cloud.call("ListObjectsV2"):
            command = self.cloud.commands.get(prefix.rstrip("/").rpartition("/")[2])
            hosts = command[1].instance_ids if command else ()  # a trial lists the whole folder
            found = [f"{prefix}{item}/awsrunShellScript/s/stdout" for item in hosts]
        yield from found[:most]


def _named(key: str) -> Iterator[tuple[str, str]]:
    """Neighbouring parts of a key that may be a command and its instance."""
    parts = key.split("/")
    yield from pairwise(parts)
