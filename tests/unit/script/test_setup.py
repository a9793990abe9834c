"""What script/setup decides: when there is nothing to do, which Python, and how uv learns what pip knows."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """script/setup.py working on a checkout of its own."""
    spec = importlib.util.spec_from_file_location("setup_under_test", ROOT / "script" / "setup.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "patch-portal-setup.json")
    for lock in module.LOCKS.values():
        (tmp_path / lock).write_text(f"# {lock}\n")
    return module


def a_venv(setup: ModuleType, *, filled_for: str) -> None:
    (setup.VENV / "bin").mkdir(parents=True)
    (setup.VENV / "bin" / "python").symlink_to(sys.executable)
    setup.STAMP.write_text(json.dumps({filled_for: setup.lock_hash(filled_for)}))


@pytest.mark.parametrize(("filled", "asked", "ready"), [
    ("test", "test", True),
    ("test", "serve", True),
    ("serve", "test", False),
    ("demo", "demo", True),
])  # fmt: skip
def test_a_larger_lock_serves_a_smaller_purpose(
    setup: ModuleType, filled: str, asked: str, ready: bool
) -> None:
    a_venv(setup, filled_for=filled)
    assert setup.is_ready(asked) is ready


def test_a_changed_lock_is_installed_again(setup: ModuleType) -> None:
    a_venv(setup, filled_for="test")
    (setup.ROOT / setup.LOCKS["test"]).write_text("# newer\n")
    assert not setup.is_ready("test")


def test_a_venv_whose_python_is_gone_is_made_again(setup: ModuleType) -> None:
    a_venv(setup, filled_for="test")
    (setup.VENV / "bin" / "python").unlink()
    (setup.VENV / "bin" / "python").symlink_to("/nonexistent/python3")
    assert not setup.is_ready("test")
    setup.put_away_the_old_one()
    assert not setup.VENV.exists()
    assert not list(setup.ROOT.glob(".venv*"))


def test_a_venv_of_another_user_is_made_again(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    a_venv(setup, filled_for="test")
    monkeypatch.setattr(setup.os, "getuid", lambda: 424242)
    assert not setup.is_ready("test")


def test_somebody_without_apt_rights_gets_one_sentence_that_names_the_package(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup.os, "getuid", lambda: 1000)
    monkeypatch.setattr(setup, "has_ensurepip", lambda _: False)
    with pytest.raises(setup.SetupError, match=r"apt-get install python3-venv"):
        setup.a_python()


def test_uv_learns_what_pip_is_configured_with(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    configured = {
        "index-url": "https://packages.example.com/simple",
        "extra-index-url": "https://one.example.com/simple https://two.example.com/simple",
        "find-links": "/wheels /more",
        "cert": "/etc/ssl/example.pem",
    }
    monkeypatch.setattr(setup, "pip_configuration", lambda: configured)
    environment = setup.uv_environment()
    assert environment["UV_DEFAULT_INDEX"] == "https://packages.example.com/simple"
    assert environment["UV_INDEX"] == "https://one.example.com/simple https://two.example.com/simple"
    assert environment["UV_FIND_LINKS"] == "/wheels,/more"
    assert environment["SSL_CERT_FILE"] == "/etc/ssl/example.pem"


def test_what_is_said_to_uv_itself_wins(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.example.com/simple")
    monkeypatch.setattr(
        setup, "pip_configuration", lambda: {"index-url": "https://packages.example.com/simple"}
    )
    assert setup.uv_environment()["UV_DEFAULT_INDEX"] == "https://mine.example.com/simple"


def test_pips_environment_beats_its_files(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = "global.index-url='https://files.example.com'\n:env:.index-url='https://shell.example.com'\n"
    done = setup.subprocess.CompletedProcess([], 0, stdout=listed)
    monkeypatch.setattr(setup.subprocess, "run", lambda *_, **__: done)
    assert setup.pip_configuration() == {"index-url": "https://shell.example.com"}


def test_an_unknown_purpose_is_refused(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["setup.py", "party"])
    assert setup.main() == 1
    assert "'party' is not one of serve, demo, test" in capsys.readouterr().err
