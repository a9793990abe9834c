"""Long names on one line: what tells them apart stays, the whole is there for whoever looks at it."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString

# Signs of a kernel's version, where one stands alone and where two share the line; and of the end of its flavour.
ALONE, OF_TWO, TAIL = 17, 14, 6


def shortened(name: str, head: int) -> str:
    """`6.1.112-122.189.amzn2023.x86_64` → `6.1.112-122.189.a…x86_64`; names up to two signs longer stay as they are."""
    return name if len(name) <= head + TAIL + 2 else f"{name[:head]}…{name[-TAIL:]}"


def kernel(before: str, after: str = "", *, brief: bool = False) -> SafeString:
    """One kernel, or the way to another one, of which `brief` shows the end; what is not known is a dash."""
    if not before and not after:
        return SafeString('<span class="quiet">–</span>')
    names = [before or "unknown"] + ([after] if after and after != before else [])
    head = OF_TWO if len(names) > 1 and not brief else ALONE
    short = [shortened(name, head) for name in names]
    if brief and len(names) > 1:
        short[0] = ""
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
