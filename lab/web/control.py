"""The control API under /lab/: faults, throttling, lost answers, credentials, the log. Not part of AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from lab import faults
from lab.fleet import Host
from lab.web.errors import Answer
from lab.web.silences import ANY, Silence
from lab.web.throttles import Limit
from lab.world import World

Json = dict[str, Any]


class WrongRequest(ValueError):
    """The control call cannot be carried out; the message says why."""


def answer(world: World, environ: dict[str, Any]) -> Answer:
    """JSON in, JSON out; 400 with a sentence for what cannot be done."""
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    action = ACTIONS.get((method, path))
    if action is None:
        known = ", ".join(f"{verb} {place}" for verb, place in ACTIONS)
        return reply("404 Not Found", {"error": f"No {method} {path}. There is: {known}."})
    try:
        return reply("200 OK", action(world, read(environ)))
    except (LookupError, ValueError, TypeError) as problem:
        return reply("400 Bad Request", {"error": f"{type(problem).__name__}: {problem}"})


def read(environ: dict[str, Any]) -> Json:
    if environ["REQUEST_METHOD"] == "GET":
        return {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    found = json.loads(body or b"{}")
    if not isinstance(found, dict):
        raise WrongRequest("the body must be a JSON object")
    return found


def reply(status: str, body: Any) -> Answer:
    data = json.dumps(body).encode()
    return Answer(status, [("Content-Type", "application/json"), ("Content-Length", str(len(data)))], data)


def hosts(world: World, _: Json) -> list[Json]:
    with world.lock:
        return [host_view(host) for host in world.fleet]


def host_view(host: Host) -> Json:
    return {
        "name": host.spec.name,
        "account": host.spec.account,
        "region": host.spec.region,
        "instance_id": host.instance_id,
        "kind": host.spec.kind,
        "state": host.state,
        "agent": "online" if host.reachable else "offline" if host.registered else "absent",
        "platform": "windows" if host.spec.os.startswith("windows") else "linux",
        "os": host.spec.os,
        "faults": sorted(host.faults),
        "tags": dict(host.tags),
    }


def fault(world: World, body: Json) -> Json:
    with world.lock:
        host = world.fleet.named(str(body["host"]))
        faults.set_fault(
            world, host, str(body["fault"]), bool(body.get("on", True)), str(body.get("content", ""))
        )
        return host_view(host)


def throttle(world: World, body: Json) -> Json:
    if body.get("real"):
        world.throttles.set_real_ec2()
    elif body.get("off"):
        world.throttles.clear()
    else:
        limit = Limit(
            float(body["capacity"]), float(body["refill_per_s"]), bool(body.get("resources", False))
        )
        world.throttles.set(str(body["service"]), str(body.get("operation", "*")), limit)
    return {}


def drop(world: World, body: Json) -> Json:
    world.drops.set(str(body["operation"]), int(body.get("times", 1)))
    return {}


def silence(world: World, body: Json) -> Json:
    """SERVICE (also an ACCOUNT, REGION or OPERATION of it alone) answers after so many seconds; `off` ends all."""
    if body.get("off"):
        world.silences.clear()
        return {}
    place = [str(body.get(name, ANY)) for name in ("account", "region", "operation")]
    world.silences.set(Silence(str(body["service"]), *place, float(body["seconds"])))
    return {}


def boundary(world: World, body: Json) -> Json:
    nth, account = int(body.get("nth", 1)), str(body.get("account", ""))
    made = world.boundaries.set(
        str(body["operation"]), nth, str(body["moment"]), str(body["action"]), account
    )
    return made.view()


def boundaries(world: World, _: Json) -> list[Json]:
    return world.boundaries.views()


def release(world: World, body: Json) -> Json:
    return world.boundaries.release(int(body["id"]), drop=bool(body.get("drop"))).view()


def deny(world: World, body: Json) -> Json:
    """Takes these actions from everybody who acts in the account; no actions: gives all back."""
    world.denied[str(body["account"])] = {str(action) for action in body["actions"]}
    return {}


def visibility(world: World, body: Json) -> Json:
    world.visibility_s = float(body["seconds"])
    return {}


def time_scale(world: World, body: Json) -> Json:
    world.clock.set_scale(float(body["scale"]))
    return {}


def log(world: World, body: Json) -> list[Json]:
    return world.log.since(int(body.get("since", 0)))


def credentials(world: World, body: Json) -> Json:
    world.credentials.set_state(
        str(body["account"]), str(body["state"]), renewable=bool(body.get("renewable"))
    )
    return {}


def reset(world: World, _: Json) -> Json:
    """All faults, limits, delays, rights and credentials as at the start; hosts stay as they are."""
    world.throttles.clear()
    world.drops.clear()
    world.boundaries.clear()
    world.silences.clear()
    world.visibility_s = world.delays.visibility_s
    with world.lock:
        world.denied.clear()
        for account in world.scenario.accounts:
            world.credentials.set_state(account, "ok")
        for host in world.fleet:
            faults.restore(world, host)
    return {}


ACTIONS: dict[tuple[str, str], Callable[[World, Json], Any]] = {
    ("GET", "/lab/hosts"): hosts,
    ("GET", "/lab/log"): log,
    ("POST", "/lab/fault"): fault,
    ("POST", "/lab/throttle"): throttle,
    ("POST", "/lab/drop"): drop,
    ("POST", "/lab/silence"): silence,
    ("POST", "/lab/boundary"): boundary,
    ("GET", "/lab/boundaries"): boundaries,
    ("POST", "/lab/release"): release,
    ("POST", "/lab/deny"): deny,
    ("POST", "/lab/visibility"): visibility,
    ("POST", "/lab/time-scale"): time_scale,
    ("POST", "/lab/credentials"): credentials,
    ("POST", "/lab/reset"): reset,
}
