"""How pages are rendered. Constants that Django and django-cotton read by their names."""

from __future__ import annotations

from pathlib import Path

from django.contrib.messages import constants as messages

from portal.tones import Tone

__all__ = ["COTTON_DIR", "MESSAGE_TAGS", "TEMPLATES"]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).resolve().parent.parent / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "portal.web.loader.Loader",
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": ["django_cotton.templatetags.cotton", "portal.web.templatetags.portal_ui"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.web.context.chrome",
            ],
        },
    }
]
COTTON_DIR = "components"
MESSAGE_TAGS = {
    messages.DEBUG: Tone.SUCCESS,
    messages.INFO: Tone.SUCCESS,
    messages.SUCCESS: Tone.SUCCESS,
    messages.WARNING: Tone.ATTENTION,
    messages.ERROR: Tone.DANGER,
}
