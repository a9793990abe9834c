"""ListCommands, ListCommandInvocations, GetCommandInvocation: filters and pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from moto.core.responses import ActionResult
from moto.ssm.responses import SimpleSystemManagerResponse

from lab import world as worlds
from lab.ssm.commands import Command, Invocation
from lab.ssm.errors import SSMException, request_of
from lab.ssm.views import command_view, invocation_view, step_view

MAX_PAGE = 50
Item = TypeVar("Item")
Test = Callable[[Command], bool]


def list_commands(response: SimpleSystemManagerResponse) -> ActionResult:
    """ListCommands: newest first, 50 a page."""
    world, request = worlds.current(), request_of(response)
    with world.lock:
        found = world.commands.at(response.current_account, response.region)
        found = [one for one in found if fits(one, request)]
        shown, token = page(found, [one.id for one in found], request, MAX_PAGE)
        return ActionResult({"Commands": [command_view(one) for one in shown], **token})


def list_command_invocations(response: SimpleSystemManagerResponse) -> ActionResult:
    """ListCommandInvocations: of one command, one instance or all, 50 a page."""
    world, request = worlds.current(), request_of(response)
    details = bool(request.get("Details"))
    with world.lock:
        pairs = [
            (command, one)
            for command in world.commands.at(response.current_account, response.region)
            if fits(command, request)
            for one in command.invocations.values()
            if request.get("InstanceId") in (None, one.instance_id)
        ]
        keys = [f"{command.id}/{one.instance_id}" for command, one in pairs]
        shown, token = page(pairs, keys, request, MAX_PAGE)
        views = [invocation_view(command, one, details=details) for command, one in shown]
        return ActionResult({"CommandInvocations": views, **token})


def get_command_invocation(response: SimpleSystemManagerResponse) -> ActionResult:
    """GetCommandInvocation. Raises InvocationDoesNotExist while AWS does not show it yet."""
    world, request = worlds.current(), request_of(response)
    with world.lock:
        command = world.commands.find(response.current_account, response.region, request["CommandId"])
        invocation = command.invocations.get(request["InstanceId"]) if command and command.visible else None
        if command is None or invocation is None:
            raise SSMException("InvocationDoesNotExist", "An error occurred: the invocation does not exist.")
        return ActionResult(step_view(command, invocation, step_named(invocation, request.get("PluginName"))))


def step_named(invocation: Invocation, name: str | None) -> Any:
    """The step asked for; documents of several steps need a name."""
    if name in (None, "") and len(invocation.steps) == 1:
        return invocation.steps[0]
    found = [step for step in invocation.steps if name in (step.name, step.action)]
    if not found:
        raise SSMException(
            "InvalidPluginName", "The plugin name is not valid; name one step of the document."
        )
    return found[0]


def fits(command: Command, request: dict[str, Any]) -> bool:
    """CommandId, InstanceId and every filter."""
    if request.get("CommandId") not in (None, "", command.id):
        return False
    if request.get("InstanceId") and request["InstanceId"] not in command.invocations:
        return False
    return all(test_of(one["key"], one["value"])(command) for one in request.get("Filters") or ())


def test_of(key: str, value: str) -> Test:
    """One filter as a function. Raises InvalidFilterKey, InvalidFilterValue."""
    if key == "InvokedAfter":
        after = instant(value)
        return lambda command: command.requested > after
    if key == "InvokedBefore":
        before = instant(value)
        return lambda command: command.requested < before
    if key == "DocumentName":
        return lambda command: command.request["DocumentName"] == value
    if key == "Status":
        return lambda command: value in command.roll_up()
    if key == "ExecutionStage":
        return stage_test(value)
    raise SSMException("InvalidFilterKey", f"The specified key is not valid: {key}.")


def stage_test(value: str) -> Test:
    if value not in ("Executing", "Complete"):
        raise SSMException("InvalidFilterValue", f"ExecutionStage is Executing or Complete, not {value}.")
    over = value == "Complete"
    return lambda command: (command.completed == len(command.invocations)) == over


def instant(value: str) -> datetime:
    found: datetime | None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise SSMException("InvalidFilterValue", f"{value} is not an instant like 2026-11-23T02:00:00Z.")
    return found


def page(
    items: Sequence[Item], keys: Sequence[str], request: dict[str, Any], most: int, default: int | None = None
) -> tuple[Sequence[Item], dict[str, str]]:
    """One page and, when more follows, the token of the next. A token is the last key that was shown."""
    size = request.get("MaxResults") or default or most
    if not 1 <= size <= most:
        raise SSMException(
            "ValidationException",
            f"1 validation error detected: Value '{size}' at 'maxResults' failed to satisfy constraint: "
            f"Member must have value less than or equal to {most}",
        )
    begin = after_token(keys, request.get("NextToken"))
    end = begin + size
    return items[begin:end], {"NextToken": keys[end - 1]} if end < len(items) else {}


def after_token(keys: Sequence[str], token: str | None) -> int:
    if not token:
        return 0
    if token not in keys:
        raise SSMException("InvalidNextToken", "The specified token is not valid.")
    return keys.index(token) + 1
