"""A Windows host whose policy restricts PowerShell prints one sentence and no report; that sentence is what is told."""

from __future__ import annotations

import re

import pytest

from patching.documents.assemble import PHASES, Phase, source
from patching.documents.output import OutputUnreadable, vouched_block


@pytest.mark.parametrize("phase", PHASES)
def test_the_sentence_that_the_script_prints_is_the_reason_that_is_told(phase: Phase) -> None:
    [sentence] = re.findall(
        r'Write-Output "(Patch Portal: PowerShell may not run here.*)"$', source(phase, "windows"), re.M
    )
    printed = re.sub(r"\$\(.*?\)(?=\))", "ConstrainedLanguage", sentence)
    with pytest.raises(OutputUnreadable, match=r"^PowerShell may not run here: .*\(ConstrainedLanguage\)\.$"):
        vouched_block("REPORT", f"{printed}\r\n", None)


def test_other_words_are_not_taken_for_it() -> None:
    with pytest.raises(OutputUnreadable, match="holds no report"):
        vouched_block("REPORT", "PowerShell may not run here", None)
