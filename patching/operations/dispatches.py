"""The transactions around a SendCommand. The commit of `claim` or `reclaim` is the moment of sending."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple, cast
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max

from aws.ports import INSTANCES_PER_COMMAND
from exceptions.queries import exclusions
from patching.documents import aws_windows
from patching.documents.assemble import Platform, name_of
from patching.models import Dispatch, DispatchTarget, PublishedDocument, Run, Target
from patching.operations import targets
from patching.operations.admission import (
    admitted,
    closed,
    last_look,
    leave_out,
    locked_pause,
    locked_targets,
)
from patching.operations.runs import lock
from patching.planner import batches, by_place
from patching.promotion import PackageSet
from patching.queries import looks, tested
from patching.states import DISPATCH, DISPATCH_UNSENT, DispatchState, Phase, TargetState
from portal.audit.operations import Entry
from portal.evidence.outputs import new_output_prefix
from portal.machine.mover import Mover, Step, each
from portal.sentences import counted

NO_SET = PackageSet("")  # what goes in is chosen by the policy
UNTESTED = (
    "No server with its operating system was proven in an earlier wave, so there is nothing to promote."
)


class Part(NamedTuple):
    """What one command carries to whom: at most 50 of one place."""

    document: PublishedDocument
    rows: list[Target]
    packages: PackageSet


@dataclass(frozen=True)
class Claim:
    """What a claim did: dispatches to send now; `why_not` says why nothing may be sent at all."""

    dispatches: tuple[Dispatch, ...] = ()
    why_not: str = ""


@transaction.atomic
def claim(run: Run, phase: Phase, ids: Iterable[int], *, now: datetime) -> Claim:
    """Turns waiting targets into dispatches, after re-checking everything that forbids a send."""
    pause = locked_pause()
    run = lock(run)
    if why_not := closed(run, pause, phase, now):
        return Claim(why_not=why_not)
    chosen = admitted(run, phase, locked_targets(ids), now)
    parts: list[Part] = []
    for (account, region, platform), group in by_place(chosen):
        document = _document(run, account, region, phase, platform)
        if document is None:
            continue  # not published there yet, e.g. its account refuses us: these wait, the others go
        for packages, same in _by_set(run, phase, group, now):
            chunks = batches(same, INSTANCES_PER_COMMAND)
            parts += [Part(document, chunk, packages) for chunk in chunks]
    return Claim(dispatches=tuple(_insert(run, phase, parts, now)))


def _by_set(
    run: Run, phase: Phase, group: list[Target], now: datetime
) -> Iterator[tuple[PackageSet, list[Target]]]:
    """(package set, its targets): where versions are promoted, later waves get what the earlier ones proved."""
    if phase == Phase.VERIFY:
        yield from ((NO_SET, same) for same in _by_patch_command(group))
        return
    promoted = [row for row in group if row.wave > 1 and row.platform == "linux"]
    if phase != Phase.PATCH or not run.run_policy.promote or not promoted:
        yield NO_SET, group
        return
    if others := [row for row in group if row not in promoted]:
        yield NO_SET, others
    unproven = tested.untested(run, promoted)
    targets.move([row.pk for row in unproven], TargetState.SKIPPED, now=now, code="untested", reason=UNTESTED)
    kinds = {(row.wave, row.os_label) for row in promoted if row not in unproven}
    for wave, os_label in sorted(kinds):
        same = [row for row in promoted if (row.wave, row.os_label) == (wave, os_label)]
        yield tested.package_set(run, wave, os_label), same


def _by_patch_command(group: list[Target]) -> list[list[Target]]:
    """A look back names the one command that it asks about."""
    patched = looks.patch_rows(group)
    same: dict[str, list[Target]] = {}
    for row in group:
        same.setdefault(str(patched[row.pk].dispatch_id), []).append(row)
    return list(same.values())


def _document(run: Run, account: str, region: str, phase: Phase, platform: str) -> PublishedDocument | None:
    if phase == Phase.PATCH and aws_windows.chosen(run.run_policy.windows_method, platform):
        return PublishedDocument(  # AWS's own: it is there without our doing
            account_id=account, region=region, name=aws_windows.NAME, version=aws_windows.VERSION
        )
    name = document_name(phase, platform)
    return PublishedDocument.objects.filter(account_id=account, region=region, name=name).first()


def document_name(phase: Phase, platform: str) -> str:
    """A re-scan is the pre-check again."""
    return name_of("patch" if phase == Phase.PATCH else "precheck", cast(Platform, platform))


def _insert(run: Run, phase: Phase, parts: list[Part], now: datetime) -> list[Dispatch]:
    """One dispatch for each part, all of them in a handful of queries."""
    if not parts:
        return []
    first, send_before = _next_batch(run), _send_before(run, phase, now)
    made = [_dispatch(run, phase, part, now) for part in parts]
    for number, dispatch in enumerate(made, first):
        dispatch.batch, dispatch.send_before = number, send_before
    Dispatch.objects.bulk_create(made)
    DispatchTarget.objects.bulk_create(
        DispatchTarget(dispatch=dispatch, target=row, phase=phase, attempt=row.attempt)
        for dispatch, part in zip(made, parts, strict=True)
        for row in part.rows
    )
    if phase == Phase.PATCH:
        targets.move_locked([row for part in parts for row in part.rows], TargetState.IN_DISPATCH, now=now)
    for said, alike in groupby(made, _goes_to):
        MOVER.made(list(alike), said)
    return made


def _dispatch(run: Run, phase: Phase, part: Part, now: datetime) -> Dispatch:
    """Not saved yet."""
    document, rows, packages = part
    return Dispatch(
        run=run,
        wave=max(row.wave for row in rows),
        phase=phase,
        account_id=document.account_id,
        region=document.region,
        document_name=document.name,
        document_version=document.version,
        document_hash=document.content_hash,
        package_set=packages.text,
        left_out=packages.left_out,
        output_prefix=new_output_prefix(document.account_id),
        instance_ids=[row.instance_id for row in rows],
        claimed_at=now,
    )


def _goes_to(dispatch: Dispatch) -> str:
    return f" for {counted(len(dispatch.instance_ids), 'server')} in {dispatch.region}"


def _next_batch(run: Run) -> int:
    return (run.dispatches.aggregate(last=Max("batch"))["last"] or 0) + 1


def _send_before(run: Run, phase: Phase, now: datetime) -> datetime:
    last = last_look(run) if phase == Phase.VERIFY else run.cutoff_at
    return min(now + timedelta(seconds=run.run_policy.send_within_s), last)


def _noun(dispatch: Dispatch) -> str:
    return f"{Phase(dispatch.phase).label} command"


def _entry(row: Dispatch, step: Step[DispatchState], kind: str) -> Entry:
    summary, detail = (
        f"{_noun(row)}{step.said}",
        {"instances": len(row.instance_ids), "account": row.account_id},
    )
    return Entry(kind, "dispatch", str(row.pk), summary, run_id=row.run_id, detail=detail)


MOVER = Mover(Dispatch, DISPATCH, each(_entry))


@transaction.atomic
def reclaim(dispatch: Dispatch, *, now: datetime) -> tuple[Dispatch, str]:
    """Allows one more send of the same dispatch: the same checks, and hosts that became exempt drop out of it.

    Returns the fresh row and why it may not be sent (empty: it may). The host guards itself by the dispatch id.
    """
    pause, run = locked_pause(), lock(dispatch.run)
    dispatch = Dispatch.objects.select_for_update().get(pk=dispatch.pk)
    if dispatch.state not in DISPATCH_UNSENT:
        return dispatch, "Another worker took it."
    if why_not := closed(run, pause, Phase(dispatch.phase), now):
        return dispatch, why_not
    _drop_exempt(run, dispatch, now)
    if not dispatch.instance_ids:
        return dispatch, "Every server of it is exempt by now."
    send_before = _send_before(run, Phase(dispatch.phase), now)
    anew = {"claimed_at": now, "send_before": send_before, "unknown_since": None, "tries": 0}
    fields = {**anew, "instance_ids": dispatch.instance_ids}
    said = " is sent again; the first never reached AWS"
    MOVER.move_locked([dispatch], DispatchState.SENDING, said=said, fields=fields)
    return dispatch, ""


def _drop_exempt(run: Run, dispatch: Dispatch, now: datetime) -> None:
    left = dispatch.rows.filter(collected_at=None)  # whom an earlier send left out stays out
    rows = locked_targets(left.values_list("target_id", flat=True))
    exempt = exclusions([row.asset for row in rows], now, max(run.ends_at, now + timedelta(seconds=1)))
    for row in rows:
        if reason := exempt.get(row.asset_id):
            leave_out(row, Phase(dispatch.phase), reason.code, reason.sentence, now)
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


def narrow(dispatch: Dispatch, *, without: Collection[str]) -> None:
    """The next send of the same dispatch goes to the others."""
    dispatch.instance_ids = [item for item in dispatch.instance_ids if item not in without]
    dispatch.save(update_fields=["instance_ids"])


def mark_sent(dispatch: Dispatch, command_ids: list[str], *, now: datetime, adopted: bool = False) -> None:
    """AWS accepted it: as told by its answer, or as found later by the comment."""
    to = DispatchState.ADOPTED if adopted else DispatchState.SENT
    said = " was accepted though its answer was lost; found again" if adopted else " was accepted by AWS"
    MOVER.move([dispatch.pk], to, said=said, fields={"command_ids": command_ids, "sent_at": now})


def mark_unknown(dispatch: Dispatch, *, now: datetime, reason: str) -> None:
    fields = {"unknown_since": now, "reason": reason}
    MOVER.move([dispatch.pk], DispatchState.UNKNOWN, said=f": {reason}", fields=fields)


def mark_unsent(dispatch: Dispatch, *, reason: str) -> None:
    """It certainly never reached AWS (throttled, or nobody tried): it waits for `reclaim`."""
    MOVER.move([dispatch.pk], DispatchState.CLAIMED, said=f" waits: {reason}", fields={"reason": reason})


def close_collected(ids: Iterable[UUID], *, now: datetime) -> None:
    """Each of their servers has a stored report, or a stored reason why there is none."""
    to = DispatchState.COLLECTED
    MOVER.move(ids, to, said=f": {to.label.lower()}", fields={"closed_at": now, "reason": ""})


def close(dispatch: Dispatch, to: DispatchState, *, now: datetime, reason: str = "") -> None:
    """Collected, or given up with a reason."""
    said = f": {to.label.lower()}" + (f". {reason}" if reason else "")
    MOVER.move([dispatch.pk], to, said=said, fields={"closed_at": now, "reason": reason})
