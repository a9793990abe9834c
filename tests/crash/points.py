"""Kill points: at which AWS call, at which moment of it, whom. Chosen from the calls that an undisturbed run makes."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

BEFORE, LOST, ANSWERED = "before", "lost", "answered"
# before: the call is never carried out; lost: carried out, its answer is not heard; answered: heard, then the kill.
MOMENTS = (BEFORE, LOST, ANSWERED)
NOBODY, WORKER, PARENT, ALL = "nobody", "worker", "worker's parent", "all workers and beat"
BEAT, VALKEY, EMPTIED, POSTGRES = "beat", "valkey", "valkey emptied", "postgres"
VICTIMS = (WORKER, NOBODY, POSTGRES, VALKEY, EMPTIED, BEAT, ALL, PARENT)
_LINE = re.compile(r"(?P<operation>\w+) #(?P<nth>[1-9]\d*) (?P<moment>\w+): (?P<victim>.+)")
DOCUMENTS = {
    "DescribeDocument",
    "GetDocument",
    "CreateDocument",
    "UpdateDocument",
    "UpdateDocumentDefaultVersion",
}
# Made with the portal's own credentials, so they belong to no lane's account.
OF_THE_PORTAL = {"AssumeRole", "GetObject", "PutObject", "ListObjectsV2", "HeadObject"}
LOOKS = {"DescribeInstances", "ListCommands", "ListCommandInvocations", "DescribeInstanceInformation"}


@dataclass(frozen=True)
class KillPoint:
    """The `nth` call of an operation in a run; who is killed there, and when."""

    operation: str
    nth: int
    moment: str
    victim: str

    def __str__(self) -> str:
        return f"{self.operation} #{self.nth} {self.moment}: {self.victim}"

    @classmethod
    def parse(cls, text: str) -> KillPoint:
        """What `str` wrote. Raises ValueError."""
        found = _LINE.fullmatch(text.strip())
        if not found or found["moment"] not in MOMENTS or found["victim"] not in VICTIMS:
            raise ValueError(f"{text!r} is no kill point; one is `SendCommand #2 lost: worker`")
        return cls(found["operation"], int(found["nth"]), found["moment"], found["victim"])


def counted(calls: Iterable[dict[str, Any]], account: str, lanes: int) -> dict[str, int]:
    """How often one run makes each call, in the order of the first; the portal's own calls are shared by all lanes."""
    made = Counter(call["operation"] for call in calls if call["account"] == account or _shared(call))
    return {name: -(-count // lanes) if name in OF_THE_PORTAL else count for name, count in made.items()}


def _shared(call: dict[str, Any]) -> bool:
    return call["operation"] in OF_THE_PORTAL


def every(calls: Mapping[str, int]) -> Iterator[KillPoint]:
    """The worker at each call and moment; everybody else at the first, middle and last of each operation."""
    for operation, count in calls.items():
        for nth in range(1, count + 1):
            yield from (KillPoint(operation, nth, moment, WORKER) for moment in MOMENTS)
    turn = 0
    for victim in VICTIMS[1:]:
        for operation, count in calls.items():
            for nth in spread(operation, count):
                turn += 1
                yield KillPoint(operation, nth, moments_of(victim)[turn % len(moments_of(victim))], victim)


def spread(operation: str, count: int) -> list[int]:
    """First, middle and last; how often a run looks is not the same each time, so a look's last comes earlier."""
    last = max(1, count * 2 // 3) if operation in LOOKS else count
    return sorted({1, (last + 1) // 2, last})


def moments_of(victim: str) -> tuple[str, ...]:
    """Where nobody is killed, only a lost request or a lost answer is a disturbance."""
    return (BEFORE, LOST) if victim == NOBODY else MOMENTS


def some(calls: Mapping[str, int], most: int, seed: int = 0) -> list[KillPoint]:
    """A sample in which each operation, each moment and each victim stands; the seed chooses the combinations."""
    chance = random.Random(seed)
    victims, chosen = list(VICTIMS), list[KillPoint]()
    while len(chosen) < most:
        chance.shuffle(victims)
        for operation, count in calls.items():
            victim = victims[len(chosen) % len(victims)]
            moment = moments_of(victim)[len(chosen) // 2 % len(moments_of(victim))]
            chosen.append(KillPoint(operation, chance.choice(spread(operation, count)), moment, victim))
    return chosen[:most]


def partly_fresh(calls: Mapping[str, int], most: int, fresh: int, seeds: tuple[int, int]) -> list[KillPoint]:
    """The same sample, but the combinations of its last `fresh` points are drawn by the second seed."""
    always, new = (some(calls, most, seed) for seed in seeds)
    return [*always[: most - fresh], *new[most - fresh :]]
