"""What was found of one host's part of a command, and the rows that it is stored with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from patching.documents.host_report import Change, Report
from patching.documents.result_line import ResultLine
from patching.models import Dispatch, DispatchTarget, Run, Target
from patching.package_words import credible
from portal.inventory.models import Asset


@dataclass(frozen=True)
class Outcome:
    """What was found of one terminal invocation. `report` is None when there is none, and `missing` says why."""

    status: str
    status_details: str
    report: Report | None
    source: str = ""
    evidence_key: str = ""
    evidence_sha256: str = ""
    missing: str = ""
    line: ResultLine | None = None  # the short result line, where the whole report did not arrive
    note: str = ""  # a sentence that follows the reason
    remark: str = ""  # of how the report was read and kept

    @property
    def unkept(self) -> bool:
        """There is a report, and a reason why it is no evidence."""
        return self.report is not None and bool(self.remark) and not self.evidence_key


@dataclass(frozen=True)
class Stored:
    """One row with its locked target and what was found."""

    row: DispatchTarget
    target: Target
    outcome: Outcome

    @cached_property
    def changes(self) -> tuple[list[Change], str]:
        """What a package manager could have told, and a sentence about what it could not."""
        return credible(self.outcome.report.changes if self.outcome.report else (), self.target.platform)

    @property
    def notes(self) -> str:
        """What follows the reason: of the outcome, of the tested set, of what is not believed."""
        left_out = self.row.dispatch.left_out if self.outcome.report else ""
        return " ".join(filter(None, (self.outcome.note, left_out, self.changes[1])))

    def close(self, now: datetime) -> None:
        self.row.status, self.row.status_details = self.outcome.status, self.outcome.status_details
        self.row.collected_at, self.row.no_report_reason = now, self.outcome.missing


def locked(outcomes: Mapping[int, Outcome]) -> list[Stored]:
    """Row pk → outcome, as rows that are not collected yet, locked with their targets; the others are left out.

    What many rows share (command, run) is read once, and of each asset its name alone.
    """
    waiting = DispatchTarget.objects.select_for_update().filter(collected_at=None, pk__in=list(outcomes))
    rows = list(waiting.order_by("pk"))
    sent = Dispatch.objects.in_bulk({row.dispatch_id for row in rows})
    targets = _locked_targets([row.target_id for row in rows])
    for row in rows:
        row.dispatch = sent[row.dispatch_id]
    return [Stored(row, targets[row.target_id], outcomes[row.pk]) for row in rows]


def _locked_targets(ids: list[int]) -> dict[int, Target]:
    wanted = Target.objects.select_for_update().filter(pk__in=ids)
    found = {target.pk: target for target in wanted.order_by("pk")}
    runs = Run.objects.in_bulk({target.run_id for target in found.values()})
    named = Asset.objects.only("name", "instance_id").in_bulk([target.asset_id for target in found.values()])
    for target in found.values():
        target.run, target.asset = runs[target.run_id], named[target.asset_id]
    return found
