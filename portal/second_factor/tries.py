"""How often somebody may be wrong about a second factor: whoever is asked for one has shown the password already."""

from __future__ import annotations

import structlog
from allauth.core.internal import ratelimit
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from portal.access.models import User
from portal.notify.operations import notify
from portal.sign_in import known_browser, sign_ins
from portal.web.client_address import client_address

WRONG, TOO_MANY = (
    "the second factor was wrong",
    "too many wrong second factors, so this one was not looked at",
)
WAIT = "Too many codes were wrong. Wait five minutes and try again."
GUESSED = (
    "Somebody who knows your password gave wrong second factors from {source}. "
    "If that was not you, change your password."
)
log = structlog.get_logger(__name__)


def count(request: HttpRequest, person: User) -> ratelimit.RateLimitUsage:
    """Counts the try before it is looked at; a right one is taken back from what is returned. Raises ValidationError.

    The person's own browser has tries of its own, so that a thief of the password does not shut them out.
    """
    own = known_browser.tries_of(request, person.username)
    key = f"second-factor:{own or person.pk}"
    usage = ratelimit.consume(request, app="allauth.account", action="second_factor", key=key)
    if usage is None:
        failed(request, person, TOO_MANY)
        _tell(request, person)
        raise ValidationError(WAIT)
    return usage


def failed(request: HttpRequest, person: User, why: str = WRONG) -> None:
    log.warning("second_factor_failed", person=person.pk, why=why)
    sign_ins.failed(person.username, why, client_address(request), network=ratelimit.get_ip(request))


@transaction.atomic
def _tell(request: HttpRequest, person: User) -> None:
    """Once an hour."""
    if ratelimit.consume(request, app="allauth.account", action="second_factor_told", key=str(person.pk)):
        said = GUESSED.format(source=client_address(request))
        notify("person.second_factor_guessed", person, said=said)
