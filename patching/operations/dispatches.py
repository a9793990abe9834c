"""The transactions around a SendCommand. The commit of `claim` or `reclaim` is the moment of sending."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Max

from aws.ports import INSTANCES_PER_COMMAND
from exceptions.queries import exclusions
from patching.documents import aws_windows
from patching.models import Dispatch, DispatchTarget, PublishedDocument, Run, SendingPause, Target
from patching.operations import targets
from patching.operations.runs import lock
from patching.planner import batches, by_place, one_per_cluster
from patching.states import DISPATCH_IN_FLIGHT, IN_FLIGHT, DispatchState, Phase, RunState, TargetState
from portal.audit.operations import Entry, record
from portal.inventory.models import Asset

CLOSED_TO_SENDING = {
    RunState.HALTING,
    RunState.HALTED,
    RunState.CANCELLED,
    RunState.FINISHED,
    RunState.MISSED,
}

WAITS_AS = {
    Phase.PRECHECK: TargetState.CHECKING,
    Phase.PATCH: TargetState.READY,
    Phase.VERIFY: TargetState.VERIFYING,
}


@dataclass(frozen=True)
class Claim:
    """What a claim did: dispatches to send now; `why_not` says why nothing may be sent at all."""

    dispatches: tuple[Dispatch, ...] = ()
    why_not: str = ""


@transaction.atomic
def claim(run: Run, phase: Phase, ids: Iterable[int], *, now: datetime) -> Claim:
    """Turns waiting targets into dispatches, after re-checking everything that forbids a send."""
    pause = _locked_pause()
    run = lock(run)
    if why_not := closed(run, pause, phase, now):
        return Claim(why_not=why_not)
    chosen = _admitted(run, phase, _locked_targets(ids), now)
    made: list[Dispatch] = []
    for (account, region, platform), group in by_place(chosen):
        document = _document(run, account, region, phase, platform)
        if document is None:
            continue  # not published there yet, e.g. its account refuses us: these wait, the others go
        made += [_insert(run, phase, document, chunk, now) for chunk in batches(group, INSTANCES_PER_COMMAND)]
    return Claim(dispatches=tuple(made))


def _locked_pause() -> SendingPause:
    SendingPause.objects.get_or_create(pk=1)
    return SendingPause.objects.select_for_update().get(pk=1)


def closed(run: Run, pause: SendingPause, phase: Phase, now: datetime) -> str:
    """Why nothing may be sent for this run now; empty when it may."""
    if pause.paused:
        return f"All sending is paused by {pause.by}: {pause.reason}"
    if phase == Phase.VERIFY:  # only looks at what was patched before the cutoff or the halt
        return "The run is over." if now >= last_look(run) else ""
    if run.state in CLOSED_TO_SENDING:
        return f"The run is {RunState(run.state).label.lower()}."
    if now >= run.cutoff_at:
        return "The cutoff of the window has passed."
    if phase == Phase.PATCH and (now < run.starts_at or run.check_only):
        return "The window has not begun." if now < run.starts_at else "This run only checks."
    return ""


def _locked_targets(ids: Iterable[int]) -> list[Target]:
    """Targets that still wait, with their assets locked: approve, revoke and this serialise on the asset rows."""
    waiting = Target.objects.filter(pk__in=list(ids))
    assets = list(
        Asset.objects.select_for_update(of=("self",))
        .filter(pk__in=waiting.values("asset"))
        .select_related("account")
        .order_by("pk")
    )
    by_pk = {asset.pk: asset for asset in assets}
    rows = list(waiting.select_for_update(of=("self",)).order_by("pk"))
    for row in rows:
        row.asset = by_pk[row.asset_id]
    return rows


def _admitted(run: Run, phase: Phase, rows: list[Target], now: datetime) -> list[Target]:
    """Those that may be sent: not exempt, not gone, not a second member of a busy cluster, within the concurrency."""
    expected = WAITS_AS[phase]
    out = _dispatched(rows, phase)
    rows = [row for row in rows if row.state == expected and (row.pk, row.attempt) not in out]
    rows = _without_exempt(run, phase, rows, now)
    if phase != Phase.PATCH:
        return rows
    rows = one_per_cluster(_in_no_other_run(run, rows), _busy_clusters(rows))
    free = run.run_policy.concurrency - run.targets.filter(state__in=IN_FLIGHT).count()
    return rows[: max(free, 0)]


def _in_no_other_run(run: Run, rows: list[Target]) -> list[Target]:
    """A host that another run is patching waits: the asset rows are locked, so no two runs send at once."""
    assets = [row.asset_id for row in rows]
    busy = set(
        Target.objects.filter(asset__in=assets, state__in=IN_FLIGHT)
        .exclude(run=run)
        .values_list("asset_id", flat=True)
    )
    return [row for row in rows if row.asset_id not in busy]


def _dispatched(rows: list[Target], phase: Phase) -> set[tuple[int, int]]:
    """(target, attempt) of those that have a command of this phase already."""
    found = DispatchTarget.objects.filter(target__in=[row.pk for row in rows], phase=phase)
    return set(found.values_list("target_id", "attempt"))


def _without_exempt(run: Run, phase: Phase, rows: list[Target], now: datetime) -> list[Target]:
    exempt = exclusions([row.asset for row in rows], now, max(run.ends_at, now + timedelta(seconds=1)))
    for row in rows:
        if reason := exempt.get(row.asset_id):
            _leave_out(row, phase, reason.code, reason.sentence, now)
        elif row.asset.gone_at:
            _leave_out(row, phase, "gone", "The instance no longer exists.", now)
    return [row for row in rows if row.asset_id not in exempt and not row.asset.gone_at]


def _leave_out(row: Target, phase: Phase, code: str, reason: str, now: datetime) -> None:
    to = TargetState.SKIPPED
    if phase == Phase.VERIFY:
        to, reason = TargetState.LOST, f"It was patched, but not looked at again. {reason}"
    targets.move([row.pk], to, now=now, code=code, reason=reason)


def _busy_clusters(rows: list[Target]) -> set[str]:
    names = {row.cluster for row in rows if row.cluster}
    return set(
        Target.objects.filter(cluster__in=names, state__in=IN_FLIGHT).values_list("cluster", flat=True)
    )


def _document(run: Run, account: str, region: str, phase: Phase, platform: str) -> PublishedDocument | None:
    if phase == Phase.PATCH and aws_windows.chosen(run.run_policy.windows_method, platform):
        return PublishedDocument(  # AWS's own: it is there without our doing
            account_id=account, region=region, name=aws_windows.NAME, version=aws_windows.VERSION
        )
    name = document_name(phase, platform)
    return PublishedDocument.objects.filter(account_id=account, region=region, name=name).first()


def document_name(phase: Phase, platform: str) -> str:
    kind = Phase.PATCH if phase == Phase.PATCH else Phase.PRECHECK  # a re-scan is the pre-check again
    return f"PatchPortal-{kind.name.title()}-{platform.title()}"


def _insert(
    run: Run, phase: Phase, document: PublishedDocument, rows: list[Target], now: datetime
) -> Dispatch:
    dispatch = Dispatch.objects.create(
        run=run,
        wave=max(row.wave for row in rows),
        phase=phase,
        account_id=document.account_id,
        region=document.region,
        document_name=document.name,
        document_version=document.version,
        document_hash=document.content_hash,
        batch=_next_batch(run),
        instance_ids=[row.instance_id for row in rows],
        claimed_at=now,
        send_before=_send_before(run, phase, now),
    )
    DispatchTarget.objects.bulk_create(
        DispatchTarget(dispatch=dispatch, target=row, phase=phase, attempt=row.attempt) for row in rows
    )
    if phase == Phase.PATCH:
        targets.move([row.pk for row in rows], TargetState.IN_DISPATCH, now=now)
    _audit(dispatch, "dispatch.sending", f"{_noun(dispatch)} for {len(rows)} servers in {dispatch.region}")
    return dispatch


def _next_batch(run: Run) -> int:
    return (run.dispatches.aggregate(last=Max("batch"))["last"] or 0) + 1


def _send_before(run: Run, phase: Phase, now: datetime) -> datetime:
    last = last_look(run) if phase == Phase.VERIFY else run.cutoff_at
    return min(now + timedelta(seconds=run.run_policy.send_within_s), last)


def last_look(run: Run) -> datetime:
    """A re-scan may go out until every target must be over."""
    return run.ends_at + timedelta(seconds=run.run_policy.end_bound_s)


def _noun(dispatch: Dispatch) -> str:
    return f"{Phase(dispatch.phase).label} command"


def _audit(dispatch: Dispatch, kind: str, summary: str) -> None:
    detail = {"instances": len(dispatch.instance_ids), "account": dispatch.account_id}
    record(Entry(kind, "dispatch", str(dispatch.pk), summary, run_id=dispatch.run_id, detail=detail), by=None)


@transaction.atomic
def reclaim(dispatch: Dispatch, *, now: datetime) -> tuple[Dispatch, str]:
    """Allows one more send of the same dispatch: the same checks, and hosts that became exempt drop out of it.

    Returns the fresh row and why it may not be sent (empty: it may). The host guards itself by the dispatch id.
    """
    pause, run = _locked_pause(), lock(dispatch.run)
    dispatch = Dispatch.objects.select_for_update().get(pk=dispatch.pk)
    if dispatch.state not in {DispatchState.CLAIMED, DispatchState.UNKNOWN}:
        return dispatch, "Another worker took it."
    if why_not := closed(run, pause, Phase(dispatch.phase), now):
        return dispatch, why_not
    _drop_exempt(run, dispatch, now)
    if not dispatch.instance_ids:
        return dispatch, "Every server of it is exempt by now."
    dispatch.state, dispatch.claimed_at = DispatchState.SENDING, now
    dispatch.send_before = _send_before(run, Phase(dispatch.phase), now)
    dispatch.unknown_since, dispatch.tries = None, 0
    dispatch.save()
    _audit(dispatch, "dispatch.sending", f"{_noun(dispatch)} is sent again; the first never reached AWS")
    return dispatch, ""


def _drop_exempt(run: Run, dispatch: Dispatch, now: datetime) -> None:
    rows = _locked_targets(dispatch.rows.values_list("target_id", flat=True))
    exempt = exclusions([row.asset for row in rows], now, max(run.ends_at, now + timedelta(seconds=1)))
    for row in rows:
        if reason := exempt.get(row.asset_id):
            _leave_out(row, Phase(dispatch.phase), reason.code, reason.sentence, now)
            dispatch.rows.filter(target=row).update(no_report_reason=reason.sentence, collected_at=now)
    kept = [row.instance_id for row in rows if row.asset_id not in exempt]
    dispatch.instance_ids = kept


def count_try(dispatch: Dispatch, *, now: datetime) -> bool:
    """Counts the attempt before it is tried. False: too late, or another worker is at it."""
    return bool(
        Dispatch.objects.filter(
            pk=dispatch.pk, state=DispatchState.SENDING, tries=0, send_before__gt=now
        ).update(tries=F("tries") + 1)
    )


@transaction.atomic
def mark_sent(dispatch: Dispatch, command_ids: list[str], *, now: datetime, adopted: bool = False) -> None:
    """AWS accepted it: as told by its answer, or as found later by the comment."""
    to = DispatchState.ADOPTED if adopted else DispatchState.SENT
    allowed = [DispatchState.SENDING, DispatchState.UNKNOWN]
    rows = Dispatch.objects.filter(pk=dispatch.pk, state__in=allowed)
    if rows.update(state=to, command_ids=command_ids, sent_at=now):
        said = "was accepted though its answer was lost; found again" if adopted else "was accepted by AWS"
        _audit(dispatch, f"dispatch.{to.value}", f"{_noun(dispatch)} {said}")


@transaction.atomic
def mark_unknown(dispatch: Dispatch, *, now: datetime, reason: str) -> None:
    rows = Dispatch.objects.filter(pk=dispatch.pk, state=DispatchState.SENDING)
    if rows.update(state=DispatchState.UNKNOWN, unknown_since=now, reason=reason):
        _audit(dispatch, "dispatch.unknown", f"{_noun(dispatch)}: {reason}")


@transaction.atomic
def mark_unsent(dispatch: Dispatch, *, reason: str) -> None:
    """It certainly never reached AWS (throttled, or nobody tried): it waits for `reclaim`."""
    rows = Dispatch.objects.filter(pk=dispatch.pk, state=DispatchState.SENDING)
    if rows.update(state=DispatchState.CLAIMED, reason=reason):
        _audit(dispatch, "dispatch.claimed", f"{_noun(dispatch)} waits: {reason}")


@transaction.atomic
def close(dispatch: Dispatch, to: DispatchState, *, now: datetime, reason: str = "") -> None:
    """Collected, or given up with a reason."""
    rows = Dispatch.objects.filter(pk=dispatch.pk, state__in=DISPATCH_IN_FLIGHT)
    if rows.update(state=to, closed_at=now, reason=reason):
        summary = f"{_noun(dispatch)}: {to.label.lower()}" + (f". {reason}" if reason else "")
        _audit(dispatch, f"dispatch.{to.value}", summary)
