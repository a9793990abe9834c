"""Every browser test runs in a real Chromium. Without one it fails in CI and is skipped with the reason elsewhere."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.browser.chromium import NoChromium, chromium, launch_arguments

# Playwright's loop runs in this thread, where Django would otherwise refuse the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    try:
        program = chromium()
    except NoChromium as reason:
        if os.environ.get("CI"):
            pytest.fail(str(reason), pytrace=False)
        pytest.skip(str(reason))
    return {**browser_type_launch_args, "executable_path": str(program), "args": launch_arguments()}
