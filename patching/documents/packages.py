"""Reads the packages block of a document's output: what is installed on the host at the end."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass

from patching.documents.output import OutputUnreadable, check, clean, vouched_block
from patching.documents.result_line import ResultLine

UNPACKED_LIMIT = 4_000_000  # bytes; 5,000 packages have about 180,000
MOST_PACKAGES = 20_000
FIELD_CHARACTERS = 300
_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class InstalledPackage:
    """One installed package in the package tool's own words; Windows: an update, of which only the name is known."""

    name: str
    arch: str
    version: str


def parse_packages(stdout: str, line: ResultLine | None) -> list[InstalledPackage]:
    """The list that the result line vouches for. Raises OutputUnreadable where it is not known, which is not empty."""
    _, text = vouched_block("PACKAGES", stdout, line)
    check(text, "packages_block")
    rows = unpacked(text).decode("utf-8", "replace").splitlines()
    if len(rows) > MOST_PACKAGES:
        raise OutputUnreadable(f"The list of installed packages has more than {MOST_PACKAGES} rows.")
    return [_package(row) for row in rows]


def unpacked(text: str) -> bytes:
    """Base64 of gzip, of at most UNPACKED_LIMIT bytes. Raises OutputUnreadable."""
    reader = zlib.decompressobj(_GZIP)
    try:
        data = reader.decompress(base64.b64decode(text, validate=True), UNPACKED_LIMIT)
    except (binascii.Error, zlib.error) as problem:
        raise OutputUnreadable(f"The list of installed packages cannot be unpacked: {problem}") from problem
    if not reader.eof:
        raise OutputUnreadable("The list of installed packages is torn or too large.")
    return data


def _package(row: str) -> InstalledPackage:
    fields = row.split("\t")
    if len(fields) != 3 or not fields[0] or max(map(len, fields)) > FIELD_CHARACTERS:
        raise OutputUnreadable(
            f"The list of installed packages has a row that is not as agreed: {row[:80]!r}"
        )
    return InstalledPackage(*(clean(field) for field in fields))
