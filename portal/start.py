"""Every process of the portal starts here: its settings are read before anything else."""

from __future__ import annotations

import os
from collections.abc import Sequence

import structlog
from django.conf import settings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

OWNERS = {"migrate", "database_roles", "pgtrigger"}
log = structlog.get_logger(__name__)


def read_settings() -> None:
    """Reads the settings. A missing or malformed variable ends the process with its one sentence, not a trace."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        settings.SECRET_KEY  # noqa: B018 - reading any of them loads them all
    except ImproperlyConfigured as error:
        raise SystemExit(f"Patch Portal did not start. {error}") from None


def work_as_the_owner(command: Sequence[str]) -> None:
    """Commands that make or change tables connect as the role that owns them; every other as the application."""
    if OWNERS.intersection(command):
        settings.DATABASES["default"] = settings.DATABASE_OWNER


def say_what_the_database_allows() -> None:
    """Logs a warning where the portal's own role could forge the audit trail. It starts all the same: a night of
    patching is not to fall out because of a step that an administrator has yet to do."""
    from portal.audit.database_roles import warning

    try:
        if sentence := warning():
            log.warning(sentence)
    except DatabaseError as error:
        log.warning(f"Whether the database guards the audit trail is not known yet: {error}")
    finally:
        connection.close()  # a connection must not be shared with the processes that are forked from this one


def warn_of_settings() -> None:
    """Logs what our own checks find unwise; the start goes on. Called when the apps are loaded."""
    for message in run_checks(tags=["security"]):
        structlog.get_logger(__name__).warning("unwise_setting", what=message.msg, instead=message.hint)
