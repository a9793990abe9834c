"""A QR code as the path of an SVG, drawn inside the page: no image is fetched and no style is needed."""

from __future__ import annotations

from dataclasses import dataclass

from qrcode import QRCode

QUIET_MODULES = 4  # the white rim that readers need


@dataclass(frozen=True)
class Drawing:
    """`size` modules wide and high; `path` draws the dark ones."""

    size: int
    path: str


def drawing_of(text: str) -> Drawing:
    code = QRCode(border=QUIET_MODULES)
    code.add_data(text)
    code.make()
    rows = code.get_matrix()
    dark = (f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return Drawing(len(rows), "".join(dark))
