"""Packs a Windows script: without remarks and indentation, its own functions and variables by short names."""

from __future__ import annotations

import re
from collections import Counter

from patching.documents.short_names import letters

# A remark at the end of a line holds no double quote, so it cannot begin inside an expandable text.
_REMARK = re.compile(r"\s+#\s[^\"]*$")
_FUNCTION = re.compile(r"^function ([A-Z][A-Za-z]*-[A-Za-z]+)", re.MULTILINE)
_VARIABLE = re.compile(r"\$(\{|script:|)([A-Za-z_]\w*)\b(?!:)")
# PowerShell's own.
_KEPT = {
    *("_", "null", "true", "false", "pid", "args", "pscommandpath", "executioncontext"),
    *("erroractionpreference", "progresspreference"),
}


def packed(text: str) -> str:
    """The same PowerShell in fewer bytes."""
    lines = (_REMARK.sub("", line.strip()) for line in text.splitlines())
    code = "\n".join(line for line in lines if line and not line.startswith("#")) + "\n"
    return _short_variables(_short_functions(code))


def _short_functions(code: str) -> str:
    names = set(_FUNCTION.findall(code))
    often = sorted(names, key=lambda name: (-code.count(name), name))
    short = {name: f"_{letter}" for name, letter in zip(often, letters(), strict=False)}
    return re.sub(
        r"(?<![\w$-])[A-Z][A-Za-z]*-[A-Za-z]+(?![\w-])", lambda word: short.get(word[0], word[0]), code
    )


def _short_variables(code: str) -> str:
    """PowerShell takes $Offer and $offer for one variable, and so does this."""
    used = Counter(match[2].lower() for match in _VARIABLE.finditer(code))
    often = sorted(used.keys() - _KEPT, key=lambda name: (-used[name], name))
    short = dict(zip(often, (letter for letter in letters() if letter not in _KEPT), strict=False))
    return _VARIABLE.sub(lambda match: f"${match[1]}{short.get(match[2].lower(), match[2])}", code)
