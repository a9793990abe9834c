"""Requests and errors of Systems Manager as moto holds them."""

from __future__ import annotations

import json
from typing import Any

from moto.core.responses import BaseResponse

# Moto finds the service by the module of the exception class, so this one is used as it is.
from moto.ssm.exceptions import SSMException

__all__ = ["SSMException", "invalid_parameters", "request_of"]


def request_of(response: BaseResponse) -> dict[str, Any]:
    """The JSON body of a call."""
    found: dict[str, Any] = json.loads(response.body or "{}")
    return found


def invalid_parameters(message: str) -> SSMException:
    return SSMException("InvalidParameters", message)
