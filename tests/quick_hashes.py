"""Passwords of tests are hashed as in production, but at once: 0.3 s for each person of a test guard nobody."""

from __future__ import annotations


def hash_quickly() -> None:
    """The same algorithm, so that a real website on the same rows accepts them; one round instead of a million."""
    from django.contrib.auth.hashers import PBKDF2PasswordHasher  # only where a run needs Django at all

    PBKDF2PasswordHasher.iterations = 1
