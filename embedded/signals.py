"""Turns every signal that means stop into KeyboardInterrupt, so that all contexts close in order."""

from __future__ import annotations

import signal


def stop_on_signals() -> None:
    """Call once, in the main thread of a program that runs a Stack."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
