"""What the import contracts in pyproject.toml cannot say: every file of the product, and what files are called."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = {"portal", "exceptions", "patching", "reports"}
AWS_SDK = {"boto3", "botocore", "moto"}
WITHOUT_DJANGO = ("aws", "lab", "embedded", "script", "cli")
# They print and check the SSM documents, which need no Django; of the apps they may import these alone.
DOCUMENT_TOOLS = {"script/documents.py", "script/powershell.py", "script/show_document.py"}
# It builds the machines of all states to check their moves.
STATE_TOOL = "script/states.py"
NAMES_THAT_SAY_NOTHING = {
    "utils",
    "util",
    "helpers",
    "helper",
    "services",
    "service",
    "common",
    "misc",
    "managers",
}


def sources() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return [Path(name) for name in listed if (ROOT / name).is_file()]


def imported(path: Path) -> set[str]:
    """Top-level names of all modules that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_only_aws_lab_and_tests_import_the_aws_sdk() -> None:
    product = [path for path in sources() if path.parts[0] not in {"aws", "lab", "tests"}]
    assert [str(path) for path in product if imported(path) & AWS_SDK] == []


@pytest.mark.parametrize("folder", WITHOUT_DJANGO)
def test_what_stands_beside_the_site_imports_no_django_and_no_app(folder: str) -> None:
    files = [path for path in sources() if path.parts[0] == folder]
    apart = [path for path in files if str(path) not in DOCUMENT_TOOLS | {STATE_TOOL}]
    assert [str(path) for path in apart if imported(path) & (APPS | {"django"})] == []


@pytest.mark.parametrize("tool", sorted(DOCUMENT_TOOLS))
def test_the_tools_of_the_documents_import_nothing_else_of_the_apps(tool: str) -> None:
    tree = ast.parse((ROOT / tool).read_text())
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    of_apps = {name for name in modules if name.partition(".")[0] in APPS | {"django"}}
    assert of_apps == {"patching.documents.assemble"}


def test_the_product_never_imports_the_lab_or_the_embedded_servers() -> None:
    product = [path for path in sources() if path.parts[0] in APPS | {"aws"}]
    assert [str(path) for path in product if imported(path) & {"lab", "embedded", "tests"}] == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [str(path) for path in sources() if path.stem in NAMES_THAT_SAY_NOTHING] == []


def test_no_file_is_longer_than_300_lines() -> None:
    written = [path for path in sources() if "migrations" not in path.parts and path.parts[0] != "tests"]
    assert [str(path) for path in written if len((ROOT / path).read_text().splitlines()) > 300] == []
