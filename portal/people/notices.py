"""The notifications of what an admin changed of a person: address, grants, and whether they may sign in."""

from __future__ import annotations

from portal.sign_in.notices import personal

KINDS = [personal(f"person.{what}") for what in ("changed", "granted", "revoked", "let_in", "shut_out")]
