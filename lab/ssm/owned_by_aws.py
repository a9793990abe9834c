"""Documents that AWS owns and every account has: their parameters only. What they do, the machines play."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from moto.ssm.models import Document

from lab.hosts.windows_aws import NAME as INSTALL_WINDOWS_UPDATES


def text(default: str, **more: Any) -> dict[str, Any]:
    return {"type": "String", "default": default, **more}


PARAMETERS: dict[str, dict[str, Any]] = {
    "Action": text("Install", allowedValues=["Install", "Scan"]),
    "AllowReboot": text("True", allowedValues=["True", "False"]),
    "IncludeKbs": text(""),
    "ExcludeKbs": text(""),
    "Categories": text(""),
    "SeverityLevels": text(""),
}
CONTENT = {
    "schemaVersion": "2.2",
    "description": "Installs Windows updates, or searches for them. Played by the simulated hosts.",
    "parameters": PARAMETERS,
    "mainSteps": [
        {
            "action": "aws:runPowerShellScript",
            "name": "InstallWindowsUpdates",
            "precondition": {"StringEquals": ["platformType", "Windows"]},
            "inputs": {"timeoutSeconds": "14400", "runCommand": ["# the text is AWS's own and not here"]},
        }
    ],
}


@cache
def document(name: str) -> Document | None:
    """The document of this name when AWS owns one of it."""
    if name != INSTALL_WINDOWS_UPDATES:
        return None
    made = Document(  # type: ignore[abstract]  # moto makes them so itself
        "amazon", name, "", json.dumps(CONTENT), "Command", "JSON", [], [], ""
    )
    made.platform_types = ["Windows"]
    return made
