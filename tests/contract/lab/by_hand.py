"""AWS asked as somebody with keys would ask it."""

from __future__ import annotations

from typing import Any

import boto3

from lab.server import LabServer
from tests.contract.lab.fleet import PORTAL

REGION = "eu-central-1"


def client(server: LabServer, service: str, key: str = PORTAL, secret: str = "any", **more: str) -> Any:
    return boto3.client(
        service, endpoint_url=server.url, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret,
        **more,
    )  # fmt: skip


def refused(call: Any, **request: Any) -> str:
    try:
        call(**request)
    except Exception as error:  # noqa: BLE001 - botocore makes its classes at run time
        return str(getattr(error, "response", {}).get("Error", {}).get("Code", "")) or repr(error)
    return ""
