"""The import contracts name every room and floor that exists, and none that does not."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("portal", "exceptions", "patching", "reports")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
# Folders whose files stand beside each other, with nothing above or below: the one circle test holds for them.
FLAT = {"portal.web", "portal.notify.channels"}
DJANGO = {"apps", "migrations"}  # Django finds these by name; they are no floors


def parts_of(room: str) -> set[str]:
    """The modules and folders of a folder, by their names."""
    folder = ROOT / room.replace(".", "/")
    folders = {found.parent.name for found in folder.glob("*/__init__.py")}
    return folders | {found.stem for found in folder.glob("*.py")} - {"__init__"}


def named(contract: dict[str, Any]) -> set[str]:
    return {name.strip() for layer in contract["layers"] for name in re.split(r"[|:]", layer)}


def layered() -> Iterator[tuple[str, dict[str, Any]]]:
    for contract in CONTRACTS:
        if contract["type"] == "layers":
            yield from ((container, contract) for container in contract.get("containers", ()))


def rooms() -> set[str]:
    """The apps, and each folder of portal in which one file could stand above another."""
    found = {f"portal.{name}" for name in parts_of("portal") if (ROOT / "portal" / name).is_dir()}
    return {room for room in {*APPS, *found} if len(parts_of(room) - DJANGO) > 2} - FLAT


@pytest.mark.parametrize(("room", "contract"), [pytest.param(*pair, id=pair[0]) for pair in layered()])
def test_a_contract_names_what_stands_in_its_folder(room: str, contract: dict[str, Any]) -> None:
    assert named(contract) == parts_of(room) - DJANGO
    assert contract["exhaustive"]
    assert set(contract.get("exhaustive_ignores", ())) <= DJANGO


def test_each_room_has_one_contract() -> None:
    contracts = [room for room, _ in layered()]
    assert len(contracts) == len(set(contracts))
    assert rooms() <= set(contracts)


def test_no_contract_names_what_may_come_one_day() -> None:
    layers = [layer for contract in CONTRACTS for layer in contract.get("layers", ())]
    assert [layer for layer in layers if "(" in layer] == []
    lists = [contract.get(key, ()) for contract in CONTRACTS for key in ("source_modules", "modules")]
    modules = [name for names in lists for name in names]
    missing = [name for name in modules if not list(ROOT.glob(f"{name.replace('.', '/')}*"))]
    assert missing == []
