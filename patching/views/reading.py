"""Pages that only read: GET or HEAD, and the reader's grants are loaded once for the whole page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from portal.access.queries import read_grants_once
from portal.web.requests import SignedIn

View = Callable[..., HttpResponse]


def reads(view: View) -> View:
    @wraps(view)
    def with_grants(request: SignedIn, *args: Any, **kwargs: Any) -> HttpResponse:
        read_grants_once(request.user)
        return view(request, *args, **kwargs)

    return require_safe(with_grants)
