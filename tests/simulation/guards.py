"""What the simulated AWS alone can see: it watches each send, lies about results, and is asked again at the end."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING
from unittest import mock

from aws.errors import Missing
from aws.ports import Command, Invocation, SendRequest
from patching.models import Dispatch, DispatchTarget, PowerHold
from patching.states import HoldState
from tests import fakes

if TYPE_CHECKING:
    from tests.simulation.world import World

SEND, LIST, INVOCATIONS = (
    fakes.FakeSsm.send_command,
    fakes.FakeSsm.list_commands,
    fakes.FakeSsm.list_invocations,
)
GET = fakes.FakeObjects.get


@contextmanager
def watched(world: World) -> Iterator[None]:
    """The cloud's calls pass through here while the seed is played."""

    def send(ssm: fakes.FakeSsm, request: SendRequest) -> Command:
        down = [item for item in request.instance_ids if ssm.cloud.hosts[item].instance.state != "running"]
        if down:
            raise Missing("It is not in a valid state.", code="InvalidInstanceId", ids=tuple(down))
        at_send(world, request)
        return SEND(ssm, request)

    def commands(ssm: fakes.FakeSsm, *, document_name: str, invoked_after: datetime) -> Iterator[Command]:
        found = list(LIST(ssm, document_name=document_name, invoked_after=invoked_after))
        yield from [] if world.strikes("commands_not_shown_yet") else found

    def invocations(ssm: fakes.FakeSsm, command_id: str) -> Iterator[Invocation]:
        found = list(INVOCATIONS(ssm, command_id))
        yield from [] if world.strikes("invocations_not_shown_yet") else found

    def get(objects: fakes.FakeObjects, bucket: str, key: str) -> bytes:
        body = GET(objects, bucket, key)
        lies = {"report_torn": body[: len(body) // 2], "report_empty": b"", "report_doubled": body * 2}
        for fault, seen in lies.items():
            if world.strikes(fault):
                world.tell(f"{fault.replace('_', ' ')}: {key[-60:]}")
                return seen
        return body

    with ExitStack() as stack:
        for cls, name, instead in (
            (fakes.FakeSsm, "send_command", send), (fakes.FakeSsm, "list_commands", commands),
            (fakes.FakeSsm, "list_invocations", invocations), (fakes.FakeObjects, "get", get),
        ):  # fmt: skip
            stack.enter_context(mock.patch.object(cls, name, instead))
        yield


def at_send(world: World, request: SendRequest) -> None:
    """I1, I2, I8 at the very call: judged by when the dispatch was committed."""
    if "-Patch-" not in request.document_name:
        return
    dispatch = Dispatch.objects.get(pk=request.parameters["DispatchId"][0])
    world.tell(f"a patch command goes to {', '.join(item[-3:] for item in request.instance_ids)}")
    for since, what in ((world.paused_at, "pause"), (world.halted_at, "halt")):
        if since and dispatch.claimed_at >= since:
            world.broken.append(f"I2 a patch command leaves that was committed after the {what}")
    for item in request.instance_ids:
        if item in world.exempt_since and dispatch.claimed_at >= world.exempt_since[item]:
            world.broken.append(f"I1 {item} is commanded although it is exempt")
    tags = [world.stage.cloud.hosts[item].instance.tags.get("PatchCluster") for item in request.instance_ids]
    doubled = [name for name, count in Counter(filter(None, tags)).items() if count > 1]
    world.broken += [f"I8 two members of {name} are in one command" for name in doubled]


def afterwards(world: World) -> Iterator[str]:
    """I3, I4, I6, I7 as AWS itself could testify when everything is over."""
    yield from executed_once(world)
    comments = Counter(command.comment for command, _ in world.stage.cloud.commands.values())
    known = {row.comment for row in Dispatch.objects.all()}
    yield from [f"I4 AWS has a command {item!r} of no dispatch" for item in set(comments) - known]
    # It may be sent again only where AWS did not show the first, or where a worker hung in the middle of its call.
    if not world.injected["commands_not_shown_yet"] and not world.injected["stalled_worker"]:
        yield from [
            f"I4 {item!r} was accepted {count} times" for item, count in comments.items() if count > 1
        ]
    kept = set(PowerHold.objects.filter(state=HoldState.KEPT).values_list("asset__instance_id", flat=True))
    stopped = {item for ids in world.stage.cloud.called("StopInstances") for item in ids}
    for item, host in world.stage.cloud.hosts.items():
        if item in world.touched:
            continue
        if "ssm-patch-now" in host.instance.tags or "PatchPortal:Wake" in host.instance.tags:
            yield f"I7 {item} still bears {sorted(host.instance.tags)}"
        if item in world.asleep and host.instance.state == "running" and item not in kept:
            yield f"I6 {item} was started and never stopped again"
        if item not in world.asleep and item in stopped:
            yield f"I6 {item} was stopped although the portal had not started it"


def executed_once(world: World) -> Iterator[str]:
    """I3: one execution for each host and attempt, by the dispatches that the host itself remembers."""
    for item, host in world.stage.cloud.hosts.items():
        if len(host.executed) > 1:
            rows = DispatchTarget.objects.filter(
                dispatch__in=[uuid.UUID(one) for one in host.executed], target__instance_id=item
            )
            attempts = Counter(rows.values_list("target", "attempt"))
            if any(count > 1 for count in attempts.values()) or len(attempts) < len(host.executed):
                yield f"I3 {item} ran the patch document twice in one attempt"
