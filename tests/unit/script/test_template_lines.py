"""The check of the templates' lines finds a planted long one and names its place."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from script import check, template_lines

STEP = next(step for step in check.steps() if step.name == "template lines")


def test_a_long_line_fails_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p>short</p>\n" + "ü" * template_lines.LONGEST + "\n")
    planted = dataclasses.replace(STEP, command=(*STEP.command, str(page)))
    assert check.run(planted).ok
    page.write_text(page.read_text() + "<p>" + "x" * template_lines.LONGEST + "</p>\n")
    found = check.run(planted)
    assert not found.ok
    assert found.words == f"{page}:3: 127 characters, at most 120"
    assert "FAIL template lines" in capsys.readouterr().out


def test_it_reads_every_template_of_the_checkout() -> None:
    named = {name for name in STEP.command if name.startswith("templates/")}
    assert {"templates/base.html", "templates/components/button.html"} <= named
    done = subprocess.run(
        [sys.executable, "-m", "script.template_lines", *named], cwd=check.ROOT, check=False
    )
    assert done.returncode == 0
