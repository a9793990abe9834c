"""What the log says of requests."""

from __future__ import annotations

import logging
from typing import Any

import structlog
from django.dispatch import receiver
from django.http import HttpRequest
from django_structlog.signals import bind_extra_request_metadata

from portal.web.client_address import client_address

LINE_LENGTH = 500


@receiver(bind_extra_request_metadata, dispatch_uid="portal.web.request_log")
def bind_address(sender: Any, request: HttpRequest, **_: Any) -> None:
    structlog.contextvars.bind_contextvars(ip=client_address(request))


class OneLine(logging.StreamHandler):
    """A refused request is one line: no trace of our code, and nothing in it that a terminal would obey."""

    def format(self, record: logging.LogRecord) -> str:
        bare = logging.makeLogRecord(
            record.__dict__ | {"exc_info": None, "exc_text": None, "stack_info": None}
        )
        text = super().format(bare)
        return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text[:LINE_LENGTH])
