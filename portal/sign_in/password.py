"""A forgotten password: a link by e-mail, or, where the portal sends none, whom to ask. And a known one: another."""

from __future__ import annotations

from smtplib import SMTPException

import structlog
from allauth.account.views import PasswordChangeView, PasswordResetDoneView, PasswordResetView
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.access.rules import Conflict
from portal.web.requests import SignedIn

log = structlog.get_logger(__name__)
SENDS_NONE = (
    "This portal sends no e-mail. Ask a patch admin: they give you a new password at once. "
    "Is none left? Whoever runs the server lets one in: manage.py first_admin NAME."
)
NOT_SENT = "The mail server did not take the link. Try again in a few minutes, or ask a patch admin."
NO_PASSWORD = "You sign in without a password, so there is none to change. A patch admin can give you one."


def password_change(request: SignedIn) -> HttpResponse:
    """allauth's page; it has none for a person without a password."""
    if not request.user.has_usable_password():
        raise Conflict(NO_PASSWORD)
    return PasswordChangeView.as_view()(request)


@login_not_required
def password_reset(request: HttpRequest) -> HttpResponse:
    """allauth's page where there is a mail server that answers; a sentence otherwise."""
    if not settings.EMAIL_HOST:
        return _told(request, SENDS_NONE, 409 if request.method == "POST" else 200)
    try:
        return PasswordResetView.as_view()(request)
    except (OSError, SMTPException):
        log.exception("mail_not_sent")
        return _told(request, NOT_SENT, 503)


@login_not_required
def password_reset_done(request: HttpRequest) -> HttpResponse:
    """allauth's page, which speaks of an e-mail; never where none can have been sent."""
    if not settings.EMAIL_HOST:
        return _told(request, SENDS_NONE, 200)
    return PasswordResetDoneView.as_view()(request)


def _told(request: HttpRequest, sentence: str, status: int) -> HttpResponse:
    return render(request, "account/password_reset_refused.html", {"sentence": sentence}, status=status)
