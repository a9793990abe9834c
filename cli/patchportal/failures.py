"""What a command ends with. The codes are promised to scripts."""

from __future__ import annotations

OK, BAD_NEWS, USAGE, NOT_ALLOWED, UNREACHABLE = range(5)


class Failure(Exception):
    """`str()` is the sentence for standard error, `code` what the program exits with."""

    code = BAD_NEWS


class WrongUse(Failure):
    code = USAGE


class NotAllowed(Failure):
    code = NOT_ALLOWED


class Unreachable(Failure):
    code = UNREACHABLE


def refused(status: int, sentence: str) -> Failure:
    """What an answer of this status means to whoever asked; the sentence is the portal's own."""
    if status in {401, 403}:
        return NotAllowed(sentence)
    if status in {400, 422}:
        return WrongUse(sentence)
    if status == 429 or status >= 500:
        return Unreachable(sentence)
    return Failure(sentence)
