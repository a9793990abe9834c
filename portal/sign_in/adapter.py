"""How allauth behaves here: accounts are made by an admin or the identity provider, never by a stranger."""

from __future__ import annotations

from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal import ratelimit
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import reverse

from portal.access.models import User
from portal.access.queries import has_role
from portal.access.states import Role
from portal.sign_in import known_browser, sign_ins
from portal.web.chrome import HOME, Chrome
from portal.web.client_address import client_address

SAME_PASSWORD = "This is the password that you have. Choose another."
log = structlog.get_logger(__name__)


class ClosedSignUp(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Counts the try before it is made. allauth's own would lock a name for everybody, its owner first.

        allauth takes the try back from `_login_failed_rl_usage` when the password was right.
        """
        name = _name(credentials)
        browser = known_browser.tries_of(request, name)
        self._login_failed_rl_usage = ratelimit.consume(
            request,
            app="allauth.account",
            action="login_failed_known_browser" if browser else "login_failed",
            key=browser or f"{name.lower()}@{ratelimit.get_ip(request)}",
        )
        if not self._login_failed_rl_usage:
            self._failed(request, name, sign_ins.TOO_MANY)
            raise self.validation_error("too_many_login_attempts")

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        self._failed(request, _name(credentials), sign_ins.WRONG)

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        self._failed(request, user.username, sign_ins.SHUT_OUT)
        return super().respond_user_inactive(request, user)

    def post_login(self, request: HttpRequest, user: User, **facts: Any) -> HttpResponse:
        provider, source = _provider(facts), client_address(request)
        sign_ins.signed_in(user, source, provider=provider)
        if settings.IDENTITY_PROVIDERS and not provider and has_role(user, Role.ADMIN):
            sign_ins.past_the_providers(user, source)
        answer: HttpResponse = super().post_login(request, user, **facts)
        if answer.headers.get("Location") == HOME:  # no page in mind: begin with the work that waits
            answer.headers["Location"] = Chrome(request).start
        known_browser.remember(answer, user)
        return answer

    def logout(self, request: HttpRequest) -> None:
        if isinstance(request.user, User):
            sign_ins.signed_out(request.user, client_address(request))
        super().logout(request)

    def _failed(self, request: HttpRequest, name: str, why: str) -> None:
        log.warning("sign_in_failed", name=sign_ins.readable(name), why=why)
        sign_ins.failed(name, why, client_address(request), network=ratelimit.get_ip(request))

    def clean_password(self, password: str, user: User | None = None) -> str:
        """A password that an admin chose is not kept by choosing it again."""
        if user and user.check_password(password):
            raise ValidationError(SAME_PASSWORD)
        return str(super().clean_password(password, user=user))

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def get_reset_password_from_key_url(self, key: str) -> str:
        """On the portal's own address, whatever host the request named."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.PORTAL_URL + path.replace("UID-KEY", key)


def _name(credentials: dict[str, Any]) -> str:
    return str(credentials.get("username") or credentials.get("email") or "")


def _provider(facts: dict[str, Any]) -> str:
    """What the identity provider is called that vouched for them; '' where they gave a password."""
    login = (facts.get("signal_kwargs") or {}).get("sociallogin")
    return str(login.provider.name) if login else ""
