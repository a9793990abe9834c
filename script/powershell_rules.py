"""Rules on the syntax tree of a Windows script: what a host of another language, clock or luck would trip over.

Each rule yields (line from 1, sentence) for what it finds wrong; docs/windows.md says where each comes from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

Finding = tuple[int, str]
# What may stand at the head of a script, before anything there can be caught.
HARMLESS = {
    *("Remove-TypeData", "New-Object", "Join-Path", "Get-PathElement", "Where-Object", "ForEach-Object"),
    *("Write-Output", "exit", "Get-Spent"),
}
# Parameters that Windows PowerShell 5.1 does not have.
LATER = re.compile(
    r"-(AsHashtable|NoEnumerate|DateKind|EscapeHandling|Parallel|AsUTC|SkipIndex)\b", re.IGNORECASE
)


def findings(text: str) -> list[Finding]:
    tree = parsed(text)
    return sorted({one for rule in RULES for one in rule(tree)})


def broken(text: str) -> list[Finding]:
    """What the parser does not understand."""
    return sorted(syntax(parsed(text)))


def parsed(text: str) -> Node:
    return Parser(Language(tree_sitter_powershell.language())).parse(text.encode()).root_node


def syntax(tree: Node) -> Iterator[Finding]:
    for node in nodes(tree):
        if node.is_error or node.is_missing:
            yield line(node), "is not understood: a brace or a quote is missing, or 5.1 does not know it"


def dates(tree: Node) -> Iterator[Finding]:
    for node in nodes(tree, "command_name"):
        if told(node).lower() == "get-date":
            yield line(node), "Get-Date is local time: daylight saving moves it; take [DateTime]::UtcNow"


def cultures(tree: Node) -> Iterator[Finding]:
    for node in nodes(tree, "invokation_expression"):
        call = re.match(r".*\.ToString\((.+)\)$", told(node), re.DOTALL)
        if call and "InvariantCulture" not in call[1]:
            yield line(node), "ToString(format) writes as the host's culture does; add InvariantCulture"


def removals(tree: Node) -> Iterator[Finding]:
    """Where case is ignored, the Kelvin sign is a k and the dotted I an i."""
    for node in nodes(tree, "comparison_expression"):
        if re.search(r"-i?replace\s+['\"]\[\^", told(node), re.IGNORECASE):
            yield line(node), "-replace ignores case, so not all that is foreign goes; take -creplace"


def moves(tree: Node) -> Iterator[Finding]:
    for node in nodes(tree, "command"):
        if re.match(r"Move-Item\b.*-Force\b", told(node), re.IGNORECASE | re.DOTALL):
            yield line(node), "Move-Item -Force is delete, then move; take [System.IO.File]::Replace"


def casts(tree: Node) -> Iterator[Finding]:
    """[int] of a difference: too large for it after a step of the clock, and below 0."""
    for node in nodes(tree, "cast_expression"):
        target = told(node)
        if (
            re.match(r"\[int\]", target, re.IGNORECASE)
            and re.search(r"\s-\s", target)
            and "[Math]::M" not in target
        ):
            yield line(node), "[int] of a difference is clamped by nothing; take Get-Whole"


def catches(tree: Node) -> Iterator[Finding]:
    """What throws in a catch leaves the script without a report: note the fault there, act after it."""
    for clause in nodes(tree, "catch_clause"):
        for node in nodes(clause):
            acts = node.type in ("command", "invokation_expression")
            if acts and not inside(node, "try_statement", clause):
                yield (
                    line(node),
                    f"a catch calls {told(node)[:40]!r}, which can throw; note the fault and act after it",
                )


def heads(tree: Node) -> Iterator[Finding]:
    """Before the first try nothing may throw."""
    tries = [node for node in nodes(tree, "try_statement") if not inside(node, "function_statement", tree)]
    first = min((node.start_byte for node in tries), default=len(tree.text or b""))
    for node in nodes(tree, "command_name"):
        if (
            node.start_byte < first
            and not inside(node, "function_statement", tree)
            and told(node) not in HARMLESS
        ):
            yield line(node), f"{told(node)} can throw before the first try, and nothing would be told"


def shadows(tree: Node) -> Iterator[Finding]:
    """PowerShell shows a function's variables to those that it calls: one named as the script's own hides that."""
    own = {
        name
        for node in nodes(tree, "left_assignment_expression")
        if not inside(node, "function_statement", tree) and (name := plain(node))
    }
    for node in nodes(tree, "left_assignment_expression"):
        inner = inside(node, "function_statement", tree) and plain(node)
        if inner and inner in own - {"fault", "report", "os"}:
            yield (
                line(node),
                f"${inner} hides the script's own variable; write $script:{inner}, or another name",
            )


def later_words(tree: Node) -> Iterator[Finding]:
    for node in nodes(tree, "command"):
        if found := LATER.search(told(node)):
            yield line(node), f"{found[0]} is not known to Windows PowerShell 5.1"


RULES = (syntax, dates, cultures, removals, moves, casts, catches, heads, shadows, later_words)


def nodes(tree: Node, kind: str = "") -> Iterator[Node]:
    """The tree's nodes, the outer ones first; of one kind only, where it is given."""
    if not kind or tree.type == kind:
        yield tree
    for child in tree.children:
        yield from nodes(child, kind)


def inside(node: Node, kind: str, top: Node) -> bool:
    """Whether a node of that kind stands around it, below `top`."""
    above = node.parent
    while above is not None and above != top:
        if above.type == kind:
            return True
        above = above.parent
    return False


def plain(node: Node) -> str:
    """The variable's name in small letters; empty where a member, a type or a scope is named."""
    found = re.fullmatch(r"\$(\w+)", told(node).strip())
    return found[1].lower() if found else ""


def told(node: Node) -> str:
    return (node.text or b"").decode()


def line(node: Node) -> int:
    return node.start_point[0] + 1
