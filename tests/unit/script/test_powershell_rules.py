"""Each rule finds a snippet that breaks it and lets the right form pass; the documents themselves are clean."""

from __future__ import annotations

import pytest

from patching.documents.assemble import PHASES, Phase, script, source
from script.powershell_rules import broken, findings

GUARDED = "try { Start-It } catch { $fault = $_ }\n"
# what is wrong, the word of the rule that finds it, and the right form
PAIRS = [
    ("if ($a) { $b = 1", "not understood", "if ($a) { $b = 1 }"),
    ("function F { return Get-Date }", "Get-Date", "function F { return [DateTime]::UtcNow }"),
    (
        "function F { return $t.ToString('HH:mm') }",
        "InvariantCulture",
        "function F { return $t.ToString('HH:mm', [cultureinfo]::InvariantCulture) }",
    ),
    ("$a = $b -replace '[^ -~]', '?'", "-creplace", "$a = $b -creplace '[^ -~]', '?'"),
    (
        "function F { Move-Item -Path a -Destination b -Force }",
        "Replace",
        "function F { [System.IO.File]::Replace('a', 'b', 'c') }",
    ),
    (
        "function F { return [int]($a - $b).TotalSeconds }",
        "clamped",
        "function F { return [int][Math]::Max(0, ($a - $b).TotalSeconds) }",
    ),
    ("try { F } catch { Tell-It $_ }", "a catch calls", "try { F } catch { $fault = $_ }"),
    ("Import-Module x\n" + GUARDED, "before the first try", "$x = 1\n" + GUARDED),
    (
        "$kept = 1\nfunction F { $kept = 2 }",
        "hides the script's own",
        "$kept = 1\nfunction F { $script:kept = 2 }",
    ),
    ("$a = ConvertFrom-Json $b -AsHashtable", "5.1", "$a = ConvertFrom-Json $b"),
]


@pytest.mark.parametrize(("wrong", "word", "right"), PAIRS)
def test_a_bad_snippet_is_found_and_the_right_form_passes(wrong: str, word: str, right: str) -> None:
    assert any(word in sentence for _, sentence in findings(wrong))
    assert not any(word in sentence for _, sentence in findings(right))


def test_a_line_is_named() -> None:
    assert findings("$a = 1\n$b = Get-Date\n" + GUARDED)[0][0] == 2


@pytest.mark.parametrize("phase", PHASES)
def test_the_documents_break_none(phase: Phase) -> None:
    assert findings(source(phase, "windows")) == []
    assert broken(script(phase, "windows")) == []
