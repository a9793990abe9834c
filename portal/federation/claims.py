"""What a provider says of a person, in one shape for both protocols: name → texts, within bounds."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from portal.federation.refusal import Refused

Claims = dict[str, list[str]]
DEEPEST = 3
MOST_NAMES, MOST_VALUES, LONGEST_VALUE = 200, 1000, 500
# What proves one sign-in and says nothing of the person.
OF_THE_TOKEN = {
    "nonce",
    "at_hash",
    "c_hash",
    "s_hash",
    "jti",
    "exp",
    "iat",
    "nbf",
    "auth_time",
    "sid",
    "rat",
    "uti",
}


def flat(said: Mapping[str, Any]) -> Claims:
    """Nested objects as dotted names (`realm_access.roles`), every value as a list of texts.

    Raises Refused where there is more than a person's claims can be: cut off, a group would be lost unseen.
    """
    found: Claims = {}
    for name, value in _leaves(said, ""):
        if name not in OF_THE_TOKEN:
            found.setdefault(name, []).extend(_texts(name, value))
    if len(found) > MOST_NAMES:
        raise _too_much(f"{len(found)} claims; the portal takes {MOST_NAMES}")
    return found


def first(claims: Claims, *names: str) -> str:
    """The first value of the first of these claims that has any; '' without one."""
    return next((value for name in names for value in claims.get(name, []) if value), "")


def _leaves(said: Mapping[str, Any], prefix: str, depth: int = 1) -> Iterator[tuple[str, Any]]:
    for name, value in said.items():
        full = f"{prefix}{name}"
        if isinstance(value, Mapping) and depth < DEEPEST:
            yield from _leaves(value, f"{full}.", depth + 1)
        else:
            yield _readable(full)[:LONGEST_VALUE], value


def _texts(name: str, value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    if len(values) > MOST_VALUES:
        raise _too_much(f"{len(values)} values of {name!r}; the portal takes {MOST_VALUES}")
    texts = [_text(entry) for entry in values if isinstance(entry, str | int | float | bool)]
    if any(len(text) > LONGEST_VALUE for text in texts):
        raise _too_much(f"a value of {name!r} with more than {LONGEST_VALUE} characters")
    return texts


def _text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else _readable(str(value))


def _readable(text: str) -> str:
    """One spelling for each text of any script, without the signs that nobody sees."""
    return "".join(
        sign for sign in unicodedata.normalize("NFC", text) if sign.isprintable() or sign == "\u200d"
    ).strip()


def _too_much(what: str) -> Refused:
    sentence = "Your identity provider says more of you than the portal takes. Ask its admins to send less."
    return Refused(sentence, why=f"the answer holds {what}")
