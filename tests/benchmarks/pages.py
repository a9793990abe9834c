"""Every page of every role on a million targets: within a second, or within five the sentence why not.

`python -m tests.benchmarks.pages [WEEKS]`: a run a week of each of fifty windows; 55 make the million.
"""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle

from tests.benchmarks.addresses import Site, addresses
from tests.benchmarks.database import database
from tests.benchmarks.history import History
from tests.benchmarks.planned import Size
from tests.benchmarks.website import Answer, ask, cookie, running

QUICK_S, LATEST_S = 1.0, 5.0
READERS, HEAVY_FOR_S, ALONE_FOR_S = 8, 40.0, 10.0
ROLES = ("ada", "ana", "bo", "cy", "audrey")  # admin, owner, approver, owner of an eighth, auditor
# It asks AWS, whose time is not the portal's.
ASKS_AWS = {"inventory:account-check"}
HEAVY = ("/audit/?q=zzzz", "/audit/?actor=zzzz", "/reports/", "/runs/{large}/report/", "/runs/{large}/", "/?q=zzzz",
         "/audit/events.csv", "/runs/{large}/report.csv")  # fmt: skip
ORDINARY = (
    "/",
    "/tonight/",
    "/runs/",
    "/runs/{usual}/",
    "/servers/41/",
    "/reports/",
    "/exceptions/",
    "/windows/",
)


@dataclass
class Verdict:
    """How one role's pages answered."""

    quick: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def add(self, address: str, answer: Answer) -> None:
        said = f"{address} {answer.status} after {answer.seconds:.2f} s"
        if answer.status == 503 and answer.seconds < LATEST_S and "so it was stopped" in answer.text:
            self.told.append(said)
        elif answer.status < 500 and answer.seconds < QUICK_S:
            self.quick.append(answer.seconds)
        else:
            self.bad.append(said)


def visit(site: Site, person: str) -> Verdict:
    """Every page once, after a first one that warms the site up."""
    from portal.web.csv_export import STREAMS

    verdict = Verdict()
    ask("/", site.cookies[person])
    for name, address in addresses(site):
        if name in STREAMS | ASKS_AWS:
            continue
        answer = ask(address, site.cookies[person])
        if answer.status != 405:  # an act: there is no page
            verdict.add(address, answer)
    return verdict


def exports(site: Site) -> list[tuple[str, Answer]]:
    """Each file as the admin gets it."""
    from portal.web.csv_export import STREAMS

    return [
        (address, ask(address, site.cookies["ada"])) for name, address in addresses(site) if name in STREAMS
    ]


@contextmanager
def heavy(site: Site) -> Iterator[tuple[list[int], list[str]]]:
    """Eight readers who ask without a pause; yields the number of their answers, and those that are errors of ours."""
    over, asked, broken = threading.Event(), [0], list[str]()

    def read(number: int) -> None:
        for address in cycle([*HEAVY[number:], *HEAVY[:number]]):
            if over.is_set():
                return
            answer = ask(address.format(**site.names), site.cookies[f"reader{number}"])
            asked[0] += 1
            if answer.status >= 500 and answer.status != 503:
                broken.append(f"{address} {answer.status}")

    readers = [threading.Thread(target=read, args=[number]) for number in range(READERS)]
    for reader in readers:
        reader.start()
    time.sleep(2)
    yield asked, broken
    over.set()
    for reader in readers:
        reader.join()


def ordinary(site: Site, for_s: float) -> tuple[list[float], list[str]]:
    """(seconds of an owner's pages, one after the other; those that came late or not at all)."""
    seconds, late, end = list[float](), list[str](), time.monotonic() + for_s
    for address in cycle(ORDINARY):
        if time.monotonic() > end:
            return seconds, late
        answer = ask(address.format(**site.names), site.cookies["ana"])
        seconds.append(answer.seconds)
        if answer.status != 200 or answer.seconds >= QUICK_S:
            late.append(f"{address.format(**site.names)} {answer.status} after {answer.seconds:.2f} s")
    raise AssertionError("a circle has no end")


def people() -> dict[str, int]:
    """The cast, and the heavy readers; name → key."""
    from portal.access.models import Grant
    from portal.access.states import Dimension, Role
    from tests import cast

    found = {name: getattr(cast, name)() for name in ROLES}
    for name, dimension, value in (("ana", "application", "app-01"), ("bo", "application", "app-01"),
                                   ("cy", "business_unit", "unit-1")):  # fmt: skip
        Grant.objects.filter(user=found[name]).update(dimension=dimension, value=value)
    for number in range(READERS):
        name = f"reader{number}"
        found[name] = cast._person(name, (Role.AUDITOR, Dimension.EVERYTHING, ""))
    return {name: person.pk for name, person in found.items()}


