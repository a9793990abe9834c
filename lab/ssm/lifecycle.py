"""The way of an invocation: Pending → (Delayed) → InProgress → its end. All functions expect the world's lock."""

from __future__ import annotations

from functools import partial

from lab import world as worlds
from lab.fleet import Host
from lab.ssm import events
from lab.ssm.agent import run_document
from lab.ssm.commands import Command, Invocation, StepResult
from lab.ssm.statuses import NOT_OVER, Status

MAX_STARTS = 15  # the agent's CommandRetryLimit: then the document is dropped as corrupt
RESUMED_WITHIN_S = 48 * 3600  # an older document is not gone on with


def begin(world: worlds.World, command: Command) -> None:
    """Take an accepted command on its way."""
    if world.visibility_s:
        command.visible = False
        world.timers.after(world.visibility_s, partial(show, world, command))
    world.timers.after(world.delays.delivery_s, partial(locked_feed, world, command))
    whole = (command.expires - command.requested).total_seconds()
    world.timers.after(whole, partial(expire, world, command))


def show(world: worlds.World, command: Command) -> None:
    with world.lock:
        command.visible = True


def locked_feed(world: worlds.World, command: Command) -> None:
    with world.lock:
        feed(world, command)


def feed(world: worlds.World, command: Command) -> None:
    """Send to as many instances as MaxConcurrency allows; after MaxErrors the rest is Terminated."""
    for invocation in command.waiting():
        if command.too_many_errors:
            end(world, command, invocation, Status.CANCELLED, Status.TERMINATED)
        elif command.in_flight >= command.max_concurrency:
            return
        else:
            # Delivery has its own deadline from the moment that this instance's turn has come.
            world.timers.after(command.delivery_timeout_s, partial(undelivered, world, command, invocation))
            deliver(world, command, invocation)


def deliver(world: worlds.World, command: Command, invocation: Invocation) -> None:
    """Hand it to the agent, or wait for the agent as Delayed."""
    if invocation.terminal or invocation.starts:
        return
    host = world.fleet.get(invocation.instance_id)
    if host is None or not host.reachable:
        move(world, command, invocation, Status.DELAYED, Status.DELAYED)
        world.timers.after(world.delays.delivery_retry_s, partial(retry, world, command, invocation))
        return
    move(world, command, invocation, Status.IN_PROGRESS, Status.IN_PROGRESS)
    hand_over(world, command, invocation, host)
    if "delivered_twice" in host.faults:
        hand_over(world, command, invocation, host)


def hand_over(world: worlds.World, command: Command, invocation: Invocation, host: Host) -> None:
    """The agent takes a command once; the same id again is acknowledged and skipped, without a second reply."""
    if command.id not in host.taken:
        host.taken.add(command.id)
        start(world, command, invocation, host)


def retry(world: worlds.World, command: Command, invocation: Invocation) -> None:
    with world.lock:
        deliver(world, command, invocation)


def start(world: worlds.World, command: Command, invocation: Invocation, host: Host) -> None:
    """The agent begins the document, or goes on with it after a reboot."""
    invocation.starts += 1
    age_s = (world.clock.now() - command.requested).total_seconds() * world.clock.scale
    if invocation.starts > MAX_STARTS or (invocation.starts > 1 and age_s > RESUMED_WITHIN_S):
        return  # dropped: no answer will come, the expiry ends it
    world.agents.submit(partial(run_document, world, command, invocation, host, end))


def undelivered(world: worlds.World, command: Command, invocation: Invocation) -> None:
    """The delivery time-out: gone or silent hosts are Undeliverable, others DeliveryTimedOut."""
    with world.lock:
        if invocation.terminal or invocation.starts:
            return
        host = world.fleet.get(invocation.instance_id)
        silent = host is None or not host.registered or "offline" in host.faults or host.lost
        end(
            world,
            command,
            invocation,
            *(
                (Status.FAILED, Status.UNDELIVERABLE)
                if silent
                else (Status.TIMED_OUT, Status.DELIVERY_TIMED_OUT)
            ),
        )


def expire(world: worlds.World, command: Command) -> None:
    """The total time-out: whoever has not answered by now is DeliveryTimedOut, even if its script ran."""
    with world.lock:
        for invocation in command.invocations.values():
            if not invocation.terminal:
                end(world, command, invocation, Status.TIMED_OUT, Status.DELIVERY_TIMED_OUT)


def cancel(world: worlds.World, command: Command, instance_ids: list[str]) -> None:
    """Best effort: what waits is Cancelled at once, a script that runs is killed by its agent."""
    command.cancelling = True
    for name in instance_ids:
        invocation = command.invocations[name]
        if invocation.terminal:
            continue
        if not invocation.starts:
            end(world, command, invocation, Status.CANCELLED, Status.CANCELLED)
            continue
        move(world, command, invocation, Status.CANCELLING, Status.CANCELLING)
        stop = partial(invocation.stopper.stop, "cancel")
        world.timers.after(world.delays.cancel_s, stop)


def host_went_down(world: worlds.World, host: Host) -> None:
    """Power is gone: scripts die without a word; their documents go on when the agent is back."""
    for _, invocation in world.commands.running_on(host.instance_id):
        invocation.stopper.stop("power")


def host_came_up(world: worlds.World, host: Host) -> None:
    """The agent is back: it resumes what it had begun."""
    for command, invocation in world.commands.running_on(host.instance_id):
        start(world, command, invocation, host)


def end(
    world: worlds.World, command: Command, invocation: Invocation, status: Status, details: Status
) -> None:
    """A terminal status; the next instance has its turn."""
    if invocation.terminal:
        return
    for step in invocation.steps:
        if step.status in NOT_OVER:
            close_step(step, status, details)
    move(world, command, invocation, status, details)
    feed(world, command)


def close_step(step: StepResult, status: Status, details: Status) -> None:
    step.status, step.details = status, details


def move(
    world: worlds.World, command: Command, invocation: Invocation, status: Status, details: Status
) -> None:
    """Another status, and the event that tells of it."""
    if (invocation.status, invocation.details) == (status, details):
        return
    before = command.roll_up()[0]
    invocation.status, invocation.details = status, details
    events.invocation_changed(command, invocation)
    after = command.roll_up()[0]
    if after != before:
        events.command_changed(command, after)
