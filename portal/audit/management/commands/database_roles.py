"""Gives the application a database role of its own; docs/database-roles.md."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand, CommandError

from portal.access.rules import Denied
from portal.audit import database_roles


class Command(BaseCommand):
    help = (
        "Gives the role of DATABASE_URL what the application needs and no more. Runs as DATABASE_OWNER_URL."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            database_roles.separate()
        except Denied as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(
            f"The application works as the role {database_roles.application_role()}, which owns nothing."
        )
