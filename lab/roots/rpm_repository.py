"""Signed rpm repositories of the lab's packages."""

from __future__ import annotations

from pathlib import Path


def folder(family: str) -> Path:
    raise NotImplementedError(family)
