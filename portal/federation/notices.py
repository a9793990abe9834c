"""The notification of a rule of roles that waits for a second admin."""

from __future__ import annotations

from django.urls import reverse

from portal.notify.kinds import Kind
from portal.people.rules import second_admins
from portal.tones import Tone

KINDS = [
    Kind(
        "role_rule.waits", ("admins",), people=lambda rule, _: second_admins(rule.asked_by),
        sentence=lambda _, said, by: said, link=lambda _: reverse("federation:providers"), tone=Tone.ATTENTION,
    ),
]  # fmt: skip
