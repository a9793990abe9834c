"""What the simulated AWS alone can see: it watches each send, lies about results, and is asked again at the end."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

from aws.errors import Missing
from aws.ports import Command, Invocation, SendRequest
from patching.engine import lease
from patching.models import Dispatch, DispatchTarget, PowerHold
from patching.states import HoldState
from tests import fakes
from tests.fake_s3 import FakeObjects
from tests.simulation import clocks, hostile, stubborn

if TYPE_CHECKING:
    from tests.simulation.world import World

SEND, LIST, INVOCATIONS = (
    fakes.FakeSsm.send_command,
    fakes.FakeSsm.list_commands,
    fakes.FakeSsm.list_invocations,
)
GET = FakeObjects.get
ACTING = {"SendCommand", "StartInstances", "StopInstances", "CreateSnapshot"}
GOOD = {"patched", "nothing_to_do"}


class Leases:
    """Who holds the run: one worker at a time, and who lost it stops (a renewal only lengthens it)."""

    def __init__(self) -> None:
        self.until: dict[int, datetime] = {}  # depth of the worker → the end of its lease
        self.lost = False  # another worker took the run that the outer one still works on

    def watching(self, world: World, acquire: Callable[..., Any]) -> Callable[..., Any]:
        def acquired(run_id: int, now: datetime) -> Any:
            token = acquire(run_id, now)
            if token and world.depth and now < self.until.get(0, now):
                world.broken.append("lease: a second worker takes the run while the first one's lease lasts")
            if token:
                self.until[world.depth] = now + lease.LEASE
                self.lost = world.depth > 0
            return token

        return acquired

    def at_call(self, world: World, operation: str) -> Iterator[str]:
        """The call before which a worker stalled was judged already and may still leave; the next one must not."""
        if world.depth == 0 and self.lost and operation in ACTING:
            yield f"lease: a worker that lost the run goes on to {operation}"


@contextmanager
def watched(world: World) -> Iterator[None]:
    """The cloud's calls pass through here while the seed is played."""

    def send(ssm: fakes.FakeSsm, request: SendRequest) -> Command:
        down = [item for item in request.instance_ids if ssm.cloud.hosts[item].instance.state != "running"]
        if down:
            raise Missing("It is not in a valid state.", code="InvalidInstanceId", ids=tuple(down))
        at_send(world, request)
        try:
            return SEND(ssm, request)
        finally:  # accepted also where the answer is lost
            for command, sent in list(ssm.cloud.commands.values()):
                if sent is request:
                    hostile.spoil(world, request, command)
                    world.events.sent(command)

    def commands(ssm: fakes.FakeSsm, **narrower: Any) -> Iterator[Command]:
        found = list(LIST(ssm, **narrower))
        yield from [] if world.strikes("commands_not_shown_yet") else found

    def invocations(ssm: fakes.FakeSsm, command_id: str) -> Iterator[Invocation]:
        found = list(INVOCATIONS(ssm, command_id))
        if not world.strikes("invocations_not_shown_yet"):
            yield from [cancelled(world, ssm, item) for item in found]

    def get(objects: FakeObjects, bucket: str, key: str, **limits: Any) -> bytes:
        body = GET(objects, bucket, key, **limits)
        lies = {"report_torn": body[: len(body) // 2], "report_empty": b"", "report_doubled": body * 2}
        for fault, seen in lies.items():
            if world.strikes(fault):
                world.tell(f"{fault.replace('_', ' ')}: {key[-60:]}")
                return seen
        return body

    with ExitStack() as stack:
        for cls, name, instead in (
            (fakes.FakeSsm, "send_command", send), (fakes.FakeSsm, "list_commands", commands),
            (fakes.FakeSsm, "list_invocations", invocations), (FakeObjects, "get", get),
        ):  # fmt: skip
            stack.enter_context(mock.patch.object(cls, name, instead))
        yield


def cancelled(world: World, ssm: fakes.FakeSsm, item: Invocation) -> Invocation:
    """Somebody cancels a patch command in AWS's console: the script is killed without a word, whatever it had done."""
    key = (item.command_id, item.instance_id)
    patching = "-Patch-" in ssm.cloud.commands[item.command_id][1].document_name
    if patching and key not in world.ends:
        world.ends[key] = "Cancelled" if world.strikes("command_cancelled") else item.status
    if world.ends.get(key) != "Cancelled":
        return item
    return replace(item, status="Cancelled", status_details="Cancelled", output="")


def at_send(world: World, request: SendRequest) -> None:
    """I1, I2, I8 at the very call: judged by when the dispatch was committed."""
    if "-Patch-" not in request.document_name:
        return
    dispatch = Dispatch.objects.get(pk=request.parameters["DispatchId"][0])
    world.tell(f"a patch command goes to {', '.join(item[-3:] for item in request.instance_ids)}")
    for since, what in ((world.paused_at, "pause"), (world.halted_at, "halt")):
        if since and dispatch.claimed_at >= since:
            world.broken.append(f"I2 a patch command leaves that was committed after the {what}")
    if world.stage.clock() > dispatch.send_before:
        world.broken.append(f"I2 a patch command leaves after its time, {dispatch.send_before:%H:%M:%S}")
    for item in request.instance_ids:
        if any(case.holds(item, dispatch.claimed_at) for case in world.exempt):
            world.broken.append(f"I1 {item} is commanded although it is exempt")
    tags = [world.stage.cloud.hosts[item].instance.tags.get("PatchCluster") for item in request.instance_ids]
    doubled = [name for name, count in Counter(filter(None, tags)).items() if count > 1]
    world.broken += [f"I8 two members of {name} are in one command" for name in doubled]


def afterwards(world: World) -> Iterator[str]:
    """I3, I4, I6, I7 as AWS itself could testify when everything is over."""
    yield from executed_once(world)
    yield from nobody_is_stopped_by_others(world)
    yield from hostile.believed(world)
    yield from stubborn.afterwards(world)
    yield from clocks.afterwards(world)
    comments = Counter(command.comment for command, _ in world.stage.cloud.commands.values())
    known = {row.comment for row in Dispatch.objects.all()}
    yield from [f"I4 AWS has a command {item!r} of no dispatch" for item in set(comments) - known]
    # It may be sent again only where AWS did not show the first, or where a worker hung in the middle of its call.
    if not world.injected["commands_not_shown_yet"] and not world.injected["stalled_worker"]:
        yield from [
            f"I4 {item!r} was accepted {count} times" for item, count in comments.items() if count > 1
        ]
    left = PowerHold.objects.filter(state__in=[HoldState.KEPT, HoldState.NOT_STOPPED])
    kept = set(left.values_list("asset__instance_id", flat=True))
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


def nobody_is_stopped_by_others(world: World) -> Iterator[str]:
    """I12: where nothing goes wrong but one account, each healthy host of the others is patched."""
    run = world.stage.run
    if not world.quiet or run.state != "finished" or run.cutoff_at - run.starts_at < timedelta(hours=1):
        return
    out = {outage.account_id for outage in world.outages}
    for row in run.targets.exclude(account_id__in=out):
        host = world.stage.cloud.hosts[row.instance_id]
        honest = row.instance_id not in world.hostile
        healthy = honest and not host.silent and row.instance_id not in world.stubborn.unpatchable()
        healthy = healthy and (host.precheck, host.patch) == ("ready", "patched")
        if healthy and row.verdict not in GOOD and row.reason_code != "untested":
            yield f"I12 {row.instance_id} is {row.state} {row.verdict} though nothing spoke against it: {row.reason}"


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
