"""Services that do not answer: how a call notices, whom it tells, and what is not even sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from botocore.client import BaseClient

from aws.calls import Retry
from aws.translate import SILENCE, CallSite, from_sdk

TRIAL = "patch_portal_trial"  # in the SDK's context of one call


class Circuits(Protocol):
    """Whether a service answers in a place, as all workers see it. The portal's own calls bear its name as account."""

    def admit(self, account_id: str, region: str, service: str, *, may_try: bool) -> bool:
        """Asked before each call. True: the call is the trial of one that has been silent. Raises Unasked."""
        ...

    def answered(self, account_id: str, region: str, service: str) -> None:
        """The trial had an answer, whatever it says."""
        ...

    def silent(self, account_id: str, region: str, service: str, *, trial: bool) -> None:
        """A call had no answer."""
        ...


class Silence:
    """Ends a call of one client as soon as AWS is silent, and lets none go out that would only wait for silence."""

    def __init__(
        self, circuits: Circuits | None, account_id: str, region: str, service: str, retry: Retry
    ) -> None:
        self._circuits, self._retry = circuits, retry
        self._place = (account_id, region, service)

    def watch(self, client: BaseClient) -> None:
        events = client.meta.events
        events.register("response-received", self._end_if_silent)
        if self._circuits is not None:
            events.register_first("before-call", self._admit)
            events.register("after-call", self._note_answer)

    def _admit(self, *, context: dict[str, Any], **_: Any) -> None:
        assert self._circuits
        context[TRIAL] = self._circuits.admit(*self._place, may_try=self._retry is not Retry.ONCE)

    def _note_answer(self, *, context: Mapping[str, Any], **_: Any) -> None:
        if self._circuits and context.get(TRIAL):
            self._circuits.answered(*self._place)

    def _end_if_silent(
        self, *, exception: Exception | None, context: Mapping[str, Any], event_name: str, **_: Any
    ) -> None:
        """The SDK would wait as long again, and again."""
        if not isinstance(exception, SILENCE):
            return
        if self._circuits:
            self._circuits.silent(*self._place, trial=bool(context.get(TRIAL)))
        site = CallSite(event_name.rpartition(".")[2], *self._place[:2])
        raise from_sdk(exception, site) from exception
