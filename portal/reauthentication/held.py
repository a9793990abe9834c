"""A form that was sent before its sender had shown who they are: kept, sealed, until they go on with it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from portal.sign_in.sealed import Unreadable, seal, unseal

KEY = "held_act"  # in the session
LONGEST = 32_000  # characters of all fields
TOKEN = "csrfmiddlewaretoken"


@dataclass(frozen=True)
class HeldAct:
    """`fields` as they were sent, or None where there was more than is kept; `back` is the page they came from."""

    name: str
    path: str
    back: str
    fields: list[tuple[str, str]] | None


def hold(request: HttpRequest, name: str) -> None:
    """In place of what was held before."""
    act = HeldAct(name, request.get_full_path(), _back(request), _fields(request))
    request.session[KEY] = seal(json.dumps(asdict(act)))


def held(session: SessionBase) -> HeldAct | None:
    try:
        return HeldAct(**json.loads(unseal(session.get(KEY, ""))))
    except Unreadable:
        return None


def let_go(session: SessionBase, path: str = "") -> None:
    """Forgets what is held; with a path only what is meant for it."""
    act = held(session)
    if act and (not path or act.path == path):
        del session[KEY]


def _fields(request: HttpRequest) -> list[tuple[str, str]] | None:
    found = [(name, value) for name, values in request.POST.lists() for value in values if name != TOKEN]
    return found if sum(len(name) + len(value) for name, value in found) <= LONGEST else None


def _back(request: HttpRequest) -> str:
    """The path of the page that held the form, if it is ours; the first page otherwise."""
    referer = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(referer, {request.get_host()}, require_https=request.is_secure()):
        return "/"
    parts = urlsplit(referer)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path or "/"
