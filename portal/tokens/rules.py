"""What a token may be: whose rights, how long, from where."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime, timedelta

from portal.access.models import Grant, User
from portal.access.rules import Conflict, Denied, Invalid
from portal.tokens.models import Token

LONGEST = timedelta(days=365)
MOST_OPEN = 20
MOST_NETWORKS = 20
OVERLAP = timedelta(hours=24)  # a token that was replaced still counts so long


def check_own(token: Token, by: User) -> None:
    if token.person_id != by.pk:
        raise Denied("This token is somebody else's. Everybody makes, replaces and ends their own.")


def check_room(person: User, now: datetime) -> None:
    if person.tokens.filter(ends_at__gt=now).count() >= MOST_OPEN:
        raise Denied(f"You have {MOST_OPEN} tokens, and nobody may have more. End one that you do not need.")


def check_open(token: Token, now: datetime) -> None:
    if token.is_over(now):
        raise Conflict(f"{token.name} ended at {token.ends_at:%Y-%m-%d %H:%M} UTC. Make a new token.")


def check_days(days: int) -> None:
    if not 1 <= days <= LONGEST.days:
        raise Invalid(f"A token lasts from 1 to {LONGEST.days} days, not {days}.", field="days")


def networks_of(text: str) -> list[str]:
    """The networks that the text lists, in their one spelling. Raises Invalid for what is none."""
    words = text.replace(",", " ").split()
    if len(words) > MOST_NETWORKS:
        raise Invalid(f"{len(words)} networks are too many: name {MOST_NETWORKS} at most.", field="networks")
    return [_network(word) for word in words]


def _network(word: str) -> str:
    try:
        return str(ipaddress.ip_network(word))
    except ValueError as error:
        said = f"{word[:60]!r} is no network. Write it as 192.0.2.0/24, or as one address."
        raise Invalid(said, field="networks") from error


def comes_from(networks: Iterable[str], source: str) -> bool:
    """Whether `source`, an IP address, lies in one of the networks; yes where none is named."""
    wanted = list(networks)
    if not wanted:
        return True
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network) for network in wanted)


def held(token: Token, grants: Iterable[Grant]) -> list[Grant]:
    """Those of the person's grants that the token has: all, or the one that it names, as long as they have it."""
    named = (token.role, token.dimension, token.value)
    return [one for one in grants if not token.role or (one.role, one.dimension, one.value) == named]
