"""The site's own css and js: many small files in the source, one request each in the browser, no build step."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class Bundle:
    """The joined text of one kind of file, its fingerprint, and its gzip."""

    text: bytes
    digest: str
    zipped: bytes


def bundle(kind: str) -> Bundle:
    """The `css` or `js` bundle: read once per process; while debugging, again after every change."""
    folder = Path(settings.BASE_DIR) / "static" / kind
    files = source_files(folder, kind)
    stamp = tuple(file.stat().st_mtime_ns for file in files) if settings.DEBUG else ()
    return _joined(files, stamp)


@lru_cache(maxsize=4)
def source_files(folder: Path, kind: str) -> tuple[Path, ...]:
    """Files in the order in which they are joined: layers.css first, then by folder depth and name."""
    found = folder.rglob(f"*.{kind}")
    return tuple(sorted(found, key=lambda file: (file.stem != "layers", len(file.parts), file.as_posix())))


@lru_cache(maxsize=4)
def _joined(files: tuple[Path, ...], stamp: tuple[int, ...]) -> Bundle:
    text = b"\n".join(file.read_bytes() for file in files)
    digest = hashlib.sha256(text).hexdigest()[:12]
    return Bundle(text=text, digest=digest, zipped=gzip.compress(text, 9, mtime=0))


def stylesheet_url() -> str:
    return reverse("web:stylesheet", args=[bundle("css").digest])


def script_url() -> str:
    return reverse("web:script", args=[bundle("js").digest])


@login_not_required
def stylesheet(request: HttpRequest, digest: str) -> HttpResponse:
    return _answer(request, bundle("css"), digest, "text/css; charset=utf-8")


@login_not_required
def script(request: HttpRequest, digest: str) -> HttpResponse:
    return _answer(request, bundle("js"), digest, "text/javascript; charset=utf-8")


def _answer(request: HttpRequest, found: Bundle, digest: str, content_type: str) -> HttpResponse:
    """The bundle; an old address (a page from before an update) gets today's files, but may not keep them."""
    takes_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
    answer = HttpResponse(found.zipped if takes_gzip else found.text, content_type=content_type)
    if takes_gzip:
        answer["Content-Encoding"] = "gzip"
    answer["Vary"] = "Accept-Encoding"
    answer["Cache-Control"] = FOREVER if digest == found.digest else "no-cache"
    return answer
