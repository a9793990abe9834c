"""Post-patching reports: totals, and one line per server, worst first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from patching.filters import TargetFilter
from patching.models import Run, Target
from patching.queries.board import progress_by_run, with_group
from patching.queries.runs import Progress, count_into, progress
from patching.standing import standing_of
from patching.states import RUN_OVER, Agreement
from patching.words import parts_of, said_once
from portal.access.models import User
from portal.access.queries import read_grants_once
from portal.web.csv_export import csv_response
from portal.web.filters import chips_of
from portal.web.paging import KeysetPager, capped_count
from portal.web.requests import SignedIn
from reports.queries.changes import kernels, package_changes
from reports.views.changes import ON_MOST_FIRST

PAGER = KeysetPager(order=("rank", "asset__name", "pk"))
FINISHED = KeysetPager(order=("-starts_at", "-pk"))
CHANGES_SHOWN = 8
AGREEMENTS: dict[str, str] = {
    Agreement.AGREES: "agrees",
    Agreement.SSM_FAILED_HOST_PATCHED: "says failed, the host is patched",
    Agreement.SSM_OK_HOST_UNPATCHED: "says success, the host is not patched",
    Agreement.NO_REPORT: "no report from the host",
}


@require_GET
def finished(request: SignedIn) -> HttpResponse:
    read_grants_once(request.user)
    runs = Run.objects.visible_to(request.user).filter(state__in=RUN_OVER)
    page = FINISHED.page_of(request, runs)
    # Only of the runs that are shown: counting in the query of the list would count those of every run there ever was.
    counts = progress_by_run(page.rows, Target.objects.visible_to(request.user))
    context = {"page": page, "rows": [{"run": run, "counts": counts[run.pk]} for run in page]}
    return render(request, "reports/finished.html", context)


def rows_of(user: User, run: Run) -> QuerySet[Target]:
    """The servers of the run that the user may see, with their group; for page, file and API."""
    rows = run.targets.visible_to(user).select_related("asset", "asset__account")
    return with_group(rows)


@require_GET
def run_report(request: SignedIn, pk: int) -> HttpResponse:
    read_grants_once(request.user)
    run = get_object_or_404(Run.objects.visible_to(request.user), pk=pk)
    everything = rows_of(request.user, run)
    form = TargetFilter(request.GET)
    rows: Any = form.narrow(everything)
    page, counts = PAGER.page_of(request, rows), progress(run, everything)
    total, capped = capped_count(rows) if form.narrows else (counts.total, False)
    context = {
        "run": run,
        "form": form,
        "chips": chips_of(form, request.GET),
        "page": page,
        "rows": said_once(line(row) for row in page.rows),
        "total": total,
        "capped": capped,
        "counts": counts,
        "parts": parts_of(counts, reverse("reports:run-report", args=[pk]), check_only=run.check_only),
        "totals": _totals(everything),
        "query": request.GET.urlencode(),
    }
    context |= _odd_ones(everything)
    if not form.narrows and "cursor" not in request.GET:
        context |= _changes(everything)
    return render(request, "reports/run_report.html", context)


def _odd_ones(targets: QuerySet[Target]) -> dict[str, int]:
    """On how many the two disagree, and how many withheld updates."""
    agreed = Q(agreement__in=["", Agreement.AGREES, Agreement.NO_REPORT])
    return targets.order_by().aggregate(
        disagreements=Count("pk", filter=~agreed), withholding=Count("pk", filter=Q(withheld_count__gt=0))
    )


def _changes(targets: QuerySet[Target]) -> dict[str, Any]:
    """The first of what changed: kernels, and what changed on most servers."""
    found = list(package_changes(targets).order_by(*ON_MOST_FIRST.order)[: CHANGES_SHOWN + 1])
    return {
        "kernels": kernels(targets)[:CHANGES_SHOWN],
        "changes": found[:CHANGES_SHOWN],
        "more_changes": len(found) > CHANGES_SHOWN,
    }


TOTALS = [
    ("Operating system", "os_label"),
    ("Account", "asset__account__name"),
    ("Application", "asset__application"),
]


def _totals(rows: QuerySet[Target]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Per account, application and system: how many servers, and what became of them; one query for all."""
    columns = [column for _, column in TOTALS]
    counted = list(rows.order_by().values(*columns, "state", "verdict", "behind").annotate(n=Count("pk")))
    return [(title, _grouped(counted, column)) for title, column in TOTALS]


def _grouped(counted: list[dict[str, Any]], column: str) -> list[dict[str, Any]]:
    groups: dict[str, Progress] = {}
    for row in counted:
        counts = groups.setdefault(row[column] or "not known", Progress())
        count_into(counts, (row["state"], row["verdict"], row["behind"]), row["n"])
    largest = sorted(groups.items(), key=lambda group: (-group[1].total, group[0]))[:20]
    return [{"name": name, "counts": counts} for name, counts in largest]


def line(row: Target) -> dict[str, Any]:
    standing = standing_of(row.state, row.verdict, row.behind)
    return {
        "target": row,
        "word": standing.word,
        "tone": standing.tone,
        "agreement": AGREEMENTS.get(row.agreement, ""),
        "disagrees": row.agreement in {Agreement.SSM_FAILED_HOST_PATCHED, Agreement.SSM_OK_HOST_UNPATCHED},
    }


@require_GET
def run_report_csv(request: SignedIn, pk: int) -> HttpResponseBase:
    run = get_object_or_404(Run.objects.visible_to(request.user), pk=pk)
    rows: Any = TargetFilter(request.GET).narrow(rows_of(request.user, run))
    header = (
        "server", "instance id", "account", "region", "application", "os", "state", "verdict", "SSM", "kernel before",
        "kernel after", "packages updated", "still available", "rebooted", "reboot needed", "reason", "outcome",
        "withheld by the host", "release", "newest release", "counts as",
    )  # fmt: skip
    return csv_response(
        f"run-{run.pk}.csv",
        header,
        _csv_rows(rows.order_by("rank", "asset__name", "pk"), check_only=run.check_only),
    )


def _csv_rows(rows: QuerySet[Target], *, check_only: bool) -> Iterator[tuple[Any, ...]]:
    for row in rows.iterator(chunk_size=2000):
        yield (
            row.asset.label, row.instance_id, row.account_id, row.region, row.asset.application, row.os_label,
            row.get_state_display(), row.verdict, AGREEMENTS.get(row.agreement, ""), row.kernel_before,
            row.kernel_after, row.updated_count, row.available_count, row.rebooted, row.reboot_needed, row.reason,
            (standing := standing_of(row.state, row.verdict, row.behind)).word,
            row.withheld_count, row.release, row.newest_release,
            standing.group.words(1, check_only=check_only),
        )  # fmt: skip
