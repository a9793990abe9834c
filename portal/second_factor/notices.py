"""The notifications of second factors: each concerns one person alone, who is told outside the portal as well."""

from __future__ import annotations

from portal.sign_in.notices import personal

WHAT = ("added", "removed", "reset", "codes", "guessed")
KINDS = [personal(f"person.second_factor_{what}") for what in WHAT]
