"""A browser in which a person has signed in before has tries of its own, which no stranger can use up."""

from __future__ import annotations

from secrets import token_hex

from django.conf import settings
from django.core import signing
from django.db.models import Q
from django.http import HttpRequest, HttpResponse

from portal.access.models import User

COOKIE, SALT = "known_browser", "portal.sign_in.known_browser"
KEPT_S = 180 * 24 * 3600


def remember(answer: HttpResponse, person: User) -> None:
    """Marks the browser. The mark signs nobody in: it only says whose wrong guesses are counted here."""
    answer.set_cookie(
        COOKIE, signing.dumps([person.pk, token_hex(16)], salt=SALT), max_age=KEPT_S, path="/accounts/",
        secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax",
    )  # fmt: skip


def tries_of(request: HttpRequest, name: str) -> str:
    """What names this browser's own tries at signing in as `name`; '' where that person never signed in here."""
    try:
        pk, token = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=KEPT_S)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    named = Q(username__iexact=name) | Q(email__iexact=name)
    return f"{pk}:{token}" if User.objects.filter(named, pk=pk).exists() else ""
