"""All invariants that the rows alone can prove; the newer ones in files of their own. Reads only, few queries each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db.models import CharField, Count, Exists, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat

from exceptions.invariants import broken
from patching.invariants.append_only import what_only_grows_is_guarded
from patching.invariants.commands import attempts_are_counted, commands_have_one_owner, every_dispatch_is_told
from patching.invariants.ends import every_refusal_has_an_end, holds_end_in_time, leftovers_decide_nothing
from patching.invariants.exempt import exempt_is_never_sent, foreign_tags_are_respected
from patching.invariants.flights import clusters_go_one_by_one, concurrency_is_kept, waves_wait
from patching.invariants.host_words import reports_are_of_who_was_asked, verdicts_are_the_hosts_own
from patching.invariants.lateness import ends_in_time, nobody_is_passed_over
from patching.invariants.pauses import nothing_is_sent_in_a_pause
from patching.invariants.stamps import last_patched_is_proven
from patching.invariants.standings import kept_scopes_are_true, kept_standings_are_true
from patching.invariants.violation import Ids, Violation
from patching.models import Dispatch, DispatchTarget, PowerHold, Run, Target, Wave
from patching.states import (
    DISPATCH_IN_FLIGHT,
    HOLD_OVER,
    IN_FLIGHT,
    RUN_OVER,
    TARGET_OVER,
    DispatchState,
    HoldState,
    Phase,
    RunState,
    TargetState,
    WaveState,
)
from portal.audit.models import AuditEvent
from portal.tags.models import TagChange
from portal.tags.states import OPEN, TagState


def sent_inside_the_window(runs: Ids) -> Iterator[Violation]:
    """I2: no patch command before the start, after the cutoff, or claimed after a halt."""
    sent = Dispatch.objects.filter(run__in=runs, phase=Phase.PATCH)
    outside = Q(claimed_at__lt=F("run__starts_at")) | Q(claimed_at__gte=F("run__cutoff_at"))
    late = Q(send_before__gt=F("run__cutoff_at"))
    stopped = Wave.objects.filter(run=OuterRef("run"), state=WaveState.STOPPED, ended_at__isnull=False)
    sent = sent.annotate(halted_at=Subquery(stopped.order_by("ended_at").values("ended_at")[:1]))
    halted = Q(sent_at__isnull=False, claimed_at__gt=F("halted_at"))
    for row in sent.filter(outside | late | halted):
        after = row.sent_at and row.halted_at and row.claimed_at > row.halted_at
        said = "after the halt" if after else f"at {row.claimed_at}, outside its window"
        yield Violation("I2", row.run_id, f"Command {row.pk} was claimed {said}.")


def once_per_attempt(runs: Ids) -> Iterator[Violation]:
    """I3: one patch command per target and attempt. The table's own constraint says so too; this would see it gone."""
    rows = DispatchTarget.objects.filter(dispatch__run__in=runs, phase=Phase.PATCH).order_by()
    double = rows.values("dispatch__run", "target", "attempt").annotate(n=Count("pk")).filter(n__gt=1)
    for row in double:
        yield Violation(
            "I3", row["dispatch__run"], f"Target {row['target']} has {row['n']} commands in one attempt."
        )


def nothing_is_lost(runs: Ids) -> Iterator[Violation]:
    """I4: when a run is over each dispatch is closed, and each of its hosts has a report or a reason why not."""
    over = Dispatch.objects.filter(run__in=runs, run__state__in=RUN_OVER)
    for row in over.filter(state__in=DISPATCH_IN_FLIGHT):
        yield Violation("I4", row.run_id, f"Command {row.pk} is still {row.state}.")
    for row in over.filter(state=DispatchState.GIVEN_UP, reason=""):
        yield Violation("I4", row.run_id, f"Command {row.pk} was given up without a reason.")
    hosts = DispatchTarget.objects.filter(dispatch__in=over.values("pk")).select_related("dispatch")
    untold = Q(collected_at=None) | Q(reports=None, no_report_reason="")
    for host in hosts.filter(untold):
        said = f"Target {host.target_id} has neither report nor reason ({host.phase})."
        yield Violation("I4", host.dispatch.run_id, said)


