"""`.env` says the same to script/serve as to docker compose, and a line that nobody understands stops the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedded import EmbeddedError, dotenv
from embedded.beside import settings_among

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=plain", "plain"),
        ("NAME = ", None),
        ("  export NAME=plain  ", "plain"),
        ("NAME=two words", "two words"),
        ("NAME=value # said of it", "value"),
        ("NAME=a#b", "a#b"),
        ("NAME='a # b' # said of it", "a # b"),
        ('NAME="a # b"', "a # b"),
        ("NAME=a=b==", "a=b=="),
        ("NAME=", ""),
        ("NAME= # nothing yet", ""),
        ("#NAME=off", ""),
        ("", ""),
        ("NAME='open", None),
        ("NAME='a' b", None),
        ("NAME", None),
        ("1NAME=x", None),
    ],
)
def test_a_line(tmp_path: Path, line: str, value: str | None) -> None:
    path = tmp_path / ".env"
    path.write_text(f"FIRST=1\n{line}\n")
    if value is None:
        with pytest.raises(EmbeddedError, match=r"Line 2 of .*NAME=value"):
            dotenv.read(path)
    else:
        assert dotenv.read(path) == {"FIRST": "1"} | ({"NAME": value} if value else {})


def test_without_the_file_nothing_is_said(tmp_path: Path) -> None:
    assert dotenv.read(tmp_path / ".env") == {}


def test_the_example_is_understood_and_gives_the_stack_its_own_way() -> None:
    """Copied as it is it names no server, address or key in the place of those that script/serve makes itself."""
    found = dotenv.read(ROOT / ".env.example")
    assert found["AWS_REGION"] == "eu-central-1"
    assert not found.keys() & {
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "PORTAL_URL",
        "ALLOWED_HOSTS",
        "RESULTS_BUCKET",
    }


def test_beside_the_site_its_settings_count_and_no_credentials() -> None:
    environment = {
        "AWS_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "hush",
        "HOME": "/root",
        "PORTAL_URL": "",
    }
    known = settings_among(environment, ROOT / ".env.example", {})
    assert known == {"AWS_REGION": "eu-west-1"}
