"""The notifications of passwords: each concerns one person alone, who is told outside the portal as well."""

from __future__ import annotations

from portal.notify.kinds import Kind
from portal.tones import Tone


def personal(name: str) -> Kind:
    """A kind that is about the person themselves; what was said is the sentence."""
    return Kind(
        name, ("person",), people=lambda person, _: [person], sentence=lambda _, said, by: said,
        link=lambda _: "", tone=Tone.ATTENTION, personal=True,
    )  # fmt: skip


KINDS = [personal(f"person.{what}") for what in ("password", "password_changed", "password_reset")]
