"""A way in for whoever runs the server: the first patch admin, or one who is locked out."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser
from django.urls import reverse
from django.utils import timezone

from portal.access.rules import Conflict, Denied
from portal.people.operations import first_admin

LINK = """No patch admin is there yet. Whoever opens this link first, within {hours:.0f} hours, becomes one:
    {url}"""


class Command(BaseCommand):
    help = (
        "Makes NAME a patch admin who may sign in, and prints a password once; a known NAME is let in again. "
        "With --link: while no admin is there, prints a link that makes one, once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("name", metavar="NAME", nargs="?", help="the user name to sign in with")
        which.add_argument(
            "--link", action="store_true", help="for the first admin; nothing where one is there"
        )
        parser.add_argument("--email", default="", help="of a new NAME; not needed")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(self._link() if options["link"] else self._person(**options), ending="")
        except Denied as refusal:
            raise CommandError(str(refusal)) from None

    def _link(self) -> str:
        try:
            token = first_admin.make_link(now=timezone.now())
        except Conflict:  # the usual case: an admin is there
            return ""
        url = settings.PORTAL_URL + reverse("people:first-admin", args=[token])
        return LINK.format(hours=first_admin.LINK_LASTS.total_seconds() / 3600, url=url) + "\n"

    def _person(self, *, name: str, email: str, **_: Any) -> str:
        person, password = first_admin.make_or_rescue(username=name, email=email)
        return (
            f"{person.username} is a patch admin. Password, shown once: {password}\n"
            f"Sign in at {settings.PORTAL_URL} and choose one of your own.\n"
        )
