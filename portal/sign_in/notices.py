"""The notifications of sign-ins and passwords; whom they concern is told outside the portal as well."""

from __future__ import annotations

from django.urls import reverse

from portal.access.queries import people_with
from portal.access.states import Role
from portal.notify.kinds import Kind
from portal.tones import Tone


def personal(name: str) -> Kind:
    """A kind that is about the person themselves; what was said is the sentence."""
    return Kind(
        name, ("person",), people=lambda person, _: [person], sentence=lambda _, said, by: said,
        link=lambda _: "", tone=Tone.ATTENTION, personal=True,
    )  # fmt: skip


KINDS = [
    *(personal(f"person.{what}") for what in ("password", "password_changed", "password_reset")),
    Kind(
        "person.break_glass", ("admins",), people=lambda _, word: people_with(Role.ADMIN),
        sentence=lambda _, said, by: said, link=lambda _: reverse("audit:events"), tone=Tone.DANGER, personal=True,
    ),
]  # fmt: skip
