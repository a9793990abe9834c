"""The parameters' patterns under RE2, as the agent compiles them; script/check does the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.ssm.patterns import Uncompilable, compiled
from patching.documents.assemble import LONGEST, PARAMETERS, document
from script import documents


@pytest.fixture(autouse=True)
def documents_made_anew() -> Iterator[None]:
    """What is made of a pattern that does not count is not kept for other tests."""
    document.cache_clear()
    yield
    document.cache_clear()


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_each_pattern_compiles_and_takes_the_default(name: str) -> None:
    pattern = compiled(PARAMETERS[name]["allowedPattern"])
    default = PARAMETERS[name].get("default")
    assert default is None or pattern.search(default)
    assert not pattern.search("$(id)")


def test_the_exclude_list_has_its_two_thousand_characters() -> None:
    pattern = compiled(PARAMETERS["Exclude"]["allowedPattern"])
    assert pattern.search("a" * LONGEST["Exclude"])
    assert not pattern.search("a" * (LONGEST["Exclude"] + 1))


def test_the_pattern_of_before_is_refused_and_script_check_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = "^[A-Za-z0-9.+_:*?,-]{0,2000}$"
    with pytest.raises(Uncompilable, match="invalid repeat count"):
        compiled(before)
    monkeypatch.setitem(PARAMETERS, "Exclude", PARAMETERS["Exclude"] | {"allowedPattern": before})
    assert documents.main() == 1
    assert "Exclude: The pattern" in capsys.readouterr().out


def test_script_check_tells_the_room_and_fails_where_it_is_short(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert documents.main() == 0
    assert "PatchPortal-Patch-Linux: " in capsys.readouterr().out
    monkeypatch.setattr(documents, "LEAST_FREE_PERCENT", 50)
    assert documents.main() == 1
    assert "PatchPortal-Patch-Linux has less than 50 % of room left." in capsys.readouterr().out
