"""The request as views see it: LoginRequiredMiddleware lets nobody else through."""

from __future__ import annotations

from django.http import HttpRequest

from portal.access.models import User


class SignedIn(HttpRequest):
    user: User
