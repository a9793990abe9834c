"""What the audit is told of results beside the states of their servers."""

from __future__ import annotations

from patching.operations.outcomes import Stored
from patching.verdicts import Judgement
from portal.audit.operations import Entry


def unkept(item: Stored) -> Entry:
    """A report that counts and is no evidence."""
    summary, asset = f"{item.target.asset.label}: {item.outcome.remark}", str(item.target.asset_id)
    return Entry("report.unkept", "asset", asset, summary, run_id=item.target.run_id)


def disagreement(item: Stored, judgement: Judgement) -> Entry:
    """Systems Manager and the host say different things."""
    said = f"Systems Manager says {item.outcome.status_details}, the host says otherwise"
    summary = f"{item.target.asset.label}: {said}. {judgement.reason}"
    asset = str(item.target.asset_id)
    return Entry("target.disagreement", "asset", asset, summary, run_id=item.target.run_id)