def all_targets_end(runs: Ids) -> Iterator[Violation]:
    """I5: when a run is over every target is, and says why unless it is simply done."""
    rows = Target.objects.filter(run__in=runs, run__state__in=RUN_OVER).select_related("asset")
    for row in rows.exclude(state__in=TARGET_OVER):
        yield Violation("I5", row.run_id, f"{row.asset.label} is still {row.state}.")
    for row in rows.filter(state__in=TARGET_OVER, reason=""):
        yield Violation("I5", row.run_id, f"{row.asset.label} is {row.state} without a reason.")


def power_is_given_back(runs: Ids) -> Iterator[Violation]:
    """I6: when a run is over, what it started is stopped again, or kept for a reason."""
    holds = PowerHold.objects.filter(run__in=runs, run__state__in=RUN_OVER).select_related("asset")
    for row in holds.exclude(state__in=HOLD_OVER):
        yield Violation("I6", row.run_id, f"{row.asset.label} is still {row.state}.")
    for row in holds.filter(state__in=[HoldState.KEPT, HoldState.NOT_STOPPED], reason=""):
        yield Violation("I6", row.run_id, f"{row.asset.label} is left running without a reason.")


def tags_are_gone(runs: Ids) -> Iterator[Violation]:
    """I7: when a run is over no request of it is open, and the last word on each of its hosts is not its own tag."""
    over = Run.objects.filter(pk__in=runs, state__in=RUN_OVER).values_list("pk", flat=True)
    for row in TagChange.objects.filter(run_id__in=list(over), state__in=OPEN):
        yield Violation(
            "I7", row.run_id or 0, f"The tag {row.key} of {row.instance_id} is still to be written."
        )
    part = Target.objects.filter(run=OuterRef("run_id"), instance_id=OuterRef("instance_id"))
    newer = TagChange.objects.filter(
        account_id=OuterRef("account_id"), instance_id=OuterRef("instance_id"),
        key=OuterRef("key"), pk__gt=OuterRef("pk"),
    ).exclude(state=TagState.REPLACED)  # fmt: skip
    standing = TagChange.objects.filter(
        run_id__in=list(over), state=TagState.VERIFIED, key=settings.TAG_KEYS["patch_now"],
        value=Cast("run_id", CharField()),
    )  # fmt: skip
    for row in standing.filter(~Exists(newer), Exists(part.exclude(state=TargetState.SKIPPED))):
        yield Violation("I7", row.run_id or 0, f"{row.instance_id} still bears {row.key}.")


def one_of_a_cluster(runs: Ids) -> Iterator[Violation]:
    """I8: never two members of a cluster at once, and no wave before the one before it has ended."""
    flying = Target.objects.filter(state__in=IN_FLIGHT).exclude(cluster="").order_by()
    for row in flying.values("cluster").annotate(n=Count("pk")).filter(n__gt=1):
        first = flying.filter(cluster=row["cluster"]).values_list("run", flat=True)[0]
        yield Violation("I8", first, f"{row['n']} members of the cluster {row['cluster']} are in flight.")
    sent = Dispatch.objects.filter(run=OuterRef("run"), wave=OuterRef("number"), phase=Phase.PATCH)
    early = Q(begun_at=None) | Exists(sent.filter(claimed_at__lt=OuterRef("begun_at")))
    for wave in Wave.objects.filter(Exists(sent), early, run__in=runs, number__gt=1):
        yield Violation("I8", wave.run_id, f"Wave {wave.number} was sent before its turn.")


