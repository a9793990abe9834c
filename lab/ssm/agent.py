"""The agent of one instance: runs a document's steps, stores their output, asks for reboots."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from lab import power
from lab.hosts.machine import Finished, Job, Stopper
from lab.ssm import steps
from lab.ssm.output import STDERR_LIMIT, STDOUT_LIMIT, store_in_s3

if TYPE_CHECKING:
    from lab.fleet import Host
    from lab.ssm.commands import Command, Invocation, StepResult
    from lab.world import World

    Done = Callable[[World, Command, Invocation, str, str], None]


def run_document(world: World, command: Command, invocation: Invocation, host: Host, done: Done) -> None:
    """From the step where it stands to the end (`done` is called), a reboot, or the loss of the host."""
    with world.lock:
        if invocation.terminal or not host.registered or host.booting or host.rebooting or host.lost:
            return
        invocation.stopper = Stopper()
        if invocation.status == "Cancelling":
            done(world, command, invocation, "Cancelled", "Cancelled")
            return
        life = host.lives
    while invocation.at_step < len(invocation.steps):
        if not run_step(world, command, invocation, host, life):
            return
    publish(world, command, invocation, host, done)


def run_step(world: World, command: Command, invocation: Invocation, host: Host, life: int) -> bool:
    """One step. False when the agent cannot go on now: the host went down or will reboot."""
    step = command.document["mainSteps"][invocation.at_step]
    result = invocation.steps[invocation.at_step]
    if not steps.applies(step, host.machine.platform_type):
        skip(invocation, result)
        return True
    begin_step(world, result)
    finished = host.machine.run(job_of(world, command, invocation, step), invocation.stopper)
    with world.lock:
        if invocation.terminal or host.lives != life or finished.stopped == "power":
            return False
        result.stdout, result.stderr, result.code = finished.stdout, finished.stderr, finished.code
        if finished.code in host.machine.reboot_codes:
            power.reboot(world, host)
            return False
        close_step(world, result, step, finished)
        go_on = steps.goes_on(step, finished.code) and not (finished.stopped or finished.timed_out)
        invocation.at_step = invocation.at_step + 1 if go_on else len(invocation.steps)
    return True


def skip(invocation: Invocation, result: StepResult) -> None:
    result.status = result.details = "Success"
    result.code = 0
    result.stdout = b"Step execution skipped due to unmet preconditions.\n"
    invocation.at_step += 1


def begin_step(world: World, result: StepResult) -> None:
    result.status = result.details = "InProgress"
    result.started = result.started or world.clock.now()


def job_of(world: World, command: Command, invocation: Invocation, step: dict[str, Any]) -> Job:
    types = command.document.get("parameters") or {}
    return Job(
        command_id=command.id,
        region=command.region,
        document_name=command.request["DocumentName"],
        step=step["name"],
        script=steps.script_of(step, command.parameters, types),
        parameters={name: values[0] for name, values in command.parameters.items() if values},
        timeout_s=world.clock.real(steps.timeout_of(step)),
        again=invocation.starts > 1,
    )


def close_step(world: World, result: StepResult, step: dict[str, Any], finished: Finished) -> None:
    result.finished = world.clock.now()
    if finished.timed_out:
        result.status, result.details = "TimedOut", "ExecutionTimedOut"
    elif finished.stopped:
        result.status, result.details = "Cancelled", "Cancelled"
    else:
        result.status, result.details = steps.status_of(step, finished.code)


def publish(world: World, command: Command, invocation: Invocation, host: Host, done: Done) -> None:
    """Full copies to S3 first, then the terminal status: whoever sees the status finds the output."""
    if "offline" in host.faults:  # the agent keeps its answer until it has a connection again
        again = partial(world.agents.submit, partial(publish, world, command, invocation, host, done))
        world.timers.after(world.delays.delivery_retry_s, again)
        return
    store_in_s3(command, invocation, allowed="results_denied" not in host.faults)
    host.machine.forget(command.id)
    for step in invocation.steps:  # what the API can show is all that is kept in memory
        step.stdout, step.stderr = step.stdout[: STDOUT_LIMIT + 1], step.stderr[: STDERR_LIMIT + 1]
    with world.lock:
        done(world, command, invocation, *outcome(invocation))


def outcome(invocation: Invocation) -> tuple[str, str]:
    """Failed > TimedOut > Cancelled > Success; steps that were left out do not count."""
    ends = [(step.status, step.details) for step in invocation.steps]
    for status in ("Failed", "TimedOut", "Cancelled"):
        if found := next((end for end in ends if end[0] == status), None):
            return found
    return "Success", "Success"
