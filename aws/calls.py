"""How the adapters call AWS: how long and how often, and every failure told as a CloudError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from botocore import xform_name
from botocore.client import BaseClient
from botocore.config import Config

import aws
from aws.translate import CallSite, telling


@dataclass(frozen=True)
class Patience:
    """Attempts of one call, and the seconds that it waits for a connection and then for the answer."""

    attempts: int
    connect_s: float
    read_s: float


class Retry(Enum):
    """How long a call waits and how often it goes out. Only what AWS answered is repeated: silence ends the call.

    AGAIN: reads, and writes that may be repeated; whoever needs them asks again soon. ONCE: a repeat could do the thing
    twice, so its answer is waited for. HINT: nobody needs the answer.
    """

    AGAIN = Patience(3, 3, 8)
    ONCE = Patience(1, 3, 20)
    HINT = Patience(1, 2, 4)

    @property
    def config(self) -> Config:
        """Botocore settings, explicit so that no environment variable can add an attempt."""
        return Config(
            retries={"mode": "standard", "total_max_attempts": self.value.attempts},
            connect_timeout=self.value.connect_s,
            read_timeout=self.value.read_s,
            max_pool_connections=20,
            user_agent_extra=f"patch-portal/{aws.__version__}",
        )


class ClientFor(Protocol):
    """Gives the (cached) client of one service in one account and region. Raises AccessRefused."""

    def __call__(self, retry: Retry) -> BaseClient: ...


class Calls:
    """The calls of one service in one account and region, by AWS's own operation names."""

    def __init__(self, account_id: str, region: str, client_for: ClientFor) -> None:
        self.account_id = account_id
        self.region = region
        self._client_for = client_for

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """A read, or a write that may be repeated: up to three attempts while AWS answers."""
        return self._send(Retry.AGAIN, operation, params)

    def call_once(self, operation: str, **params: Any) -> dict[str, Any]:
        """Exactly one HTTP request: after Ambiguous the caller must look before it repeats."""
        return self._send(Retry.ONCE, operation, params)

    def call_briefly(self, operation: str, **params: Any) -> dict[str, Any]:
        """One HTTP request that nothing depends on: it ends within seconds, answered or not."""
        return self._send(Retry.HINT, operation, params)

    def pages(self, operation: str, page_size: int, **params: Any) -> Iterator[dict[str, Any]]:
        """Every page of a list, fetched when asked for. `page_size` is AWS's maximum for it."""
        with self.telling(operation):
            paginator = self._client_for(Retry.AGAIN).get_paginator(xform_name(operation))
            pages = iter(paginator.paginate(**params, PaginationConfig={"PageSize": page_size}))
        while True:
            with self.telling(operation):
                page = next(pages, None)
            if page is None:
                return
            yield page

    def telling(self, operation: str) -> AbstractContextManager[None]:
        """Turn SDK failures inside the block into CloudErrors that name this call."""
        return telling(CallSite(operation, self.account_id, self.region))

    def _send(self, retry: Retry, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        with self.telling(operation):
            method = getattr(self._client_for(retry), xform_name(operation))
            answer: dict[str, Any] = method(**params)
            return answer