def every_end_is_told(runs: Ids) -> Iterator[Violation]:
    """I10: each target that moved, and each run that is over, has an audit event of the state that it is in."""
    told = AuditEvent.objects.filter(
        run_id=OuterRef("run_id"), subject_type="asset", subject_id=OuterRef("asset_text")
    )
    moved = (
        Target.objects.filter(run__in=runs)
        .exclude(state=TargetState.PLANNED)
        .exclude(reason_code__in=PLANNED_OUT)
    )
    rows = moved.annotate(asset_text=Cast("asset_id", CharField()), kind=Concat(Value("target."), "state"))
    event = told.filter(Q(kind=OuterRef("kind")) | Q(kind="target.retried"))
    for row in rows.filter(~Exists(event)).exclude(state=TargetState.SKIPPED, cleaned_at=F("since")):
        yield Violation("I10", row.run_id, f"Nothing tells that target {row.pk} became {row.state}.")
    ended = Run.objects.filter(pk__in=runs, state__in=RUN_OVER).annotate(
        kind=Concat(Value("run."), "state", output_field=CharField())
    )
    for run in ended.filter(~Exists(AuditEvent.objects.filter(run_id=OuterRef("pk"), kind=OuterRef("kind")))):
        said = f"Nothing tells that the run became {RunState(run.state).label.lower()}."
        yield Violation("I10", run.pk, said)


PLANNED_OUT = ("enrolled_late",)  # left out by the plan itself, which tells them together
# What holds of some runs at any moment.
ALL: tuple[Callable[[Ids], Iterator[Violation]], ...] = (
    exempt_is_never_sent, foreign_tags_are_respected, sent_inside_the_window, nothing_is_sent_in_a_pause,
    once_per_attempt, attempts_are_counted, nothing_is_lost, commands_have_one_owner, all_targets_end,
    power_is_given_back, every_refusal_has_an_end, leftovers_decide_nothing, tags_are_gone, last_patched_is_proven,
    one_of_a_cluster, clusters_go_one_by_one, concurrency_is_kept, waves_wait, every_end_is_told,
    every_dispatch_is_told, reports_are_of_who_was_asked, verdicts_are_the_hosts_own,
)  # fmt: skip
BY_THE_CLOCK = (ends_in_time, nobody_is_passed_over, holds_end_in_time)


def violations(runs: Ids) -> list[Violation]:
    """Every broken promise of these runs, whatever the time is."""
    return [found for check in ALL for found in check(list(runs))]


def late(runs: Ids, *, now: datetime) -> list[Violation]:
    """Promises of these runs that are broken because it is this late already."""
    return [found for check in BY_THE_CLOCK for found in check(list(runs), now=now)]


def of_the_portal() -> list[Violation]:
    """Promises that belong to no run: who approved what, that the audit itself cannot be changed, what lists read."""
    exceptions = [Violation(item.invariant, 0, item.sentence, item.request_id) for item in broken()]
    return [*what_only_grows_is_guarded(), *exceptions, *kept_standings_are_true(), *kept_scopes_are_true()]


CHECKS = len(ALL) + len(BY_THE_CLOCK) + 4
AT_ONCE = 50  # runs; keeps each query small


def chunk_checks(*, now: datetime) -> list[Callable[[Ids], list[Violation]]]:
    """Each check of runs as a function of its own, for whoever tells progress between them."""
    by_the_clock = [partial(_listed, partial(check, now=now)) for check in BY_THE_CLOCK]
    return [*(partial(_listed, check) for check in ALL), *by_the_clock]


def _listed(check: Callable[[Ids], Iterator[Violation]], runs: Ids) -> list[Violation]:
    return list(check(runs))


def audited(runs: Ids, *, now: datetime) -> list[Violation]:
    """Everything that is broken: in these runs and in the portal."""
    chunks = [list(runs[first : first + AT_ONCE]) for first in range(0, len(runs), AT_ONCE)]
    found = [item for chunk in chunks for item in (*violations(chunk), *late(chunk, now=now))]
    return found + of_the_portal()
