"""The ways to reach people. Each folder here is one: its `channel.CHANNEL` is asked for every notification."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from portal.notify.delivery import Channel


@cache
def channels() -> tuple[Channel, ...]:
    names = sorted(found.name for found in iter_modules(__path__) if found.ispkg)
    return tuple(import_module(f"{__name__}.{name}.channel").CHANNEL for name in names)
