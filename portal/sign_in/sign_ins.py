"""Who signed in and out, and who failed to: events of the audit trail, bounded so that nobody floods it."""

from __future__ import annotations

from django.core.cache import cache
from django.db import transaction
from django.db.models import Q

from portal.access.models import User
from portal.audit.operations import Entry, record
from portal.notify.operations import notify

HOUR_S = 3600
# Events of failed sign-ins an hour; what goes beyond stands in the log only, and one event says so.
PER_SOURCE, FROM_ALL = 20, 500
NAME_LENGTH, WHY_LENGTH = 100, 300

WRONG = "wrong name or password"
TOO_MANY = "too many tries, so the password was not looked at"
SHUT_OUT = "the password was right, but they are shut out"


def signed_in(person: User, source: str, *, provider: str = "") -> None:
    """`provider` is what the identity provider is called that vouched for them; '' for a password."""
    how = f" with {provider}" if provider else ""
    _record("succeeded", person, f"{person.display_name} signed in{how} from {source}", source, by=person)


@transaction.atomic
def past_the_providers(person: User, source: str) -> None:
    """A patch admin who came with a password where identity providers vouch for people: the way for emergencies."""
    said = f"{person.display_name}, a patch admin, signed in with a password from {source}, past the identity providers"
    _record("break_glass", person, said, source, by=person)
    notify("person.break_glass", person, said=f"{said}. If nobody of you knows why, end the session and ask.")


def signed_out(person: User, source: str) -> None:
    _record("ended", person, f"{person.display_name} signed out", source, by=person)


def shown_anew(person: User, source: str, *, how: str) -> None:
    """While signed in, before a dangerous act. `how`, e.g. `a code`."""
    summary = f"{person.display_name} showed by {how} that it is them, from {source}"
    _record("shown_anew", person, summary, source, by=person)


def failed(name: str, why: str, source: str, *, network: str) -> None:
    """`name` as it was typed; only what can be read of it is kept, and never a password.

    `network` is what the limits take for one source: the address, or its /64 of IPv6.
    """
    if not _has_room(source, network):
        return
    shown = readable(name)
    person = User.objects.filter(Q(username__iexact=shown) | Q(email__iexact=shown)).first()
    _record("failed", person, f"Sign-in as {shown!r} from {source} failed: {why}", source, name=shown)


def refused(provider: str, why: str, source: str, *, about: str, network: str) -> None:
    """An identity provider's answer that let nobody in. `about`: of whom it spoke, where that is proven."""
    if not _has_room(source, network):
        return
    of_whom = f" of {readable(about)}" if about else ""
    summary = f"Sign-in{of_whom} with {provider} from {source} refused: {readable(why, WHY_LENGTH)}"
    _record("refused", None, summary, source, provider=provider, name=readable(about))


def readable(name: str, length: int = NAME_LENGTH) -> str:
    return "".join(sign for sign in name if sign.isprintable())[:length]


def _has_room(source: str, network: str) -> bool:
    """Whether the trail takes one more event of this hour; the first beyond it leaves an event that says so."""
    full = _is_over("all", FROM_ALL) or _is_over(network, PER_SOURCE)
    if full == "now":
        summary = (
            f"More sign-ins failed within the hour than are listed, the last from {source}; the log has all"
        )
        _record("failed", None, summary, source)
    return not full


def _is_over(whose: str, limit: int) -> str:
    """'' within the limit of this hour, `now` for the first beyond it, `long` for all others."""
    key = f"sign-ins-failed:{whose}"
    cache.add(key, 0, HOUR_S)
    try:
        count = cache.incr(key)
    except ValueError:  # the hour ended between the two
        return ""
    return "" if count <= limit else "now" if count == limit + 1 else "long"


@transaction.atomic
def _record(
    what: str, person: User | None, summary: str, source: str, *, by: User | None = None, **detail: str
) -> None:
    subject = str(person.pk) if person else ""
    record(Entry(f"sign_in.{what}", "sign_in", subject, summary, detail={"source": source, **detail}), by=by)
