"""What the user of `script/demo` sees in the terminal: addresses, live progress per phase, the report, the checks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from embedded import Stack
from portal.tones import Tone

LIMIT_S = 240  # --once promises an end within five minutes
# A pipe has no width: give the report room there, too.
console = Console() if sys.stdout.isatty() else Console(width=200)


def demo(stack: Stack, fleet: dict[str, Any], *, once: bool, tell: Callable[[dict[str, Any]], None]) -> int:
    django.setup()
    from demo import seed
    from portal.clock import database_now
    from portal.cloud import cloud
    from portal.inventory.operations import sync_all

    console.print(
        f"\n[bold]Patch Portal[/bold] is at [link={stack.url}]{stack.url}[/link]; sign in as", end=" "
    )
    console.print(", ".join(name for name, *_ in seed.PEOPLE), f"with the password {seed.PASSWORD}\n")
    seed.people()
    seed.accounts(fleet)
    facts = _facts(stack, fleet)
    tell(facts)
    sync_all(cloud=cloud(), now=database_now())
    seed.windows(database_now())
    seed.exceptions(database_now())
    window = seed.window_opening_now(database_now(), timedelta(seconds=30))
    seed.enrol_everyone(window, database_now())
    run = _await_run(window)
    tell(facts | {"run_id": run.pk, "pids": stack.pids()})
    console.print(f"Live: {stack.url}/runs/{run.pk}/\n")
    watch(run)
    report(run)
    failures = check(run)
    for failure in failures:
        console.print(f"[red]✗ {failure}[/red]")
    if once:
        return 1 if failures else 0
    console.print(f"\nThe site goes on at {stack.url}; Ctrl-C ends it.")
    stack.wait()
    return 0


def _facts(stack: Stack, fleet: dict[str, Any]) -> dict[str, Any]:
    from demo import seed

    return {
        "url": stack.url,
        "aws_endpoint_url": stack.environment["AWS_ENDPOINT_URL"],
        "accounts": [{"id": row["id"], "regions": row["regions"]} for row in fleet["accounts"]],
        "sign_ins": [
            {"role": grants[0][0].value, "user": name, "password": seed.PASSWORD, "token": seed.token(name)}
            for name, _, _, grants in seed.PEOPLE
        ],
        "run_id": None,
        "pids": stack.pids(),
    }


def _await_run(window):  # type: ignore[no-untyped-def]
    """The workers plan it; the demo only waits for what they did."""
    from demo import seed

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if run := seed.the_run(window):
            return run
        time.sleep(0.3)
    raise SystemExit(
        "script/demo: the workers planned no run within 60 s; see .state/logs/worker.log and beat.log."
    )


def watch(run) -> None:  # type: ignore[no-untyped-def]
    """One bar per phase until the run is over."""
    from patching.states import RUN_OVER

    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(40),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
    )
    deadline = time.monotonic() + LIMIT_S
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        bars = {
            name: progress.add_task(name, total=None, note="")
            for name in ("Started", "Checked", "Patched", "Cleaned up")
        }
        while time.monotonic() < deadline:
            run.refresh_from_db()
            for name, (done, total, note) in phases(run).items():
                progress.update(bars[name], completed=done, total=max(total, done), note=note)
            if run.state in RUN_OVER:
                return
            time.sleep(0.5)
    console.print(f"[red]The run was not over after {LIMIT_S} s; it is {run.state}.[/red]")


def phases(run) -> dict[str, tuple[int, int, str]]:  # type: ignore[no-untyped-def]
    from patching.models import Target
    from patching.states import TARGET_OVER, HoldState
    from patching.states import TargetState as T

    rows = Target.objects.filter(run=run)
    planned = rows.exclude(state=T.SKIPPED).count()
    holds = run.power_holds
    up = holds.exclude(state__in=[HoldState.WANTED, HoldState.STARTING]).count()
    waiting = rows.filter(state__in=[T.PLANNED, T.WAKING, T.WAITING, T.CHECKING]).count()
    over = rows.filter(state__in=TARGET_OVER).exclude(state=T.SKIPPED).count()
    cleaned = rows.exclude(state=T.SKIPPED).exclude(cleaned_at=None).count()
    skipped = rows.filter(state=T.SKIPPED).count()
    return {
        "Started": (up, holds.count(), "stopped servers"),
        "Checked": (planned - waiting, planned, f"{skipped} left out"),
        "Patched": (over, planned, run.get_state_display()),
        "Cleaned up": (cleaned, planned, ""),
    }


def report(run) -> None:  # type: ignore[no-untyped-def]
    """The post-patching report as a table, worst first."""
    from patching.models import Target

    rows = Target.objects.filter(run=run).select_related("asset")
    table = Table(title=f"Post-patching report: {run.name}", title_justify="left", header_style="dim")
    for column, width in (
        ("Server", 18),
        ("OS", 30),
        ("Verdict", 16),
        ("Kernel", 46),
        ("Updated", 7),
        ("Open", 4),
    ):
        table.add_column(column, overflow="fold", max_width=width)
    table.add_column("Reason", overflow="fold", ratio=1)
    for row in sorted(rows, key=lambda row: (standing(row).rank, row.asset.label)):
        table.add_row(*cells(row))
    console.print(table)
    console.print(totals(rows))


def cells(row) -> tuple[str, ...]:  # type: ignore[no-untyped-def]
    colours = {
        Tone.SUCCESS: "green",
        Tone.ATTENTION: "yellow",
        Tone.DANGER: "red",
        Tone.ACTIVE: "blue",
        Tone.UNKNOWN: "dim",
    }
    found = standing(row)
    colour = colours[found.tone]
    kernel = (
        row.kernel_before
        if row.kernel_before == row.kernel_after or not row.kernel_after
        else (f"{row.kernel_before} → {row.kernel_after}")
    )
    counts = ["" if n is None else str(n) for n in (row.updated_count, row.available_count)]
    reason = "" if found.tone == Tone.SUCCESS else row.reason
    return (
        row.asset.label,
        row.os_label,
        f"[{colour}]{found.word}[/{colour}]",
        kernel,
        *counts,
        reason,
    )


def totals(rows) -> str:  # type: ignore[no-untyped-def]
    from collections import Counter

    counts = Counter(standing(row).word for row in rows)
    return f"{len(rows)} servers: " + ", ".join(f"{n} {word.lower()}" for word, n in counts.most_common())


def check(run) -> list[str]:  # type: ignore[no-untyped-def]
    from demo import expectations

    failures = expectations.failures(run)
    if not failures:
        console.print(
            "[green]✓ Every expectation and invariant holds: nothing left tagged, every reason stored.[/green]"
        )
    return failures


def standing(row):  # type: ignore[no-untyped-def]
    from patching.standing import standing_of

    return standing_of(row.state, row.verdict, row.behind)
