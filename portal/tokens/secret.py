"""What a token looks like: a prefix that secret scanners know, 34 random signs, and a checksum of both.

The checksum lets a scanner tell a token from what only looks like one, without asking the portal.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

PREFIX = "pp_"
SIGNS = string.digits + string.ascii_letters
RANDOM, CHECK = 34, 6  # signs; 34 of 62 are 202 bits
SHOWN = len(PREFIX) + 6
PATTERN = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{RANDOM + CHECK}}}", re.ASCII)


def new() -> str:
    begun = PREFIX + "".join(secrets.choice(SIGNS) for _ in range(RANDOM))
    return begun + _checksum(begun)


def is_one(text: str) -> bool:
    """Whether the text can be a token at all: its form and its checksum are right."""
    return bool(PATTERN.fullmatch(text)) and text[-CHECK:] == _checksum(text[:-CHECK])


def hashed(token: str) -> str:
    """What is stored. A token is random and long, so that a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()


def _checksum(text: str) -> str:
    number, found = zlib.crc32(text.encode()), ""
    for _ in range(CHECK):
        number, digit = divmod(number, len(SIGNS))
        found = SIGNS[digit] + found
    return found
