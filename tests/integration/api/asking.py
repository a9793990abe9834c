"""A program with a token."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client
from django.utils import timezone

from portal.access.models import Grant, User
from portal.tokens import operations
from portal.tokens.models import Token


class Program:
    """Asks the API in a person's name."""

    def __init__(
        self, person: User, *, may_act: bool = True, right: Grant | None = None, networks: str = ""
    ) -> None:
        wish = operations.Wish("a test", days=1, may_act=may_act, right=right, networks=networks)
        self.token: Token
        self.token, self.text = operations.make(wish, by=person, now=timezone.now())

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("POST", path, json.dumps({} if body is None else body), headers)

    def ask(
        self, method: str, path: str, body: str | bytes = "", headers: dict[str, str] | None = None
    ) -> Any:
        sent = {"Authorization": f"Bearer {self.text}"} | (headers or {})
        client = Client(raise_request_exception=False)
        return client.generic(method, f"/api/v1/{path}", body, "application/json", headers=sent)
