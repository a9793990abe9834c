"""The agent of one instance: runs a document's steps, stores their output, asks for reboots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from lab import power
from lab.hosts.machine import Finished, Job, Stopper
from lab.ssm import output, parameters, preconditions, steps
from lab.ssm.interpolation import Value, replaced
from lab.ssm.statuses import End, Status

if TYPE_CHECKING:
    from lab.fleet import Host
    from lab.ssm.commands import Command, Invocation, StepResult
    from lab.world import World

    Done = Callable[[World, Command, Invocation, Status, Status], None]


@dataclass(frozen=True)
class Task:
    """One document on one host, its parameters filled in."""

    world: World
    command: Command
    invocation: Invocation
    host: Host
    done: Done
    values: Mapping[str, Value]
    inputs: tuple[Mapping[str, Any], ...]  # of every step
    environment: Mapping[str, str]


def run_document(world: World, command: Command, invocation: Invocation, host: Host, done: Done) -> None:
    """From the step where it stands to the end (`done` is called), a reboot, or the loss of the host."""
    with world.lock:
        if invocation.terminal or not host.registered or host.booting or host.rebooting or host.lost:
            return
        invocation.stopper = Stopper()
        if invocation.status == Status.CANCELLING:
            done(world, command, invocation, Status.CANCELLED, Status.CANCELLED)
            return
        life = host.lives
    try:
        task = parsed(world, command, invocation, host, done)
    except parameters.Unusable as problem:
        refuse(world, command, invocation, done, str(problem))
        return
    while invocation.at_step < len(invocation.steps):
        if not run_step(task, life):
            return
    publish(task)


def parsed(world: World, command: Command, invocation: Invocation, host: Host, done: Done) -> Task:
    """Raises Unusable: the agent checks the values itself, before any step."""
    declared = command.document.get("parameters") or {}
    version = host.spec.agent_version
    values = parameters.resolved(command.parameters, declared, command.account, command.region)
    pasted = parameters.pasted(values, declared, version)
    inputs = tuple(replaced(step["inputs"], pasted, version) for step in command.document["mainSteps"])
    environment = parameters.environment(values, declared, version)
    return Task(world, command, invocation, host, done, values, inputs, environment)


def refuse(world: World, command: Command, invocation: Invocation, done: Done, why: str) -> None:
    with world.lock:
        if not invocation.terminal:
            invocation.trace = why
            done(world, command, invocation, Status.FAILED, Status.FAILED)


def run_step(task: Task, life: int) -> bool:
    """One step. False when the agent cannot go on now: the host went down or will reboot."""
    world, invocation, host = task.world, task.invocation, task.host
    result = invocation.steps[invocation.at_step]
    kind, why = not_running(task)
    if kind:
        pass_over(invocation, result, kind, why)
        return True
    begin_step(world, result)
    finished = host.machine.run(job_of(task), invocation.stopper)
    with world.lock:
        if invocation.terminal or host.lives != life or finished.stopped == "power":
            return False
        result.stdout, result.stderr, result.code = finished.stdout, finished.stderr, finished.code
        if finished.code in host.machine.reboot_codes and not finished.stopped:
            power.reboot(world, host)
            return False
        close_step(world, result, task.inputs[invocation.at_step], finished)
        invocation.at_step = len(invocation.steps) if finished.stopped else invocation.at_step + 1
    return True


def not_running(task: Task) -> tuple[str, str]:
    """(skip or fail, why) when the next step does not run here; empty texts when it does."""
    number = task.invocation.at_step
    step = task.command.document["mainSteps"][number]
    if why := steps.left_out(task.inputs, task.invocation.steps[:number]):
        return preconditions.SKIP, f"Plugin with name {step['action']} and id {step['name']} {why}"
    return preconditions.verdict(step, task.host.machine.platform_type, task.values)


def pass_over(invocation: Invocation, result: StepResult, kind: str, why: str) -> None:
    """Skipped counts as success, with code 0; the service knows no status of that name for a step."""
    result.status = result.details = Status.SUCCESS if kind == preconditions.SKIP else Status.FAILED
    result.code = 0
    result.told = why
    invocation.at_step += 1


def begin_step(world: World, result: StepResult) -> None:
    result.status = result.details = Status.IN_PROGRESS
    result.started = result.started or world.clock.now()


def job_of(task: Task) -> Job:
    command, number = task.command, task.invocation.at_step
    firsts = {
        name: value if isinstance(value, str) else value[0] for name, value in task.values.items() if value
    }
    return Job(
        command_id=command.id,
        region=command.region,
        document_name=command.request["DocumentName"],
        step=command.document["mainSteps"][number]["name"],
        script=steps.script_of(task.inputs[number]),
        parameters=firsts,
        timeout_s=task.world.clock.real(steps.timeout_of(task.inputs[number])),
        again=task.invocation.starts > 1,
        environment=task.environment,
    )


def close_step(world: World, result: StepResult, inputs: Mapping[str, Any], finished: Finished) -> None:
    result.finished = world.clock.now()
    if finished.timed_out:
        result.status, result.details = Status.TIMED_OUT, Status.EXECUTION_TIMED_OUT
    elif finished.stopped:
        result.status, result.details = Status.CANCELLED, Status.CANCELLED
    else:
        steps.judge(result, inputs)
        steps.tell_end(result)


def publish(task: Task) -> None:
    """Full copies to S3 first, then the terminal status: whoever sees the status finds the output."""
    world, host = task.world, task.host
    if (
        "agent_disk_full" in host.faults and not task.invocation.trace
    ):  # its own disk: the agent dies with what it held
        lose_output(task)
        later(task, world.delays.agent_dies_s, finish)
        return
    if "offline" in host.faults:  # the agent keeps its answer until it has a connection again
        later(task, world.delays.delivery_retry_s, publish)
        return
    denied = "results_denied" in host.faults
    if not denied and output.unreachable(task.command, host.faults):
        # Every step's reply waits for the upload that is tried in vain.
        later(task, world.delays.upload_give_up_s * len(task.invocation.steps), finish)
        return
    output.store_in_s3(task.command, task.invocation, allowed=not denied)
    finish(task)


def lose_output(task: Task) -> None:
    for step in task.invocation.steps:
        step.stdout = step.stderr = b""
        step.status = step.details = Status.FAILED
        step.code = -1


def later(task: Task, seconds: float, call: Callable[[Task], None]) -> None:
    task.world.timers.after(seconds, partial(task.world.agents.submit, partial(call, task)))


def finish(task: Task) -> None:
    """The answer goes out."""
    task.host.machine.forget(task.command.id)
    for step in task.invocation.steps:  # what the API can show is all that is kept in memory
        step.stdout = step.stdout[: output.STDOUT_LIMIT + 1]
        step.stderr = step.stderr[: output.AGENT_STDERR_LIMIT + 1]
    with task.world.lock:
        task.done(task.world, task.command, task.invocation, *outcome(task.invocation))


def outcome(invocation: Invocation) -> End:
    """Failed > TimedOut > Cancelled > Success; a step that waits for its reboot never gets here."""
    ends = [(step.status, step.details) for step in invocation.steps]
    for status in (Status.FAILED, Status.TIMED_OUT, Status.CANCELLED):
        if found := next((end for end in ends if end[0] == status), None):
            return found
    return Status.SUCCESS, Status.SUCCESS
