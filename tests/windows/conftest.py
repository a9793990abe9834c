"""Windows hosts to run the documents on, where there is a PowerShell."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.windows.machine import Machine, host

Make = Callable[..., Machine]


@pytest.fixture(scope="session")
def pwsh() -> str:
    found = shutil.which("pwsh")
    if found is None:
        pytest.skip("There is no PowerShell (pwsh) on PATH, so the Windows documents are not executed.")
    return found


@pytest.fixture
def make(tmp_path: Path, pwsh: str) -> Make:
    """make(update, …, setting=value): a host of its own."""

    def made(*updates: dict[str, Any], **more: Any) -> Machine:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        return Machine(folder, pwsh, host(*updates, **more))

    return made
