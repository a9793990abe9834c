"""Who asks: the person of a bearer token, with the token's rights; and whether the token may act."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from portal.access.models import User
from portal.access.rules import Denied
from portal.tokens.models import Token
from portal.tokens.operations import UNKNOWN, recognised
from portal.web.client_address import client_address

ONLY_READS = "This token only reads. Make one that may act on the page Your tokens."


class BearerToken(BaseAuthentication):
    """`Authorization: Bearer pp_…`"""

    def authenticate(self, request: Request) -> tuple[User, Token]:
        scheme, _, text = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed(UNKNOWN)
        try:
            token = recognised(text.strip(), source=client_address(request), now=timezone.now())
        except Denied as refusal:
            raise AuthenticationFailed(str(refusal)) from refusal
        return token.person, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Patch Portal"'


class TokenAllowsThis(BasePermission):
    """Every token reads; one that may act does the rest. What of it, the operations' own rules say."""

    def has_permission(self, request: Request, view: Any) -> bool:
        token = request.auth
        assert isinstance(token, Token)
        if request.method in SAFE_METHODS or token.may_act:
            return True
        raise PermissionDenied(ONLY_READS)
