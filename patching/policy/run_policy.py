"""The figures that a run obeys. A window carries them, a run freezes them when it is planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from patching.policy.fields import (
    AROUND,
    FIRST,
    HOW,
    WAY_BACK,
    Choice,
    Flag,
    Names,
    Number,
    Text,
    Waves,
    asked,
)
from patching.policy.waves import WaveRule

SCRIPT_NAME = r"([a-z0-9][a-z0-9-]{0,39})?"
WEEK_S = 7 * 86_400


def script(label: str, told: str) -> str:
    """The host's own script, by its name in /etc/patch-portal/hooks."""
    # The same pattern as the document's parameter: AWS and the agent refuse what does not match as well.
    shape = "the name of a script: small letters, digits, hyphens"
    one = Text(label=label, help=told, card=AROUND, mono=True, longest=40, shape=shape, pattern=SCRIPT_NAME)
    return asked("", one)


def seconds(default: int, label: str) -> int:
    """A figure that whoever installs the portal sets; the form does not ask for it."""
    return asked(default, Number(label=label, low=0, high=WEEK_S, unit="s"))


@dataclass(frozen=True)
class RunPolicy:
    """All times in seconds. The defaults suit production; a demo seeds short ones.

    The order is the one in which people read the fields.
    """

    mode: str = asked("all", Choice(
        label="What is installed", card=HOW, term="Installs",
        choices={"all": "All updates", "security": "Security updates only"},
    ))  # fmt: skip
    newest_release: bool = asked(False, Flag(
        label="Servers follow the newest release of their system", card=HOW, term="Release",
        told="the newest of the system: a server that is pinned to an older one needs you",
        help="Amazon Linux 2023 stays at the release that it is pinned to, and counts as patched within it.",
    ))  # fmt: skip
    reboot: str = asked("if-needed", Choice(
        label="Reboot", card=HOW,
        choices={"if-needed": "If an update needs it", "never": "Never; owners reboot themselves"},
    ))  # fmt: skip
    fixes: str = asked("all", Choice(
        label="What the check may repair", card=HOW, term="Repairs",
        choices={"all": "All safe fixes", "early": "Only fixes that are safe before the start", "none": "Nothing"},
    ))  # fmt: skip
    windows_method: str = asked("portal", Choice(
        label="Windows servers", card=HOW, optional=True, only_set=True,
        choices={"portal": "Our own document", "aws": "AWS-InstallWindowsUpdates"},
        help="AWS’s document has no guard against a second delivery; a re-scan after it tells what came of it.",
        pages={"aws": "AWS-InstallWindowsUpdates; no guard against a second delivery, judged by a re-scan"},
    ))  # fmt: skip
    hibernated: str = asked("leave", Choice(
        label="Hibernated servers", card=HOW, optional=True, only_set=True,
        choices={"leave": "Left out", "wake": "Started, and hibernated again after the run"},
        help="Their memory survives the start; an update that restarts them ends what was in it.",
        pages={"wake": "started, and hibernated again after the run; a restart ends what was in their memory"},
    ))  # fmt: skip
    concurrency: int = asked(200, Number(  # hosts in flight at once in one run
        label="Servers at a time", card=HOW, term="At a time", low=1, high=10_000, unit="server", units="servers",
    ))  # fmt: skip
    # Of judged hosts; the run halts itself above it, after `stop_at_least`.
    stop_at_error_percent: int = asked(20, Number(
        label="Halt above this share of errors, in %", card=HOW, term="Halts above", told="{} errors",
        low=1, high=100, unit="%", help="Counted once a few servers have failed.",
    ))  # fmt: skip
    min_free_mb: int = asked(900, Number(
        label="Free space that a server needs, in MB", card=HOW, term="Needs free", low=0, high=1_000_000, unit="MB",
    ))  # fmt: skip
    exclude: str = asked("", Text(
        label="Packages that stay as they are", card=AROUND, wide=True, term="Never installs", mono=True,
        pattern=r"[A-Za-z0-9.+_:*?,-]{0,2000}", shape="package names with * and ?, separated by commas",
        longest=4000, rows=2, listed=True,
        help="Names, with * and ? for any characters, separated by commas or lines: “docker-ce, kernel*”.",
    ))  # fmt: skip
    pre_script: str = script(
        "Script before",
        "Name of a script in /etc/patch-portal/hooks on the server. If it fails, nothing is installed.",
    )
    post_script: str = script(
        "Script after", "It runs after a failed install too; if it fails itself, the run says so."
    )
    snapshot: str = asked("none", Choice(
        label="Snapshot before", card=WAY_BACK, optional=True,
        choices={"none": "None", "root": "Of the root volume, before the patch command"},
        pages={"none": "none", "root": "of the root volume"},
        help="An admin can put the volume back with one click. A server without one is not patched.",
    ))  # fmt: skip
    snapshot_keep_days: int = asked(7, Number(
        label="Days that it is kept", card=WAY_BACK, optional=True, beside="snapshot", told=", kept {}",
        low=1, high=365, unit="day", units="days", help="1 to 365. Then the portal deletes it.",
    ))  # fmt: skip
    waves: tuple[Mapping[str, Any], ...] = asked((), Waves(  # the last wave takes the rest
        label="Waves", card=FIRST, wide=True, longest=4000,
        help="Who goes first, one wave a line: “2 servers, then wait 30 min”, “10 %” or "
        "“Environment = test, dev”. The rest follows in a last wave. Empty: all at once.",
    ))  # fmt: skip
    promote: bool = asked(False, Flag(
        label="Later waves get exactly what the first ones got", card=FIRST, wide=True, beside="waves",
        told=", with exactly what the first ones got",
        help="Linux servers: the versions proven there, and nothing newer.",
    ))  # fmt: skip
    alarms: tuple[str, ...] = asked((), Names(  # nothing is sent while one of them is in ALARM
        label="CloudWatch alarms", card=FIRST, wide=True, term="Alarms", longest=4000,
        pattern=r"(?s).{1,255}", one="an alarm", shape="1 to 255 characters, as CloudWatch shows it.", most=100,
        help="One name a line. While one of them is in alarm nothing is sent; later it halts the run.",
    ))  # fmt: skip
    target_groups: tuple[str, ...] = asked((), Names(  # nothing is sent while one is unhealthy
        label="Load balancer target groups", card=FIRST, wide=True, term="Target groups", longest=1000,
        pattern=r"[A-Za-z0-9-]{1,32}",  # ELB reference, CreateTargetGroup
        one="a target group", most=20,
        shape="1 to 32 letters, digits and hyphens, as the EC2 console shows it. Give the name, not the ARN.",
        help="One name a line. The next servers wait until enough targets of each group are healthy again.",
    ))  # fmt: skip
    healthy_percent: int = asked(100, Number(  # of a group's targets that take part; below it it is unhealthy
        label="Healthy targets, %", card=FIRST, wide=True, optional=True, beside="target_groups",
        told=": {} healthy before the next servers", low=1, high=100, unit="%",
        help="1 to 100; empty: all of them.",
    ))  # fmt: skip
    stop_at_least: int = asked(5, Number(
        label="Failed servers before the share of errors counts", low=1, high=10_000, unit="server", units="servers",
    ))  # fmt: skip
    gather_s: int = seconds(60, "Hosts are gathered for full batches and one tag call")
    plan_ahead_s: int = seconds(86_400, "A run is planned ahead of its start")
    lead_s: int = seconds(900, "Stopped hosts are started ahead of the start")
    wake_timeout_s: int = seconds(900, "A started host must be online in Systems Manager within")
    delivery_timeout_s: int = seconds(600, "A command must reach the agent within")
    execution_timeout_s: int = seconds(7_200, "The agent kills a step after")
    deadline_s: int = seconds(6_600, "The document stops itself, before the agent kills it, after")
    reboot_grace_s: int = seconds(1_800, "A host may be silent after its last sign of life for")
    send_within_s: int = seconds(10, "A claimed dispatch must be sent, or not at all, within")
    settle_s: int = seconds(180, "A send whose answer was lost is looked for, before it is repeated, for")
    sweep_s: int = seconds(30, "Between two looks at the commands in flight")
    lock_wait_s: int = seconds(300, "A host waits for another package manager for")
    wake_s: int = seconds(300, "Part of the lead: a host that was never started before is thought to wake in")
    end_bound_s: int = seconds(14_400, "Every target is over after the window’s end by")

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
