"""The bill of materials of an installed portal, docs/sbom.cdx.json (CycloneDX 1.6), from the lock; --check compares.

It holds no time and no number of its own, so that the same lock always makes the same file.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK, FILE = ROOT / "requirements.txt", ROOT / "docs" / "sbom.cdx.json"
PINNED = re.compile(r"^([\w.-]+)(?:\[[^]]*])?==(\S+)(?: ; (.+?))?(?: \\)?$", re.M)


def main() -> int:
    text = bill(LOCK.read_text(), tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])
    if "--check" not in sys.argv:
        FILE.write_text(text)
        return 0
    if FILE.exists() and FILE.read_text() == text:
        return 0
    print("docs/sbom.cdx.json is not the bill of requirements.txt")
    return 1


def bill(lock: str, project: dict[str, Any]) -> str:
    """The document; what stands in the lock is what a portal is installed from, hashes and all."""
    parts = [component(*found) for found in sorted(PINNED.findall(lock))]
    root = {
        "type": "application",
        "bom-ref": project["name"],
        "name": project["name"],
        "version": project["version"],
    }
    wanted = {normal(re.split(r"[\[<>=]", line)[0]) for line in project["dependencies"]}
    direct = [part["bom-ref"] for part in parts if part["name"] in wanted]
    document = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": root},
        "components": parts, "dependencies": [{"ref": project["name"], "dependsOn": direct}],
    }  # fmt: skip
    return json.dumps(document, indent=1) + "\n"


def component(name: str, version: str, marker: str) -> dict[str, Any]:
    """A package of the lock; `marker`: on which systems alone it is installed."""
    where = f"pkg:pypi/{normal(name)}@{version}"
    found = {"type": "library", "bom-ref": where, "name": normal(name), "version": version, "purl": where}
    return found | ({"properties": [{"name": "python:marker", "value": marker}]} if marker else {})


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
