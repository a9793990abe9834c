"""`manage.py audit_runs`: checks every invariant that rows can prove; ends with 1 when one is broken."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from patching.invariants import CHECKS, audited
from patching.models import Run


class Command(BaseCommand):
    help = "Checks the invariants of runs (I1 to I10, I12 and I13) and prints every violation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--run", type=int, help="only this run, by its number")
        parser.add_argument(
            "--days", type=int, default=30, help="runs that started in the last DAYS days (default 30)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        ids = self._runs(options["run"], options["days"])
        found = audited(ids, now=timezone.now())
        for item in found:
            self.stdout.write(str(item))
        if found:
            raise CommandError(f"{len(found)} violations in {len(ids)} runs.", returncode=1)
        self.stdout.write(f"{len(ids)} runs, {CHECKS} checks: every invariant holds.")

    def _runs(self, run: int | None, days: int) -> list[int]:
        if run is not None:
            if not Run.objects.filter(pk=run).exists():
                raise CommandError(f"There is no run {run}.", returncode=2)
            return [run]
        since = timezone.now() - timedelta(days=days)
        return list(Run.objects.filter(starts_at__gte=since).order_by("pk").values_list("pk", flat=True))
