"""script/show-document prints what AWS gets and what a host runs."""

from __future__ import annotations

import sys

import pytest
import yaml

from patching.documents.assemble import document, script
from script import show_document


def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["show-document", *arguments])
    assert show_document.main() == 0
    return capsys.readouterr().out


def test_what_aws_gets_holds_what_the_host_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = shown(monkeypatch, capsys, "PatchPortal-Patch-Linux", "--aws")
    [step] = yaml.safe_load(sent)["mainSteps"]
    run = shown(monkeypatch, capsys, "PatchPortal-Patch-Linux", "--host")
    assert step["inputs"]["runCommand"] == [run.rstrip("\n")]
    assert run.rstrip("\n") == script("patch", "linux").rstrip("\n")
    both = shown(monkeypatch, capsys, "PatchPortal-Patch-Linux")
    assert sent.strip() in both
    assert run.strip() in both


def test_without_a_name_there_is_the_list(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = shown(monkeypatch, capsys).splitlines()
    assert len(rows) == 4
    assert document("precheck", "windows").sha256 in rows[1]
