"""The five tones: how a state looks, whichever page, chart, pill or notice shows it."""

from __future__ import annotations

from enum import StrEnum


class Tone(StrEnum):
    """What a colour and its shape say to a reader. The values are the classes of the stylesheets.

    SUCCESS: it is as it should be, and that is proven. ACTIVE: something is at work on it; nothing to do.
    ATTENTION: a person should look at it or decide. DANGER: it failed, or something is refused or lost.
    UNKNOWN: nothing is known, or nothing has begun; never to be read as success.
    """

    SUCCESS = "success"
    ACTIVE = "active"
    ATTENTION = "attention"
    DANGER = "danger"
    UNKNOWN = "unknown"
