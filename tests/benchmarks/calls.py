"""How many AWS calls one run costs against the least possible, beside the loop that people write. On the lab.

`python -m tests.benchmarks.calls [HOSTS] [HOSTS_OF_THE_LOOP]`
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.benchmarks import buckets, plain_loop
from tests.benchmarks.database import database
from tests.benchmarks.fleet import connect, outcome, plan, work
from tests.benchmarks.lab_process import Call, lab

HOSTS, LOOP_HOSTS = 10_000, 500
TAGGED_AT_ONCE, SENT_AT_ONCE, DESCRIBED_AT_ONCE = 1_000, 50, 200
# The lab is slower than ten thousand real hosts: so long a command that is answered in part is left alone.
GATHER_S = 300


@dataclass(frozen=True)
class Cost:
    """The calls of one way to patch `hosts` servers, in their order, and how long it took on the lab."""

    hosts: int
    calls: list[Call]
    seconds: float
    checks: frozenset[str] = frozenset()  # ids of the commands that only looked

    def counted(self) -> Counter[tuple[str, str]]:
        """(phase or nothing, operation) → calls; objects in S3 are left out."""
        return Counter(
            (self.phase(call), call["operation"]) for call in self.calls if call["service"] != "s3"
        )

    def phase(self, call: Call) -> str:
        if not call["command_id"]:
            return ""
        return "pre-check" if call["command_id"] in self.checks else "patch"

    def objects(self, operation: str) -> int:
        return sum(call["service"] == "s3" and call["operation"] == operation for call in self.calls)

    @property
    def total(self) -> int:
        return self.counted().total()

    @property
    def bucket_s(self) -> float:
        return buckets.seconds(self.calls)


def least(hosts: int) -> Counter[tuple[str, str]]:
    """What no client can go below: tags on, LastPatched and tags off; a send and a list page per 50 in each phase.

    Each batch is read again right before it is patched, and each change of a tag is read back, 200 a call.
    """
    tags, sends, read = (-(-hosts // size) for size in (TAGGED_AT_ONCE, SENT_AT_ONCE, DESCRIBED_AT_ONCE))
    each = {"SendCommand": sends, "ListCommandInvocations": sends}
    phases = {(phase, name): count for phase in ("pre-check", "patch") for name, count in each.items()}
    return Counter(
        {("", "CreateTags"): 2 * tags, ("", "DeleteTags"): tags, ("", "DescribeInstances"): sends + 3 * read}
        | phases
    )


def ours(hosts: int) -> Cost:
    """One run by one worker, from its first look to its end. Raises AssertionError when a host is not patched."""
    from patching.models import Dispatch
    from patching.states import Phase

    account = "111122223333"
    with lab(hosts, account) as aws:
        connect(aws, account)
        before = len(aws.calls())
        plan(account, 1, gather_s=GATHER_S)
        done = work(aws, 1)
        found = outcome(aws)
        assert found.clean, found
        assert not done.errors
        checks = Dispatch.objects.exclude(phase=Phase.PATCH).values_list("command_ids", flat=True)
        ids = frozenset(command_id for some in checks for command_id in some)
        return Cost(hosts, aws.calls(before), done.seconds, ids)


def loop(hosts: int) -> Cost:
    """The plain loop on a lab of its own."""
    account = "111122224444"
    with lab(hosts, account) as aws:
        began = time.perf_counter()
        plain_loop.patch(aws, account)
        return Cost(hosts, aws.calls(), time.perf_counter() - began)


def rows(found: Cost) -> Iterable[str]:
    counted, floor = found.counted(), least(found.hosts)
    for phase, name in sorted(floor):
        own, low = counted[phase, name], floor[phase, name]
        yield f"| {name} | {phase or 'both'} | {low:,} | {own:,} | {own / low:.2f} |"


def besides(found: Cost) -> str:
    floor = least(found.hosts)
    others = sorted(
        (name, count) for (phase, name), count in found.counted().items() if (phase, name) not in floor
    )
    return ", ".join(f"{name} {count:,}" for name, count in others)


def beside(name: str, cost: Cost, hosts: int) -> str:
    """One way as a line, its figures scaled to `hosts`."""
    times = hosts / cost.hosts
    figures = f"{cost.total * times:,.0f} | {cost.total / cost.hosts:.3f} | {cost.bucket_s * times:,.0f}"
    return f"| {name} | {cost.hosts:,} | {figures} | {cost.seconds * times:,.0f} |"


def main() -> int:
    sizes = [int(text) for text in sys.argv[1:]] or [HOSTS, LOOP_HOSTS]
    hosts = sizes[0]
    with database():
        found, plain = ours(hosts), loop(min(sizes[-1], hosts))
    print("## calls: AWS calls of one run against the least possible\n")
    print(
        f"{hosts:,} hosts in one account and region on the simulated AWS, pre-check and patch; a command that is"
    )
    print(
        f"answered in part is read after {GATHER_S} s at the soonest (`gather_s`), since the lab itself is slow.\n"
    )
    print("| call | phase | least possible | Patch Portal | ratio |\n|---|---|---|---|---|")
    print("\n".join(rows(found)))
    print(
        f"\nBesides: {besides(found)}. Apart: {found.objects('GetObject') / hosts:.2f} objects of S3 read a host"
    )
    print(f"({2 * hosts:,} reports).\n")
    print(
        f"The same job by the loop that people write (no pre-check), run with {plain.hosts:,} hosts and scaled to"
    )
    print(
        f"{hosts:,}. AWS's buckets: the calls in their order against EC2's buckets and 3 a second for each call of"
    )
    print("Systems Manager (an assumption), nothing else taking any time.\n")
    print(
        "| | hosts run | calls | calls a host | s by AWS's buckets | s on this lab |\n|---|---|---|---|---|---|"
    )
    print(beside("Patch Portal", found, hosts))
    print(beside("the plain loop", plain, hosts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
