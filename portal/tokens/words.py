"""How the page tells what a token may."""

from __future__ import annotations

from portal.access.words import right_words
from portal.tokens.models import Token


def token_words(token: Token) -> str:
    """`Reads, as asset owner of application payments`"""
    does = "Reads and acts" if token.may_act else "Reads"
    if not token.role:
        return f"{does}, with all your rights"
    return f"{does}, as {right_words(token.role, token.dimension, token.value)}"
