"""The kinds of notifications: who is told, in which words, where it leads, how it looks. Each app declares its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from portal.access.models import User
from portal.notify.events import Event
from portal.tones import Tone


class KindError(LookupError):
    """Nobody declares the kind, or two do."""


@dataclass(frozen=True)
class Kind:
    """What is known of every notification of one name, which is stored.

    `notifies`: whom by default, in words that `people` turns into persons. `sentence` is made from the row that it is
    about, what was said of it, and who did it; an empty one notifies nobody. `link` is the page to open. `personal`:
    about the person's own sign-in or grants, so that they are also told outside the portal. `event`: what programs are
    told, of kinds that are published; it is asked only where a channel wants it.
    """

    name: str
    notifies: tuple[str, ...]
    people: Callable[[Any, str], Iterable[User]]
    sentence: Callable[[Any, str, User | None], str]
    link: Callable[[Any], str]
    tone: Tone
    personal: bool = False
    event: Callable[[Any], Event] | None = None


@cache
def kinds() -> Mapping[str, Kind]:
    """Name → kind, of all apps that settings.NOTIFICATION_KINDS names."""
    found = [kind for path in settings.NOTIFICATION_KINDS for kind in import_string(path)]
    twice = [name for name, count in Counter(kind.name for kind in found).items() if count > 1]
    if twice:
        raise KindError(f"Declared twice: {', '.join(twice)}.")
    return {kind.name: kind for kind in found}


def kind_of(name: str) -> Kind:
    """Raises KindError for a kind that no app declares."""
    try:
        return kinds()[name]
    except KeyError:
        raise KindError(
            f"No app declares the notification {name!r}: see settings.NOTIFICATION_KINDS."
        ) from None


def tone_of(name: str) -> Tone:
    """Of a stored notification; its kind may be one of an older portal that nobody declares any more."""
    known = kinds().get(name)
    return known.tone if known else Tone.UNKNOWN