HEAD = """## pages: every page of every role on {targets:,} targets

{servers:,} servers in {windows} windows, {runs:,} runs, {targets:,} targets, {changes:,} package changes, {events:,}
audit events, written by COPY in {filled:.0f} s. {workers} web processes of {threads} threads, as `script/serve` starts
them. A page answers within {quick:g} s or says within {latest:g} s why not; each with its dearest filters: searches
that find nothing, the run of {large:,} servers, the far end of the audit trail. The machine's load before: {load:.1f}.

| who | pages | median ms | slowest ms | stopped with a sentence | late |
|---|---|---|---|---|---|"""


def main() -> int:
    size = Size(weeks=int(sys.argv[1])) if len(sys.argv) > 1 else Size()
    with database():
        site, took = fill(size)
        with running():
            return report(site, took)


def fill(size: Size) -> tuple[Site, float]:
    from django.db import connection

    from tests.benchmarks.copying import Copier

    keys, began = people(), time.perf_counter()
    with connection.cursor() as cursor:
        history = History(size, datetime.now(UTC), Copier(cursor), keys)
        history.write()
    return Site(history, {name: cookie(pk) for name, pk in keys.items()}), time.perf_counter() - began


def report(site: Site, took: float) -> int:
    """Prints the section; 1 when a promise is broken."""
    limits = {"quick": QUICK_S, "latest": LATEST_S, "load": os.getloadavg()[0]}
    print(HEAD.format(**counts(site), **limits, filled=took, large=site.history.size.at_once), flush=True)
    bad = []
    for person in ROLES:
        found = visit(site, person)
        bad += [f"{person}: {said}" for said in found.bad]
        median, slowest = statistics.median(found.quick) * 1000, max(found.quick) * 1000
        told = ", ".join(found.told) or "none"
        pages = len(found.quick) + len(found.told) + len(found.bad)
        print(
            f"| {person} | {pages} | {median:.0f} | {slowest:.0f} | {told} | {len(found.bad)} |", flush=True
        )
    bad += report_exports(site) + report_audit() + report_heavy(site)
    for said in bad:
        print(said, file=sys.stderr)
    return 1 if bad else 0


def counts(site: Site) -> dict[str, int]:
    from patching.models import PackageChange, Run, Target
    from portal.audit.models import AuditEvent
    from tests.benchmarks.website import THREADS, WORKERS

    size = site.history.size
    found = {"runs": Run, "targets": Target, "changes": PackageChange, "events": AuditEvent}
    return {name: model.objects.count() for name, model in found.items()} | {  # type: ignore[attr-defined]
        "servers": size.enrolled + size.loose, "windows": size.windows, "workers": WORKERS, "threads": THREADS,
    }  # fmt: skip


def report_exports(site: Site) -> list[str]:
    from django.conf import settings

    print("\nExports, the only pages that may take longer:\n")
    print("| file | lines | MB | s | complete |\n|---|---|---|---|---|")
    bad = []
    for address, answer in exports(site):
        lines, whole = answer.text.count("\n"), "no, said" if "INCOMPLETE" in answer.text[-500:] else "yes"
        print(
            f"| {address} | {lines:,} | {answer.size / 1e6:.1f} | {answer.seconds:.1f} | {whole} |",
            flush=True,
        )
        if answer.status != 200 or answer.seconds > settings.EXPORT_SECONDS + 1:
            bad.append(f"{address} {answer.status} after {answer.seconds:.1f} s")
    return bad


def report_audit() -> list[str]:
    """The audit of runs, asked for as by its button and carried on by one worker."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from patching.operations import audits
    from portal.clock import database_now

    began = time.perf_counter()
    audit, _ = audits.ask(by=None, now=database_now())
    asked = time.perf_counter() - began
    with CaptureQueriesContext(connection) as caught:
        while not audit.over:
            audits.work(clock=database_now, until=database_now() + audits.LEASE)
            audit.refresh_from_db()
    print(f"\nThe audit of {audit.checked:,} runs is asked for in {asked * 1000:.0f} ms and made by a worker in "
          f"{audit.took_s:.1f} s with {len(caught):,} queries.")  # fmt: skip
    return [f"the audit: {audit.reason or audit.violations[:3]}"] if audit.reason or audit.broken else []


def report_heavy(site: Site) -> list[str]:
    """An owner's pages alone, and beside the heavy readers."""
    alone, _ = ordinary(site, ALONE_FOR_S)
    with heavy(site) as (asked, broken):
        beside, late = ordinary(site, HEAVY_FOR_S)
    print(
        f"\nAn owner's usual pages alone, and beside {READERS} readers who ask for the dearest pages and exports"
    )
    print(f"without a pause ({asked[0]:,} answers):\n")
    print("| | pages | median ms | 95 % within ms | slowest ms |\n|---|---|---|---|---|")
    for name, seconds in (("alone", alone), ("beside them", beside)):
        ranked = [1000 * one for one in sorted(seconds)]
        figures = f"{ranked[len(ranked) // 2]:.0f} | {ranked[len(ranked) * 95 // 100]:.0f} | {ranked[-1]:.0f}"
        print(f"| {name} | {len(ranked)} | {figures} |", flush=True)
    return [f"beside the heavy readers: {said}" for said in late + broken]


if __name__ == "__main__":
    sys.exit(main())
