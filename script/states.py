"""Finds what writes a state past the mover, and moves to where no table leads.

A second mover is a write of a field `state` anywhere but in portal/machine: an assignment, an update, a row made in
another state than its first, a list of fields that names it, or SQL. Asset.state is EC2's word and no machine's, so the
inventory is not looked at.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
APPS = ("patching", "exceptions", "portal", "reports")
NOT_LOOKED_AT = ("portal/machine/", "portal/inventory/", "/migrations/")
MAKES = {"create", "acreate", "get_or_create", "update_or_create", "bulk_create"}
UPDATES = {"update", "aupdate"}
NAMES_FIELDS = {"write", "bulk_update", "bulk_create", "save", "asave"}
MOVES = {"move", "move_locked", "move_or_refuse", "begin", "Step"} | {
    "enter", "close", "settle", "try_again", "_moved", "_settle", "_enter", "_decide", "_answer",
}  # fmt: skip
SQL = re.compile(r"\bupdate\s+\S*(patching|exceptions|tags)_\w+\s+set\b.*\bstate\b", re.I | re.S)


def machines() -> dict[str, Any]:
    """The name of each enum of states → its machine. Building one checks its table."""
    from exceptions.states import EXCEPTION
    from patching import states
    from portal.machine.table import Machine
    from portal.tags.states import TAG

    found = [machine for machine in vars(states).values() if isinstance(machine, Machine)]
    return {machine.enum.__name__: machine for machine in (*found, EXCEPTION, TAG)}


def main() -> int:
    known = machines()
    files = [path for app in APPS for path in sorted((ROOT / app).rglob("*.py"))]
    names = {path: path.relative_to(ROOT).as_posix() for path in files}
    found = [
        f"{name}:{line}: {what}"
        for path, name in names.items()
        if not any(part in f"{name}" for part in NOT_LOOKED_AT)
        for line, what in faults(path.read_text(), known)
    ]
    print("\n".join(found))
    return 1 if found else 0


def faults(source: str, known: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """(line, what is wrong) of one module."""
    tree = ast.parse(source)
    module = Module(tree, known)
    for node in ast.walk(tree):
        for what in module.look(node):
            yield getattr(node, "lineno", 0), what


class Module:
    """One module's tree, with what its names stand for."""

    def __init__(self, tree: ast.Module, known: dict[str, Any]) -> None:
        self._known = known
        self._values = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self._unpacks = any(
            isinstance(node, ast.Call)
            and name_of(node.func) in MAKES | UPDATES
            and any(word.arg is None for word in node.keywords)
            for node in ast.walk(tree)
        )

    def look(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            yield from self._assigned(node)
        if isinstance(node, ast.Call):
            yield from self._call(node)
        if isinstance(node, ast.Dict) and self._unpacks and any(map(is_state, node.keys)):
            yield "a dict with a state, in a module that unpacks dicts into rows"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value):
            yield "SQL writes a state"

    def _assigned(self, node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> Iterator[str]:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for part in (part for target in targets for part in ast.walk(target)):
            if isinstance(part, ast.Attribute) and part.attr == "state" and isinstance(part.ctx, ast.Store):
                yield "a state is assigned"
            if isinstance(part, ast.Subscript) and is_state(part.slice) and self._unpacks:
                yield "a state is put into a dict, in a module that unpacks dicts into rows"

    def _call(self, call: ast.Call) -> Iterator[str]:
        name = name_of(call.func)
        if name == "setattr" and len(call.args) == 3 and is_state(call.args[1]):
            yield "a state is set"
        if name in NAMES_FIELDS and any(self._names_state(item) for item in arguments(call)):
            yield "a state is among the fields that are written"
        if name in UPDATES and any(word.arg == "state" for word in call.keywords):
            yield "a state is updated"
        if name in MAKES or self._is_model(name):
            yield from self._made(call)
        if name in MOVES:
            yield from self._untabled(call)

    def _is_model(self, name: str) -> bool:
        return name in {"Run", "Dispatch", "Target", "Wave", "PowerHold", "RootSnapshot", "Restore", "FixProposal",
                        "RunAudit", "ExceptionRequest", "TagChange"}  # fmt: skip

    def _made(self, call: ast.Call) -> Iterator[str]:
        for word in call.keywords:
            if word.arg == "state" and not self._is_first(word.value):
                yield "a row is made in another state than its first"

    def _names_state(self, item: ast.expr) -> bool:
        value = self._values.get(item.id, item) if isinstance(item, ast.Name) else item
        return isinstance(value, ast.List | ast.Tuple | ast.Set) and any(map(is_state, value.elts))

    def _state(self, item: ast.expr) -> tuple[Any, Any] | None:
        """(machine, state) that an expression such as RunState.HALTED or T.DONE names."""
        if not isinstance(item, ast.Attribute) or not isinstance(item.value, ast.Name):
            return None
        alias = self._values.get(item.value.id)
        enum = alias.id if isinstance(alias, ast.Name) else item.value.id
        machine = self._known.get(enum)
        state = getattr(machine.enum, item.attr, None) if machine else None
        return (machine, state) if state in getattr(machine, "states", ()) else None

    def _is_first(self, item: ast.expr) -> bool:
        named = self._state(item)
        return named is not None and named[1] == named[0].initial

    def _untabled(self, call: ast.Call) -> Iterator[str]:
        for machine, state in filter(None, map(self._state, arguments(call))):
            born = name_of(call.func) == "begin" and state in machine.born
            if not born and not machine.sources(state) and not machine.sources(state, back=True):
                yield f"no table leads to {machine.enum.__name__}.{state.name}"


def name_of(func: ast.expr) -> str:
    """The last part: `update` of `rows.filter(…).update`."""
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def is_state(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value == "state"


def arguments(call: ast.Call) -> Iterable[ast.expr]:
    return [*call.args, *(word.value for word in call.keywords)]


if __name__ == "__main__":
    sys.exit(main())
