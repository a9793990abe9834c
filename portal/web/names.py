"""Long names on one line: what tells them apart stays, the whole is there for whoever looks at it."""

from __future__ import annotations

import re

from django.utils.html import format_html
from django.utils.safestring import SafeString

_VERSION = re.compile(r"\d[\d.-]*\d")
ALONE, OF_TWO = 25, 21  # signs of a kernel that counts now, and of the one before it on its line
MOST_VERSION, TAIL = 20, 6


def shortened(name: str, most: int = ALONE, *, tail: int = TAIL) -> str:
    """`6.1.112-122.189.amzn2023.x86_64` → `6.1.112-122.189…x86_64`: the version stays, its flavour gives way."""
    if len(name) <= most:
        return name
    version = _VERSION.match(name)
    head = version.group() if version else name
    short = f"{head[:MOST_VERSION]}…{name[len(name) - tail :]}"
    return short if len(short) < len(name) - 1 else name


def kernel(before: str, after: str = "", *, brief: bool = False) -> SafeString:
    """One kernel, or the way to another one, of which `brief` shows the end; what is not known is a dash."""
    if not before and not after:
        return SafeString('<span class="quiet">–</span>')
    names = [before or "unknown"] + ([after] if after and after != before else [])
    short = [shortened(names[-1])]
    if len(names) > 1:
        short = ["", *short] if brief else [shortened(names[0], OF_TWO, tail=0), *short]
    if short == names:
        return format_html('<span class="kernel">{}</span>', _way(names))
    return format_html(
        '<span class="kernel"><span aria-hidden="true">{}</span><span class="whole">{}</span></span>',
        _way(short),
        _way(names),
    )


def _way(names: list[str]) -> SafeString:
    """The last of two is what counts now."""
    return format_html("{} → <b>{}</b>", *names) if len(names) > 1 else format_html("{}", *names)
