"""The default for one machine: a real PostgreSQL and Valkey from wheels, and a supervisor. Linux only, no Django."""

from embedded.errors import EmbeddedError
from embedded.signals import stop_on_signals
from embedded.stack import LabOptions, Stack

__all__ = ["EmbeddedError", "LabOptions", "Stack", "stop_on_signals"]
