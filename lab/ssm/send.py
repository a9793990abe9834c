"""SendCommand and CancelCommand: what AWS checks before it accepts."""

from __future__ import annotations

import math
import uuid
from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ssm.responses import SimpleSystemManagerResponse

from lab import world as worlds
from lab.fleet import Host
from lab.ssm import documents, lifecycle
from lab.ssm.commands import Command, Invocation, StepResult
from lab.ssm.errors import SSMException, request_of
from lab.ssm.interpolation import replaced
from lab.ssm.parameters import shaped
from lab.ssm.steps import timeout_of
from lab.ssm.views import command_view

MAX_INSTANCES = 50
COMMENT_CHARACTERS = 100
DELIVERY_TIMEOUT_S = (30, 2_592_000)
DELIVERY_DEFAULT_S = 3600
PREFIX_CHARACTERS = 500


def send_command(response: SimpleSystemManagerResponse) -> ActionResult:
    """SendCommand to the named instances, and to no other: stock moto hits the whole account."""
    world = worlds.current()
    request = request_of(response)
    with world.lock:
        check_request(request)
        hosts = chosen_hosts(world, response.current_account, response.region, request)
        command = accept(world, response.current_account, response.region, request, hosts)
        answer = command_view(command) | {"TargetCount": 0}  # counted later, as in AWS
        lifecycle.begin(world, command)
    return ActionResult({"Command": answer})


def cancel_command(response: SimpleSystemManagerResponse) -> ActionResult:
    """CancelCommand: what has not begun is cancelled, a running script is killed."""
    world = worlds.current()
    request = request_of(response)
    with world.lock:
        command = world.commands.find(response.current_account, response.region, request["CommandId"])
        if command is None:
            raise SSMException("InvalidCommandId", "The specified command ID is not valid.")
        named = request.get("InstanceIds") or list(command.invocations)
        if unknown := [name for name in named if name not in command.invocations]:
            raise SSMException("InvalidInstanceId", f"Instances {unknown} are not part of this command.")
        lifecycle.cancel(world, command, named)
    return EmptyResult()


def check_request(request: dict[str, Any]) -> None:
    """Sizes and ranges, before anything is looked up."""
    comment = request.get("Comment", "")
    if len(comment) > COMMENT_CHARACTERS:
        raise invalid("comment", comment, f"length less than or equal to {COMMENT_CHARACTERS}")
    ids = request.get("InstanceIds", [])
    if len(ids) > MAX_INSTANCES:
        raise invalid("instanceIds", f"[{len(ids)} ids]", f"length less than or equal to {MAX_INSTANCES}")
    low, high = DELIVERY_TIMEOUT_S
    timeout = request.get("TimeoutSeconds", DELIVERY_DEFAULT_S)
    if not low <= timeout <= high:
        raise invalid("timeoutSeconds", timeout, f"value between {low} and {high}")
    prefix = request.get("OutputS3KeyPrefix", "")
    if len(prefix) > PREFIX_CHARACTERS:
        raise invalid("outputS3KeyPrefix", prefix, f"length less than or equal to {PREFIX_CHARACTERS}")


def invalid(field: str, value: object, rule: str) -> SSMException:
    return SSMException(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: "
        f"Member must have {rule}",
    )


def chosen_hosts(world: worlds.World, account: str, region: str, request: dict[str, Any]) -> list[Host]:
    """The hosts that a request names by ids or by targets. One bad id refuses the whole call."""
    place = world.fleet.at(account, region)
    if request.get("Targets"):
        return targeted(list(place.values()), request["Targets"])
    ids = request.get("InstanceIds") or []
    if not ids:
        raise SSMException("ValidationException", "InstanceIds or Targets must be given.")
    bad = [name for name in ids if name not in place or not place[name].registered]
    if bad:
        raise SSMException(
            "InvalidInstanceId", f"Instances [[{', '.join(bad)}]] not in a valid state for account {account}"
        )
    return [place[name] for name in dict.fromkeys(ids)]


def targeted(hosts: list[Host], targets: list[dict[str, Any]]) -> list[Host]:
    """Managed hosts that fit every target: InstanceIds, tag:K, tag-key."""
    found = [host for host in hosts if host.registered]
    for target in targets:
        key, values = target.get("Key", ""), set(target.get("Values", ()))
        if key == "InstanceIds":
            found = [host for host in found if host.instance_id in values]
        elif key.startswith("tag:"):
            found = [host for host in found if host.tags.get(key[4:]) in values]
        elif key == "tag-key":
            found = [host for host in found if values & host.tags.keys()]
        else:
            raise SSMException("InvalidTarget", f"The target {key} is not valid.")
    return found


def accept(
    world: worlds.World, account: str, region: str, request: dict[str, Any], hosts: list[Host]
) -> Command:
    """Check the document and its parameters, and keep the command."""
    document = documents.find(account, region, request["DocumentName"], request.get("DocumentVersion"))
    check_hash(request, document.hash)
    parameters = documents.check_values(document, request.get("Parameters") or {})
    now = world.clock.now()
    delivery = float(request.get("TimeoutSeconds", DELIVERY_DEFAULT_S))
    execution = sum(map(timeout_of, inputs_of(document.content_json, parameters)))
    command = Command(
        id=str(uuid.uuid4()),
        account=account,
        region=region,
        request=request,
        document=document.content_json,
        document_version=document.document_version,
        parameters=parameters,
        requested=now,
        expires=now + timedelta(seconds=delivery + execution),
        delivery_timeout_s=delivery,
        max_concurrency=threshold("MaxConcurrency", request.get("MaxConcurrency", "50"), len(hosts), 1),
        max_errors=threshold("MaxErrors", request.get("MaxErrors", "0"), len(hosts), 0),
    )
    command.invocations = {host.instance_id: invocation(command, host) for host in hosts}
    world.commands.add(command)
    return command


def inputs_of(content: dict[str, Any], parameters: dict[str, list[str]]) -> list[Any]:
    """The inputs of every step with the parameters filled in, as far as the service knows them."""
    values = {name: shaped(content["parameters"][name], given) for name, given in parameters.items()}
    return [replaced(step["inputs"], values) for step in content["mainSteps"]]


def check_hash(request: dict[str, Any], actual: str) -> None:
    if request.get("DocumentHash", actual) != actual:
        raise SSMException("InvalidDocument", "The document hash does not match the document.")


def invocation(command: Command, host: Host) -> Invocation:
    steps = [StepResult(step["name"], step["action"]) for step in command.document["mainSteps"]]
    return Invocation(host.instance_id, host.tags.get("Name", ""), steps, command.requested)


def threshold(field: str, text: str, count: int, least: int) -> int:
    """A number or a percentage of the targets, rounded up."""
    body = text.removesuffix("%")
    if not body.isdigit() or (text.endswith("%") and int(body) > 100):
        raise invalid(field, text, "a number or a percentage")
    number = math.ceil(count * int(body) / 100) if text.endswith("%") else int(body)
    return max(number, least)
