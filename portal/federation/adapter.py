"""How allauth behaves with identity providers: it asks them in one way, and knows none but those of the file."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.http import HttpRequest

from portal.federation.fetching import BoundedSession


class Federation(DefaultSocialAccountAdapter):
    def get_requests_session(self) -> BoundedSession:
        """That of this sign-in: all that it asks shares one budget of time."""
        return getattr(context.request, "provider_session", None) or BoundedSession()

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[Any]:
        """allauth would also take providers from its table, which nobody here fills."""
        return []

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Who may become a person was decided before allauth is asked to sign them in."""
        return False

    def send_notification_mail(self, *args: Any, **named: Any) -> None:
        """The portal tells of it by itself."""
