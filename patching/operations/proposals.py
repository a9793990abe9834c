"""Proposes to mend for good what the pre-check meets again and again; an admin decides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import transaction

from patching.checks import LASTING_FIXES
from patching.documents.host_report import CHECKS, Check, Report
from patching.models import FixProposal, HostReport, Target
from patching.states import PROPOSAL, Phase, ProposalState
from patching.trends import recurring, troubled
from portal.access.models import User
from portal.access.rules import Conflict, Invalid, check_role
from portal.access.states import Role
from portal.audit.operations import Entry, record
from portal.machine.mover import Mover, Step, each
from portal.notify.operations import notify

LONGEST_REASON = 500
Checks = tuple[Check, ...]


def note(checked: Mapping[Target, Report], *, now: datetime) -> None:
    """The trend of every check that had trouble just now. Called in the transaction that stores the reports."""
    seen = {target: found for target, report in checked.items() if (found := troubled(report.checks))}
    if not seen:
        return
    history = _history(seen)
    decided = _decided(seen)
    for target, found in seen.items():
        for name, (detail, repaired) in found.items():
            since = decided.get((target.asset_id, name))
            runs = [checks for at, checks in history[target.asset_id] if since is None or at > since]
            if trend := recurring(name, runs):
                _propose(target, name, trend, detail, repaired=repaired, now=now)


def _history(targets: Iterable[Target]) -> dict[int, list[tuple[datetime, Checks]]]:
    """asset pk → (stored at, checks) of the last pre-check of each run, newest first."""
    rows = HostReport.objects.filter(
        target__asset__in=[target.asset_id for target in targets], phase=Phase.PRECHECK
    ).order_by("-target_id", "-pk")
    found: dict[int, dict[int, tuple[datetime, Checks]]] = defaultdict(dict)
    for asset, target, at, checks in rows.values_list(
        "target__asset_id", "target_id", "stored_at", f"content__{CHECKS}"
    ):
        found[asset].setdefault(target, (at, tuple(map(Check.of, checks))))
    return defaultdict(list, {asset: list(runs.values()) for asset, runs in found.items()})


def _decided(targets: Iterable[Target]) -> dict[tuple[int, str], datetime]:
    """When a person last decided on a check of an asset: only what came later counts anew."""
    rows = FixProposal.objects.filter(
        asset__in=[target.asset_id for target in targets], decided_at__isnull=False
    )
    rows = rows.exclude(state=ProposalState.OPEN).order_by("decided_at")
    return {
        (asset, name): at
        for asset, name, at in rows.values_list("asset_id", "check_name", "decided_at")
        if at
    }


def _propose(
    target: Target, name: str, trend: tuple[int, int], detail: str, *, repaired: bool, now: datetime
) -> None:
    facts = {"count": trend[0], "of": trend[1], "detail": detail, "repaired": repaired, "last_seen_at": now}
    proposal, new = FixProposal.objects.update_or_create(
        asset_id=target.asset_id, check_name=name, state=ProposalState.OPEN, defaults=facts,
        create_defaults={**facts, "first_seen_at": now},
    )  # fmt: skip
    if new:
        fault = LASTING_FIXES[name][0].lower()
        said = f"{target.asset.label}: {fault} had trouble in {trend[0]} of its last {trend[1]} runs"
        record(_entry(proposal, PROPOSAL.kind(ProposalState.OPEN), said, target.run_id), by=None)
        notify("fix.proposed", proposal, said=said)


def _entry(proposal: FixProposal, kind: str, summary: str, run_id: int | None = None) -> Entry:
    return Entry(kind, "asset", str(proposal.asset_id), summary, run_id=run_id)


def _decided_entry(row: FixProposal, step: Step[ProposalState], kind: str) -> Entry:
    return _entry(row, kind, f"{row.asset.label}: {step.said}")


MOVER = Mover(FixProposal, PROPOSAL, each(_decided_entry), related=("asset",))


def decide(*, proposal: FixProposal, accepted: bool, by: User, reason: str, now: datetime) -> None:
    """Accepted: somebody mends it (the reason says how). Dismissed: it stays as it is (the reason says why)."""
    check_role(by, Role.ADMIN)
    reason = reason.strip().replace("\x00", "")
    if not reason:
        raise Invalid("Write what is done about it, or why nothing is.", field="reason")
    if len(reason) > LONGEST_REASON:
        raise Invalid(
            f"The reason has {len(reason)} characters; {LONGEST_REASON} are enough.", field="reason"
        )
    to = ProposalState.ACCEPTED if accepted else ProposalState.DISMISSED
    said = f"{LASTING_FIXES[proposal.check_name][0].lower()}, {to.label.lower()}. {reason}"
    facts = {"decided_at": now, "decided_by": by.display_name, "reason": reason}
    MOVER.move_or_refuse(
        proposal, to, lambda _: "Somebody has decided on this already.", said=said, by=by, fields=facts
    )


def reopen(*, proposal: FixProposal, by: User, now: datetime) -> None:
    """Takes a decision back; one that is open anew by then takes its place."""
    check_role(by, Role.ADMIN)
    with transaction.atomic():
        same = FixProposal.objects.select_for_update().filter(
            asset=proposal.asset, check_name=proposal.check_name
        )
        if any(row.state == ProposalState.OPEN for row in same):
            raise Conflict("The same fault is on the list again already.")
        said, facts = "the decision was taken back", {"decided_at": None, "decided_by": "", "reason": ""}
        MOVER.move_or_refuse(
            proposal,
            ProposalState.OPEN,
            lambda _: "It is no longer on the list.",
            said=said,
            by=by,
            back=True,
            fields=facts,
        )
