"""The notifications of what an admin changed of a person, and of an admin made by whoever runs the server."""

from __future__ import annotations

from django.urls import reverse

from portal.access.queries import people_with
from portal.access.states import Role
from portal.notify.kinds import Kind
from portal.people.rules import second_admins
from portal.sign_in.notices import personal
from portal.tones import Tone

PERSONAL = (
    "changed",
    "grant_declined",
    "granted",
    "handed_over",
    "revoked",
    "let_in",
    "linked",
    "shut_out",
    "unlinked",
)
KINDS = [
    *(personal(f"person.{what}") for what in PERSONAL),
    Kind(
        "person.first_admin", ("admins",), people=lambda _, word: people_with(Role.ADMIN),
        sentence=lambda _, said, by: said, link=lambda person: reverse("people:person", args=[person.pk]),
        tone=Tone.ATTENTION, personal=True,
    ),
    Kind(
        "person.no_admin_left", ("auditors",), people=lambda _, word: people_with(Role.AUDITOR),
        sentence=lambda _, said, by: said, link=lambda _: "", tone=Tone.DANGER, personal=True,
    ),
    Kind(
        # Whoever got it reads so already.
        "person.granted_alone", ("approvers",),
        people=lambda about, _: [leader for leader in people_with(Role.APPROVER) if leader != about],
        sentence=lambda _, said, by: said, link=lambda _: "", tone=Tone.ATTENTION, personal=True,
    ),
    Kind(
        "person.grant_waits", ("admins",),
        people=lambda waiting, _: second_admins(waiting.asked_by, waiting.person),
        sentence=lambda _, said, by: said, link=lambda waiting: reverse("people:person", args=[waiting.person_id]),
        tone=Tone.ATTENTION, personal=True,
    ),
]  # fmt: skip
