"""Tokens are made, replaced, recognised and ended here; the token itself is told once and stored nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from portal.access.models import Grant, User
from portal.access.rules import Denied
from portal.audit.operations import Entry, record
from portal.tokens import rules, secret
from portal.tokens.models import Token

USED_EVERY = timedelta(seconds=60)
UNKNOWN = (
    "This token is not known, or it is over. Make one on the page Your tokens and send it in the header "
    "Authorization: Bearer pp_…"
)


@dataclass(frozen=True)
class Wish:
    """What a token shall be. `right`: one grant of the person; None: all that they have at any time."""

    name: str
    days: int
    may_act: bool
    right: Grant | None = None
    networks: str = ""


@transaction.atomic
def make(wish: Wish, *, by: User, now: datetime) -> tuple[Token, str]:
    """A token for whoever asks, and its text. Raises Denied or Invalid with the sentence."""
    User.objects.select_for_update().get(pk=by.pk)  # two at once count each other
    rules.check_room(by, now)
    rules.check_days(wish.days)
    if wish.right and wish.right.user_id != by.pk:
        raise Denied("This right is not yours, so no token of yours can have it.")
    right = wish.right or Grant()
    facts = {"may_act": wish.may_act, "role": right.role, "dimension": right.dimension, "value": right.value}
    networks = rules.networks_of(wish.networks)
    ends_at = now + timedelta(days=wish.days)
    made, text = _made(person=by, name=wish.name, networks=networks, made_at=now, ends_at=ends_at, **facts)
    _record("made", made, f"Made the token {made}, good until {ends_at:%Y-%m-%d %H:%M} UTC", by)
    return made, text


@transaction.atomic
def rotate(*, token: Token, by: User, now: datetime) -> tuple[Token, str]:
    """The same anew, for as long as the first was made for; the old one still counts for rules.OVERLAP."""
    token = Token.objects.select_for_update().get(pk=token.pk)
    rules.check_own(token, by)
    rules.check_open(token, now)
    if Token.objects.filter(follows=token).exists():
        raise Denied(f"{token.name} was replaced already. Use the one that follows it.")
    rules.check_room(by, now)
    names = ("person", "name", "networks", "may_act", "role", "dimension", "value")
    facts = {name: getattr(token, name) for name in names}
    lasts = token.ends_at - token.made_at
    made, text = _made(**facts, made_at=now, ends_at=now + lasts, follows=token)
    until = min(token.ends_at, now + rules.OVERLAP)
    Token.objects.filter(pk=token.pk).update(ends_at=until)
    said = f"Replaced the token {token} by {made}; the old one counts until {until:%Y-%m-%d %H:%M} UTC"
    _record("rotated", made, said, by)
    return made, text


@transaction.atomic
def end(*, token: Token, by: User, now: datetime) -> None:
    """It counts for nothing from now on."""
    rules.check_own(token, by)
    if not Token.objects.filter(pk=token.pk, ends_at__gt=now).update(ends_at=now):
        token.refresh_from_db()
        rules.check_open(token, now)
    _record("ended", token, f"Ended the token {token}", by)


def end_all(person: User, *, by: User | None, why: str, now: datetime) -> int:
    """Ends every token of the person, inside the caller's transaction; returns how many."""
    open_ones = list(Token.objects.select_for_update().filter(person=person, ends_at__gt=now).order_by("pk"))
    Token.objects.filter(pk__in=[token.pk for token in open_ones]).update(ends_at=now)
    for token in open_ones:
        _record("ended", token, f"Ended the token {token} of {person.display_name}: {why}", by)
    return len(open_ones)


def recognised(text: str, *, source: str, now: datetime) -> Token:
    """The token of this text, its person with the grants that it has. Raises Denied with one sentence for all doubts.

    `source` is the address that it comes from. Its last use is noted, to the minute.
    """
    found = None
    if secret.is_one(text):
        rows = Token.objects.select_related("person").filter(ends_at__gt=now, person__is_active=True)
        found = rows.filter(secret_sha256=secret.hashed(text)).first()
    if found is None:
        raise Denied(UNKNOWN)
    if not rules.comes_from(found.networks, source):
        raise Denied(f"This token may not be used from {source}. Its person named the networks for it.")
    _narrow(found)
    _note_use(found, source, now)
    return found


def _narrow(token: Token) -> None:
    """Whatever asks for this person's grants, by `grants.all()` or `grants_now`, gets those of the token."""
    if token.role:
        token.person.limited_to = {"role": token.role, "dimension": token.dimension, "value": token.value}
    own = list(Grant.objects.filter(user=token.person_id).order_by("pk"))
    kept = rules.held(token, own)
    rows = Grant.objects.filter(pk__in=[grant.pk for grant in kept])
    rows._result_cache, rows._prefetch_done = kept, True  # type: ignore[attr-defined]
    token.person._prefetched_objects_cache = {"grants": rows}  # type: ignore[attr-defined]


def _note_use(token: Token, source: str, now: datetime) -> None:
    stale = Q(used_at=None) | Q(used_at__lte=now - USED_EVERY) | ~Q(used_from=source)
    if token.used_at is None or now - token.used_at >= USED_EVERY or token.used_from != source:
        Token.objects.filter(stale, pk=token.pk).update(used_at=now, used_from=source)


def of(person: User, now: datetime) -> list[Token]:
    """Those that count, the next to end first."""
    rows = Token.objects.filter(person=person, ends_at__gt=now).select_related("followed_by")
    return list(rows.order_by("ends_at", F("pk").desc()))


def _made(**facts: object) -> tuple[Token, str]:
    text = secret.new()
    columns = {"secret_sha256": secret.hashed(text), "shown": text[: secret.SHOWN], **facts}
    return Token.objects.create(**columns), text


def _record(what: str, token: Token, summary: str, by: User | None) -> None:
    detail = {"may_act": token.may_act, "right": [token.role, token.dimension, token.value]}
    record(Entry(f"token.{what}", "token", str(token.pk), summary, detail=detail), by=by)
