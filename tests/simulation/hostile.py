"""Hosts that lie: about their neighbours, about when, about how much, about packages."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from aws.ports import Command, SendRequest
from patching.states import TargetState
from tests import fakes
from tests.fake_reports import report_text

if TYPE_CHECKING:
    from tests.fakes import FakeHost
    from tests.simulation.world import World

GOOD = {"patched", "patched_reboot_pending", "nothing_to_do"}
OTHER_DISPATCH = "3f0e6a52-9d5b-4c1e-8a77-0c2f4b1d9e10"
FLOOD_BYTES, FLOOD_KEYS = 600_000, 1_200
NAMES = (
    "open ssl",
    "a,b=1",
    "$(reboot)",
    "x" * 290,
    "--allow-unauthenticated",
    "../etc",
    "\u202egpj",
    "ok-1",
)
VERSIONS = ("1" * 280, "9.9.9-9", "1 2", "", "1,curl=2", "`id`-1")


def chosen(seed: int, cloud: fakes.FakeCloud) -> dict[str, str]:
    """Instance id → what kind of liar it is; in half of the seeds there is none."""
    draw = random.Random(
        f"hostile {seed}"
    )  # a stream of its own: without hostile hosts a seed is what it was
    if draw.random() < 0.5:
        return {}
    found = {item: draw.choice(list(KINDS)) for item in cloud.hosts if draw.random() < 0.25}
    for item, kind in found.items():
        host = cloud.hosts[item]
        if kind in {"host_replays", "host_poses"}:
            host.patch = "failed"  # what it says otherwise is a lie
        if kind == "host_names":
            host.changes = [_change(draw) for _ in range(draw.randint(1, 60))]
    if any(kind == "host_lies" for kind in found.values()):
        for item in draw.sample(sorted(cloud.hosts), min(2, len(cloud.hosts))):
            cloud.hosts[item].patch = "failed"  # a neighbour to lie about
    return found


def _change(draw: random.Random) -> dict[str, Any]:
    words = {"name": draw.choice(NAMES), "to": draw.choice(VERSIONS), "arch": "amd64", "from": ""}
    return words | {"kind": "upgrade", "security": False}


def spoil(world: World, request: SendRequest, command: Command) -> None:
    """Once a command is carried out, its hostile hosts spoil what they can reach."""
    cloud = world.stage.cloud
    for item in request.instance_ids:
        kind = world.hostile.get(item, "")
        if kind and kind not in world.without:
            world.injected[kind] += 1
            KINDS[kind](cloud, cloud.hosts[item], request, command)


def _says(cloud: fakes.FakeCloud, host: FakeHost, command: Command, text: str) -> None:
    """Both in what Systems Manager keeps and in the bucket."""
    cloud.printed[command.command_id, host.instance.instance_id] = text
    for key in [key for key in cloud.stored if f"/{command.command_id}/{host.instance.instance_id}/" in key]:
        cloud.stored[key] = text.encode()


def _success(host: FakeHost, request: SendRequest, command: Command, phase: str) -> str:
    truth, host.patch = host.patch, "patched"
    text = report_text(host, request, command.command_id, phase)
    host.patch = truth
    return text


def _phase(request: SendRequest) -> str:
    return "patch" if "-Patch-" in request.document_name else "precheck"


def lies(cloud: fakes.FakeCloud, host: FakeHost, request: SendRequest, command: Command) -> None:
    """Writes a success below each neighbour of its command: over what lies there, and before it in byte order."""
    for item in request.instance_ids:
        if item == host.instance.instance_id:
            continue
        text = _success(cloud.hosts[item], request, command, _phase(request)).encode()
        above = f"{request.output_prefix}/{command.command_id}/{item}"
        cloud.stored[f"{above}/AAA/s/stdout"] = text
        cloud.stored[f"{above}/awsrunShellScript/s/stdout"] = text


def _judges(request: SendRequest) -> bool:
    """A patch, or a look at what became of one: before it they behave, so as to get there."""
    return _phase(request) == "patch" or bool(request.parameters.get("AfterDispatch", [""])[0])


def replays(cloud: fakes.FakeCloud, host: FakeHost, request: SendRequest, command: Command) -> None:
    """An old success, true in every byte, of another dispatch."""
    if not _judges(request):
        return
    text = _success(host, request, command, _phase(request))
    _says(cloud, host, command, text.replace(request.parameters["DispatchId"][0], OTHER_DISPATCH))


def poses(cloud: fakes.FakeCloud, host: FakeHost, request: SendRequest, command: Command) -> None:
    """Answers a patch with a pre-check that is ready, and a look back with one that never ended."""
    if _judges(request):
        instead = "precheck" if _phase(request) == "patch" else "patch"
        _says(cloud, host, command, _success(host, request, command, instead))


def floods(cloud: fakes.FakeCloud, host: FakeHost, request: SendRequest, command: Command) -> None:
    """More output than anybody should read, and more objects than anybody should list."""
    honest = cloud.printed[command.command_id, host.instance.instance_id]
    _says(cloud, host, command, honest + "PATCH-PORTAL-RESULT {}\n" * (FLOOD_BYTES // 23))
    above = f"{request.output_prefix}/{command.command_id}"
    for number in range(FLOOD_KEYS):
        cloud.stored[f"{above}/!{number}/stdout"] = b""


def names(cloud: fakes.FakeCloud, host: FakeHost, request: SendRequest, command: Command) -> None:
    """Its packages have hostile names already; nothing more is to be done."""


KINDS: dict[str, Callable[[fakes.FakeCloud, Any, SendRequest, Command], None]] = {
    "host_lies": lies, "host_replays": replays, "host_poses": poses, "host_floods": floods, "host_names": names,
}  # fmt: skip


def believed(world: World) -> Iterator[str]:
    """I13 as the hosts themselves could testify: nobody whose patch failed is called good."""
    for row in world.stage.run.targets.filter(state=TargetState.DONE, verdict__in=GOOD):
        if world.stage.cloud.hosts[row.instance_id].patch == "failed":
            kind = world.hostile.get(row.instance_id, "an honest one")
            yield f"I13 {row.instance_id} ({kind}) failed, and is called {row.verdict}: {row.reason}"
