"""`manage.py audit_standing`: whether what lists read of servers, and who sees what, is as the rows say; 1 if not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from patching.invariants.standings import kept_scopes_are_true, kept_standings_are_true, write_anew
from patching.models import AssetStanding


class Command(BaseCommand):
    help = "Compares what lists read of every server with what its rows say, and prints each difference."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--mend", action="store_true", help="then write it anew from the rows")

    def handle(self, *args: Any, **options: Any) -> None:
        found = [*kept_standings_are_true(), *kept_scopes_are_true()]
        for item in found:
            self.stdout.write(str(item))
        if options["mend"]:
            write_anew()
            self.stdout.write(f"Written anew for {AssetStanding.objects.count():,} servers.")
        elif found:
            raise CommandError("Lists show servers as they are not: --mend writes it anew.", returncode=1)
        else:
            self.stdout.write(f"{AssetStanding.objects.count():,} servers stand in lists as their rows say.")
