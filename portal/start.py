"""Every process of the portal starts here: its settings are read before anything else."""

from __future__ import annotations

import os

import structlog
from django.conf import settings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured


def read_settings() -> None:
    """Reads the settings. A missing or malformed variable ends the process with its one sentence, not a trace."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        settings.SECRET_KEY  # noqa: B018 - reading any of them loads them all
    except ImproperlyConfigured as error:
        raise SystemExit(f"Patch Portal did not start. {error}") from None


def warn_of_settings() -> None:
    """Logs what our own checks find unwise; the start goes on. Called when the apps are loaded."""
    for message in run_checks(tags=["security"]):
        structlog.get_logger(__name__).warning("unwise_setting", what=message.msg, instead=message.hint)
