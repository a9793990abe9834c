"""The results queue: hints that are lost, doubled and out of order, and a queue that does not answer for an hour."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from unittest import mock

from django.test.utils import override_settings

from aws.calls import Retry
from aws.errors import Silent, Unasked
from aws.ports import Command, QueueMessage
from patching import tasks
from portal.limits.circuits import FIRST_PAUSE_S
from tests.simulation.faults import DatabaseGone, Killed

if TYPE_CHECKING:
    from tests.simulation.world import World

BATCH = 10


class Events:
    """`aws.ports.Queue` of one seed. Most seeds have none: their results are found by the sweeps alone."""

    def __init__(self, world: World) -> None:
        self.world, self.random = world, random.Random(f"status events {world.seed}")
        self.used = self.random.random() < 0.4
        self.often = self.random.choice([0.0, 0.05, 0.2])
        self.waiting: list[QueueMessage] = []
        self.silent_until: datetime | None = None
        self.trial_at: datetime | None = None

    def sent(self, command: Command) -> None:
        """Its hosts answer at once, so its end is told at once: or never, or twice."""
        if self.used:
            detail = {"command-id": command.command_id, "status": "Success"}
            event = {
                "source": "aws.ssm",
                "detail-type": "EC2 Command Status-change Notification",
                "detail": detail,
            }
            for _ in range(self.random.choice([0, 1, 1, 2])):
                self.waiting.append(QueueMessage(f"r-{self.random.random()}", json.dumps(event)))

    def step(self) -> None:
        """Falls silent now and then; a worker of its own reads what there is."""
        if not self.used or not (self.waiting or self.silent_until):
            return
        if self.random.random() < self.often and self.world.rate and "queue_silent" not in self.world.without:
            self.silent_until = self.world.stage.clock() + timedelta(seconds=self.random.choice([60, 3600]))
            self.world.injected["queue_silent"] += 1
            self.world.tell("the results queue falls silent")
        with self.draws():
            try:
                tasks.consume_events()
            except (Killed, DatabaseGone):
                self.world.dead = False

    @contextmanager
    def draws(self) -> Iterator[None]:
        """What goes wrong in here is drawn from this stream, so that the seed's own stays what it was."""
        of_the_seed, self.world.random = self.world.random, self.random
        yield
        self.world.random = of_the_seed

    def receive(self, url: str, *, wait_s: int) -> list[QueueMessage]:
        now = self.world.stage.clock()
        if self.trial_at and now < self.trial_at:
            raise Unasked("The queue is silent.", code="CircuitOpen", operation="ReceiveMessage")
        if self.silent_until and now < self.silent_until:
            self.world.stage.clock.forward(Retry.HINT.value.read_s)
            self.trial_at = self.world.stage.clock() + timedelta(seconds=FIRST_PAUSE_S)
            raise Silent("No answer.", operation="ReceiveMessage")
        self.silent_until = self.trial_at = None
        return self.random.sample(self.waiting, min(BATCH, len(self.waiting)))

    def delete(self, url: str, receipts: Sequence[str]) -> None:
        self.waiting = [message for message in self.waiting if message.receipt not in receipts]

    @contextmanager
    def hooked(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(override_settings(EVENTS_QUEUE_URL="https://sqs.invalid/events"))
            stack.enter_context(mock.patch.object(tasks, "event_queue", return_value=self))
            stack.enter_context(mock.patch.object(tasks, "database_now", self.world.stage.clock))
            stack.enter_context(mock.patch.object(tasks, "log", self.world))
            yield
