"""Every combination of what a host, its report and Systems Manager can say: what must hold of each verdict."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from patching.documents.host_report import Report
from patching.states import Agreement, Verdict
from patching.verdicts import Evidence, Judgement, judge
from tests.unit.patching.made_reports import NEW, OLD, line, report, side

GOOD = {Verdict.PATCHED, Verdict.NOTHING_TO_DO, Verdict.PATCHED_REBOOT_PENDING}
ERRORS = ("", "install_failed", "restart_did_not_cure")
STATUSES = ("patched", "nothing_to_do", "reboot_pending", "partial", "failed", "blocked")
SSM = (
    ("Success", "Success"), ("Failed", "Failed"), ("TimedOut", "ExecutionTimedOut"), ("TimedOut", "DeliveryTimedOut"),
    ("Failed", "Undeliverable"), ("Cancelled", "Cancelled"), ("Cancelled", "Terminated"), ("", ""),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One combination. `left`: (all, security) updates still pending; `held_back`: of them, left out on purpose."""

    status: str
    changed: int
    left: tuple[int | None, int | None]
    held_back: int
    broken: int
    error: str
    kernel: str  # what runs afterwards
    boot: str
    needed: bool
    mode: str
    ssm: tuple[str, str]
    by: str  # report | line

    def evidence(self) -> Evidence:
        word = {"ssm_status": self.ssm[0], "ssm_status_details": self.ssm[1], "mode": self.mode}
        return (
            Evidence(patch=self._report(), **word)
            if self.by == "report"
            else Evidence(line=self._line(), **word)
        )

    def _report(self) -> Report:
        sides = (self.kernel, self.boot, self.left, self.broken)
        return told(self.status, self.changed, sides, self.held_back, self.error, self.needed)

    def _line(self) -> Any:
        return line(
            status=self.status, changed=self.changed, upgradable=self.left[0], security=self.left[1],
            held_back=self.held_back, broken=self.broken, error=self.error, reboot_needed=self.needed,
            kernel_running=self.kernel, reboot_done=self.boot == "boot-2",
        )  # fmt: skip

    @property
    def wanted(self) -> int | None:
        """Updates that should have gone in and have not; None: nobody can tell."""
        pending = self.left[1] if self.mode == "security" else self.left[0]
        return None if pending is None else max(0, pending - self.held_back)


@cache
def told(
    status: str, changed: int, sides: tuple[str, str, tuple[int | None, int | None], int], held_back: int,
    error: str, needed: bool,
) -> Report:  # fmt: skip
    """The same report for every word of Systems Manager: there are eight times as many cases."""
    kernel, boot, left, broken = sides
    after = side(kernel, boot, *left, broken) if status != "blocked" else None
    names = [f"kept{number}" for number in range(held_back)]
    return Report.of(report(status, changed, after, error, needed, boot == "boot-2", aside=names))


def cases() -> Iterator[Case]:
    yield from itertools.starmap(
        Case,
        itertools.product(
            STATUSES, (0, 3), ((0, 0), (2, 0), (2, 1), (None, None)), (0, 1), (0, 1), ERRORS,
            (NEW, OLD), ("boot-1", "boot-2"), (False, True), ("all", "security"), SSM, ("report", "line"),
        ),
    )  # fmt: skip


def broken_promises(case: Case, found: Judgement) -> Iterator[str]:
    """What this judgement says that the facts do not bear out."""
    good = found.verdict in GOOD
    # a blocked host has no list afterwards; the line's own fields tell it instead
    proven = case.wanted == 0 and (case.status != "blocked" or case.by == "line")
    if good and not proven:
        yield "good although updates are left, or nobody can tell"
    if good and case.broken:
        yield "good with packages half installed"
    if good and case.error == "install_failed":
        yield "good with a failed install"
    if good and case.status in {"failed", "partial", "blocked"}:
        yield "good although the host says it is not"
    if (
        case.by == "report"
        and case.kernel == OLD
        and found.verdict in {Verdict.PATCHED, Verdict.NOTHING_TO_DO}
    ):
        yield "finished although an older kernel than the newest installed one runs"
    if case.needed and found.verdict in {Verdict.PATCHED, Verdict.NOTHING_TO_DO}:
        yield "finished although the host asks for a restart"
    if found.verdict is Verdict.FAILED and case.changed:
        yield "failed although something changed: that is partly"
    if found.verdict is Verdict.PARTLY and not case.changed:
        yield "partly although nothing changed"
    if found.verdict is Verdict.UNKNOWN or found.agreement is Agreement.NO_REPORT:
        yield "unknown although the host told"
    yield from broken_agreement(case, found, good)
    if not found.reason.endswith(".") or len(found.reason) < 20:
        yield f"no sentence for a person: {found.reason!r}"


def broken_agreement(case: Case, found: Judgement, good: bool) -> Iterator[str]:
    said_well, said_ill = case.ssm[0] == "Success", case.ssm[0] in {"Failed", "TimedOut", "Cancelled"}
    if (found.agreement is Agreement.SSM_OK_HOST_UNPATCHED) is not (said_well and not good):
        yield "success of SSM against an unpatched host is not told"
    if (found.agreement is Agreement.SSM_FAILED_HOST_PATCHED) is not (said_ill and good):
        yield "failure of SSM against a patched host is not told"


def test_every_combination_keeps_every_promise() -> None:
    broken = [
        f"{promise}: {case}" for case in cases() for promise in broken_promises(case, judge(case.evidence()))
    ]
    assert not broken, f"{len(broken)} broken, first: {broken[:3]}"


def test_ssm_never_changes_the_verdict() -> None:
    """The host decides: with the same facts every word of SSM gives the same verdict and the same reason."""
    seen: dict[Any, set[tuple[str, str]]] = {}
    for case in cases():
        found = judge(case.evidence())
        facts = tuple(value for name, value in vars(case).items() if name != "ssm")
        seen.setdefault(facts, set()).add((found.verdict, found.reason))
    assert {len(found) for found in seen.values()} == {1}


def test_all_verdicts_of_a_telling_host_are_met() -> None:
    met = {judge(case.evidence()).verdict for case in cases()}
    assert met == set(Verdict) - {Verdict.UNKNOWN}


def test_without_a_report_nothing_is_ever_good() -> None:
    for (status, details), checked in itertools.product(SSM, (False, True)):
        before = Report.of(report("ready", 0, None, done=False, phase="precheck")) if checked else None
        found = judge(Evidence(before=before, ssm_status=status, ssm_status_details=details))
        assert found.verdict is Verdict.UNKNOWN, (status, details)
        assert found.agreement is Agreement.NO_REPORT
        if details in {"Undeliverable", "DeliveryTimedOut"}:
            assert "may have run all the same" in found.reason
