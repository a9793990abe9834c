"""Parts of sentences: a number with its noun, and the beginning of a sentence in the middle of another. Pure."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """`1 server`, `2,000 servers`; another plural stands behind a comma: `entry,entries`, `server is,servers are`."""
    one, _, many = noun.partition(",")
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def inside_a_sentence(words: str) -> str:
    """With a small first letter; names like AWS and SSM stay."""
    return words if words[1:2].isupper() else words[:1].lower() + words[1:]
