"""`.env.example` names exactly what the settings read."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Read by the AWS SDK itself, not by the settings.
FOR_THE_SDK = {"AWS_ENDPOINT_URL"}
FOR_COMPOSE = {"DATABASE_OWNER_PASSWORD", "DATABASE_PASSWORD"}


def test_the_example_lists_what_the_settings_read() -> None:
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', (ROOT / "portal" / "settings.py").read_text()))
    listed = set(re.findall(r"^#? ?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    assert listed - FOR_THE_SDK - FOR_COMPOSE == read
