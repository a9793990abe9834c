"""Exports are the only answers without a request's budget, and they are named in one list."""

from __future__ import annotations

import inspect
from pathlib import Path

from django.conf import settings
from django.urls import get_resolver

from portal.web.csv_export import STREAMS
from tests.integration.portal.test_permissions import addresses


def test_every_stream_is_named_and_nothing_else_is() -> None:
    streams = {
        f"{space}:{name}"
        for space, name, pattern in addresses(get_resolver())
        if space and "csv_response" in inspect.unwrap(pattern.callback).__code__.co_names
    }
    assert streams == STREAMS


def test_nothing_else_makes_a_stream() -> None:
    found = {
        str(path.relative_to(settings.BASE_DIR))
        for app in ("portal", "exceptions", "patching", "reports")
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py")
        if any(word in path.read_text() for word in ("StreamingHttpResponse", "FileResponse"))
    }
    assert found == {"portal/web/csv_export.py"}
