"""The figures that a run obeys. A window carries them, a run freezes them when it is planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from patching.policy.waves import WaveRule


@dataclass(frozen=True)
class RunPolicy:
    """All times in seconds. The defaults suit production; a demo seeds short ones."""

    mode: str = "all"  # all | security
    reboot: str = "if-needed"  # if-needed | never
    fixes: str = "all"  # none | early | all
    windows_method: str = "portal"  # portal | aws: our own document, or AWS-InstallWindowsUpdates
    exclude: str = ""  # packages that stay as they are: names or globs, comma separated
    pre_script: str = ""  # the host's own script before the patch, by its name in /etc/patch-portal/hooks
    post_script: str = ""
    promote: bool = False  # later waves get exactly the package versions that the first one ended with
    min_free_mb: int = 900
    concurrency: int = 200  # hosts in flight at once in one run
    stop_at_error_percent: int = 20  # of judged hosts; the run halts itself above it, after `stop_at_least`
    stop_at_least: int = 5  # failed hosts before the threshold counts at all
    waves: tuple[Mapping[str, Any], ...] = ()  # rules of patching.policy.waves; the last wave takes the rest
    alarms: tuple[str, ...] = ()  # CloudWatch alarms: nothing is sent while one of them is in ALARM
    target_groups: tuple[
        str, ...
    ] = ()  # load balancers' target groups, by name: nothing is sent while one is unhealthy
    healthy_percent: int = 100  # of a group's targets that take part; below it the group is unhealthy
    gather_s: int = 60  # so long hosts are gathered for full batches and one tag call
    plan_ahead_s: int = 86_400
    lead_s: int = 900  # stopped hosts are started this long before the start
    wake_timeout_s: int = 900  # a started host must be online in Systems Manager by then
    delivery_timeout_s: int = 600
    execution_timeout_s: int = 7_200  # the agent kills the step after this
    deadline_s: int = 6_600  # the document stops itself before the agent kills it
    reboot_grace_s: int = 1_800  # a host may be silent this long after its last sign of life
    send_within_s: int = 10  # a claimed dispatch must be sent by then or not at all
    settle_s: int = 180  # a send whose answer was lost is looked for this long before it is repeated
    sweep_s: int = 30  # between two looks at the commands in flight
    lock_wait_s: int = 300
    wake_s: int = 300  # part of lead_s: so long a host is thought to wake that we never started before
    snapshot: str = "none"  # none | root: a snapshot of the root volume before the patch command
    snapshot_keep_days: int = 7  # it is deleted after that
    end_bound_s: int = 14_400  # after the window's end every target is terminal

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunPolicy:
        """Unknown keys are refused: a misspelt limit must not silently become the default."""
        known = {field.name: field for field in fields(cls)}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"The policy has no field {', '.join(unknown)}; it knows {', '.join(sorted(known))}."
            )
        return cls(**dict(values))

    @property
    def wave_rules(self) -> tuple[WaveRule, ...]:
        return tuple(WaveRule.from_json(values) for values in self.waves)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
