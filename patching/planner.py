"""Pure planning: who is patched in a run, who is not, and the sentence that says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import NamedTuple, Protocol, TypeVar

from aws.states import ASLEEP, GONE, HIBERNATED, SPOT_INTERRUPTED
from patching.policy.waves import WaveRule

AUTO_SCALING_TAG = "aws:autoscaling:groupName"

IN_A_GROUP = "It belongs to the Auto Scaling group {}, which is renewed by image instead."
LEFT_HIBERNATED = "It is hibernated, and its window leaves hibernated servers as they are."

COVERAGE_SENTENCES = {
    "no_instance_profile": "It has no instance profile, so Systems Manager cannot reach it.",
    "no_agent": "No working SSM agent has ever reported from it.",
    "offline": "Its SSM agent has lost the connection.",
    "unknown_platform": "Its operating system is not one that the portal can patch.",
}


class Exempt(Protocol):
    """Why a host must not be patched in the interval of the run."""

    @property
    def code(self) -> str: ...
    @property
    def sentence(self) -> str: ...


@dataclass(frozen=True)
class Candidate:
    """What the planner knows of one enrolled asset."""

    asset_id: int
    account_id: str
    region: str
    instance_id: str
    platform: str
    state: str
    coverage_reasons: tuple[str, ...] = ()
    root_device_type: str = "ebs"
    state_reason: str = ""  # EC2's, of a stopped instance
    auto_scaling_group: str = ""
    gone: bool = False
    enrolled_late: bool = False

    @property
    def stopped(self) -> bool:
        return self.state in ASLEEP


@dataclass(frozen=True)
class Excluded:
    """A host that the plan leaves out, with a code for filters and a sentence for people."""

    candidate: Candidate
    code: str
    sentence: str


@dataclass(frozen=True)
class Plan:
    included: tuple[Candidate, ...]
    excluded: tuple[Excluded, ...]


def plan(
    candidates: Iterable[Candidate], exempt: Mapping[int, Exempt], *, wake_hibernated: bool = False
) -> Plan:
    """Every candidate appears exactly once: included, or left out with its first reason."""
    included, excluded = [], []
    for candidate in candidates:
        reason = reason_against(candidate, exempt.get(candidate.asset_id), wake_hibernated=wake_hibernated)
        if reason is None:
            included.append(candidate)
        else:
            excluded.append(Excluded(candidate, *reason))
    return Plan(tuple(included), tuple(excluded))


def reason_against(
    candidate: Candidate, exempt: Exempt | None, *, wake_hibernated: bool
) -> tuple[str, str] | None:
    """(code, sentence) of the first reason not to patch this host; None if it may be patched."""
    if candidate.gone or candidate.state in GONE:
        return "gone", "The instance no longer exists."
    if exempt is not None:
        return exempt.code, exempt.sentence
    if candidate.enrolled_late:
        return "enrolled_late", "It was enrolled after this run had started; the next run takes it."
    if group := candidate.auto_scaling_group:  # also of a warm pool or in standby
        return "auto_scaling", IN_A_GROUP.format(group)
    return _unreachable(candidate, wake_hibernated=wake_hibernated)


def _unreachable(candidate: Candidate, *, wake_hibernated: bool) -> tuple[str, str] | None:
    if candidate.stopped and candidate.root_device_type == "instance-store":
        return "cannot_start", "It is stopped and its root volume cannot be started again."
    if candidate.stopped and (
        why := against_a_start(candidate.state_reason, wake_hibernated=wake_hibernated)
    ):
        return why
    for code, sentence in COVERAGE_SENTENCES.items():
        if code in candidate.coverage_reasons:
            return code, sentence
    return None


def against_a_start(state_reason: str, *, wake_hibernated: bool) -> tuple[str, str] | None:
    """(code, sentence) of why a stopped instance stays as it is, by EC2's word for how it came to stop."""
    if state_reason == HIBERNATED and not wake_hibernated:
        return "hibernated", LEFT_HIBERNATED
    if state_reason == SPOT_INTERRUPTED:
        return "cannot_start", "EC2 has interrupted this Spot Instance, and only EC2 starts it again."
    return None


class Member(NamedTuple):
    """What decides the wave of a planned host."""

    key: int
    platform: str
    os_name: str
    tags: Mapping[str, str]


def assign_waves(members: Sequence[Member], rules: Sequence[WaveRule]) -> dict[int, int]:
    """key → number of its wave, from 1; whoever no rule takes is in the last one, after all rules.

    A count or share is spread over the operating systems, so that a canary meets each of them.
    """
    left = _spread(members)
    found: dict[int, int] = {}
    for number, rule in enumerate(rules, 1):
        taken = _taken(rule, left, len(members))
        found |= dict.fromkeys((item.key for item in taken), number)
        left = [item for item in left if item.key not in found]
    return found | dict.fromkeys((item.key for item in left), len(rules) + 1)


def _taken(rule: WaveRule, left: list[Member], total: int) -> list[Member]:
    if rule.tag:
        return [item for item in left if item.tags.get(rule.tag) in rule.values]
    if rule.percent is not None:
        return left[: -(-total * rule.percent // 100)]
    return left[: rule.count or 0]


def _spread(members: Sequence[Member]) -> list[Member]:
    """One of each operating system, then the second of each, and so on; the same order at each planning."""
    seen: Counter[tuple[str, str]] = Counter()
    places = []
    for item in sorted(members, key=lambda item: item.key):
        kind = (item.platform, item.os_name)
        places.append((seen[kind], kind, item.key, item))
        seen[kind] += 1
    return [item for *_, item in sorted(places, key=lambda place: place[:3])]


Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Consecutive lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def by_place(candidates: Sequence[Item]) -> Iterator[tuple[tuple[str, str, str], list[Item]]]:
    """Groups of one account, region and platform, in a stable order: one command never crosses them."""

    def place(item: Item) -> tuple[str, str, str]:
        return (item.account_id, item.region, item.platform)  # type: ignore[attr-defined]

    for key, group in groupby(sorted(candidates, key=place), key=place):
        yield key, list(group)


def one_per_cluster(candidates: Iterable[Item], busy: set[str]) -> list[Item]:
    """Leaves out all but the first member of each cluster, and every member of a cluster that is busy already."""
    taken, chosen = set(busy), []
    for candidate in candidates:
        cluster = candidate.cluster  # type: ignore[attr-defined]
        if cluster and cluster in taken:
            continue
        taken.add(cluster)
        chosen.append(candidate)
    return chosen
