"""Reads the Windows documents as they are assembled, and checks them by rules. Nothing is executed."""

from __future__ import annotations

import sys

from patching.documents.assemble import PHASES, script, source
from script.powershell_rules import broken, findings


def main() -> int:
    found = [(f"{phase}", source(phase, "windows"), findings(source(phase, "windows"))) for phase in PHASES]
    # what is sent has short names: there only the syntax is asked, to see that packing broke nothing
    found += [
        (f"{phase}, packed", script(phase, "windows"), broken(script(phase, "windows"))) for phase in PHASES
    ]
    for where, text, wrong in found:
        for line, sentence in wrong:
            print(f"{where}, line {line}: {sentence}: {text.splitlines()[line - 1].strip()[:120]}")
    return 1 if any(wrong for _, _, wrong in found) else 0


if __name__ == "__main__":
    sys.exit(main())
