"""The rows in which a plain loop and Cloud Custodian lose or double hosts, repeated with the portal's engine.

`python -m tests.benchmarks.baseline [HOSTS] [MANY]`: the sizes of the usual rows and of the large one.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass

from tests.benchmarks.database import database
from tests.benchmarks.fleet import Outcome, Work, connect, outcome, plan, work
from tests.benchmarks.lab_process import lab

HOSTS, MANY = 1_000, 5_000
Rates = dict[str, tuple[float, float]]
STRICT: Rates = {"*": (3, 3)}
SIM: Rates = {"*": (10, 5), "GetCommandInvocation": (20, 10)}


@dataclass(frozen=True)
class Row:
    """One case: how AWS throttles, how many workers and runs share the fleet, where the first worker is killed."""

    name: str
    others: str  # what happened to those who were measured before
    rates: Rates | None = None
    workers: int = 1
    kill_at: str = ""
    large: bool = False


def rows(hosts: int) -> list[Row]:
    """The killed calls lie in the middle of each phase, whatever the size."""
    sends = -(-hosts // 50)
    first, last = f"SendCommand:{(sends + 1) // 2}", f"SendCommand:{sends + (sends + 1) // 2}"
    listed = f"ListCommandInvocations:{sends + (sends + 1) // 2}"
    return [
        Row("sim", "plain loop: 0 lost in 281 s", SIM),
        Row("strict", "plain loop: dies, 1,000 left tagged", STRICT),
        Row("sim, ten workers", "plain loop: 8 of 10 die, 700 to 900 lost", SIM, workers=10),
        Row("strict, ten workers", "not measured", STRICT, workers=10),
        Row("strict, ten workers", "Cloud Custodian: 6 of 10 die, 3,000 lost", STRICT, workers=10, large=True),
        Row("killed at the tag", "plain loop: 502 left tagged unless repeated", kill_at="CreateTags:1"),
        Row("killed at a check's send", "no such phase", kill_at=first),
        Row("killed at a patch's send", "650 (loop), 550 (Custodian) commanded twice", kill_at=last),
        Row("killed at a result", "plain loop: 1,000 commanded twice", kill_at=listed),
        Row("killed at LastPatched", "Cloud Custodian: 1,000 commanded twice", kill_at="CreateTags:2"),
        Row("killed at the untag", "1,000 (loop), 400 to 1,000 (Custodian) commanded twice", kill_at="DeleteTags:1"),
    ]  # fmt: skip


numbers = itertools.count(1)


def measure(row: Row, hosts: int) -> tuple[Outcome, Work]:
    """One case from a fresh lab to the end of its runs."""
    account = f"2222{next(numbers):08d}"
    with lab(hosts, account) as aws:
        connect(aws, account)
        if row.rates:
            aws.throttle(row.rates)
        plan(account, row.workers)
        done = work(aws, row.workers, kill_at=row.kill_at)
        return outcome(aws), done


def line(row: Row, found: Outcome, done: Work) -> str:
    cells = (row.name, f"{found.hosts:,}", found.never_commanded, found.commanded_twice, found.still_tagged,
             found.without_last_patched, done.errors, found.throttled, f"{done.seconds:.0f}", row.others)  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


HEAD = """## baseline: what happened to others, repeated

One account and region on the simulated AWS with EC2's real rates; Systems Manager's are assumed: *sim* 10 at once and 5
a second for each call, *strict* 3 and 3. Ten workers are ten processes with ten runs. A killed worker dies (SIGKILL)
right after AWS carried out the call in the middle of its kind; the next worker goes on. Judged by AWS's own log and
tags. The last column is what was measured with the plain loop and Cloud Custodian at the same place.

| case | hosts | never sent | sent twice | still tagged | no LastPatched | errors | throttled | s | others |
|---|---|---|---|---|---|---|---|---|---|"""


def main() -> int:
    sizes = [int(text) for text in sys.argv[1:]] or [HOSTS, MANY]
    hosts, many = sizes[0], sizes[-1]
    print(HEAD, flush=True)
    bad = 0
    with database():
        for row in rows(hosts):
            found, done = measure(row, many if row.large else hosts)
            print(line(row, found, done), flush=True)
            bad += not found.clean or done.errors > 0
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
