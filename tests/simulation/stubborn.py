"""Hosts that EC2 does not start or stop, tonight or ever, and hibernated ones: a stream of its own beside each seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aws.errors import AccessRefused, CapacityShortage, Refused, Throttled
from aws.states import HIBERNATED, SPOT_INTERRUPTED
from patching.models import PowerHold
from patching.policy.patience import STOPS
from tests import fakes

if TYPE_CHECKING:
    from tests.fakes import FakeHost
    from tests.simulation.world import World

SAID = "It may not be started. Something forbids it."
NOT_READY = "Your instance is not ready to hibernate yet. Please retry after a few minutes."


def _reason(host: FakeHost, code: str) -> None:
    host.instance = replace(host.instance, state_reason=code)
    host.hibernation = code == HIBERNATED


def _hibernated(host: FakeHost) -> None:
    _reason(host, HIBERNATED)


def _never_ready(host: FakeHost) -> None:
    _reason(host, HIBERNATED)
    host.stop_refused = Refused(NOT_READY, code="UnsupportedOperation", operation="StopInstances")


def _changed_since(host: FakeHost) -> None:
    """It was hibernated, and can no longer be."""
    _reason(host, HIBERNATED)
    host.hibernation = False


def _interrupted(host: FakeHost) -> None:
    _reason(host, SPOT_INTERRUPTED)


def _protected(host: FakeHost) -> None:
    host.stop_protected = True


def _start(error: Any) -> Callable[[FakeHost], None]:
    return lambda host: setattr(host, "start_refused", error)


def _stop(error: Any) -> Callable[[FakeHost], None]:
    return lambda host: setattr(host, "stop_refused", error)


# Of hosts that are stopped when the night begins.
KINDS: dict[str, Callable[[FakeHost], None]] = {
    "host_hibernated": _hibernated,
    "host_hibernated_never_ready": _never_ready,
    "host_hibernated_and_changed": _changed_since,
    "host_spot_interrupted": _interrupted,
    "host_stop_protected": _protected,
    "host_start_forbidden": _start(Refused(SAID, code="OperationNotPermitted")),
    "host_key_disabled": _start(Refused("It is disabled.", code="InvalidKMSKey.InvalidState")),
    "host_without_its_dedicated_host": _start(Refused("No such host.", code="InvalidHostID.NotFound")),
    "host_reservation_full": _start(CapacityShortage("It is full.", code="ReservationCapacityExceeded")),
    "host_start_denied": _start(AccessRefused("Explicit deny.", code="UnauthorizedOperation")),
    "host_stop_denied": _stop(AccessRefused("Explicit deny.", code="UnauthorizedOperation")),
    "host_stop_throttled": _stop(Throttled("Rate exceeded", code="RequestLimitExceeded")),
    "host_stop_refused_by_a_new_word": _stop(Refused("Nobody knows it.", code="Brand.New")),
}
# Who of them cannot be patched, whatever the engine does.
NEVER_UP = frozenset({"host_spot_interrupted", "host_start_forbidden", "host_key_disabled", "host_reservation_full",
                      "host_without_its_dedicated_host", "host_start_denied"})  # fmt: skip
SLEEPERS = frozenset(kind for kind in KINDS if kind.startswith("host_hibernated"))


class Stubborn:
    """What stands against power in one seed; in a third of the seeds nothing does."""

    def __init__(self, seed: int, cloud: fakes.FakeCloud, without: frozenset[str]) -> None:
        self.draw = random.Random(f"stubborn {seed}")
        self.wakes = self.draw.random() < 0.5  # the window has hibernated servers started
        asleep = [item for item, host in cloud.hosts.items() if host.instance.state == "stopped"]
        if self.draw.random() < 0.6 and not asleep:  # most of these seeds have somebody to start
            asleep = self.draw.sample(sorted(cloud.hosts), min(2, len(cloud.hosts)))
            for item in asleep:
                cloud.hosts[item].instance = replace(cloud.hosts[item].instance, state="stopped")
        chosen = asleep if self.draw.random() < 0.67 else []
        drawn = {item: self.draw.choice(list(KINDS)) for item in chosen if self.draw.random() < 0.7}
        self.kinds = {item: kind for item, kind in drawn.items() if kind not in without}
        for item, kind in self.kinds.items():
            KINDS[kind](cloud.hosts[item])

    @property
    def policy(self) -> dict[str, str]:
        return {"hibernated": "wake"} if self.wakes else {}

    def unpatchable(self) -> set[str]:
        """Hosts that no engine could have brought up, or that their window leaves as they are."""
        out = NEVER_UP | (frozenset() if self.wakes else SLEEPERS)
        return {item for item, kind in self.kinds.items() if kind in out}

    def change(self, world: World) -> None:
        """Now and then somebody turns a protection on or off, or lifts what forbids a host."""
        if world.quiet or not self.kinds or self.draw.random() > 0.01:
            return
        item = self.draw.choice(sorted(self.kinds))
        host = world.stage.cloud.hosts[item]
        if self.draw.random() < 0.5:
            host.stop_protected = not host.stop_protected
        else:
            host.start_refused = host.stop_refused = None
        world.tell(f"somebody changes what holds {item}")


def afterwards(world: World) -> Iterator[str]:
    """I6, I14 as EC2 could testify: who was asked how often, and how the hibernated ones sleep."""
    asked = Counter(
        (operation, item)
        for operation, ids in world.stage.cloud.calls
        for item in ids
        if operation in {"StartInstances", "StopInstances"}
    )
    again = 1 + world.injected["act_retry"] + world.injected["act_stop_beat"]
    for (operation, item), count in asked.items():
        if count > 2 * STOPS.most_tries * again:  # once in its batch and once alone
            yield f"I14 {operation} was asked {count} times for {item}"
    started = {item for operation, item in asked if operation == "StartInstances"}
    ours = PowerHold.objects.filter(state="released", started_at__isnull=False)
    slept = set(ours.filter(stop_attempts__gt=0).values_list("asset__instance_id", flat=True))
    for item, kind in world.stubborn.kinds.items():
        if kind not in SLEEPERS or item in world.touched:
            continue
        now = world.stage.cloud.hosts[item].instance
        if not world.stubborn.wakes and item in started:
            yield f"I6 {item} was hibernated and its window leaves it so, yet it was started"
        if item in slept and now.state == "stopped" and now.state_reason != HIBERNATED:
            yield f"I6 {item} was hibernated and is only stopped"
