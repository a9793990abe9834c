"""Forms of patching; the rules live in the operations, whose sentences land on the fields."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms

from patching.models import Window
from patching.policy import waves
from patching.policy.run_policy import RunPolicy
from patching.words import DAYS, POSITIONS

POLICY_FIELDS = (
    "mode",
    "reboot",
    "fixes",
    "windows_method",
    "concurrency",
    "stop_at_error_percent",
    "min_free_mb",
    "exclude",
    "pre_script",
    "post_script",
    "promote",
    "waves",
    "alarms",
    "target_groups",
    "healthy_percent",
    "snapshot",
    "snapshot_keep_days",
)


def _plain(value: Any) -> Any:
    """A default as JSON holds it."""
    return list(value) if isinstance(value, tuple) else value


class ReasonForm(forms.Form):
    """One reason, asked before something that others will wonder about."""

    reason = forms.CharField(label="Reason", max_length=300, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, hint: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].help_text = hint
        self.fields["reason"].error_messages["required"] = "Write a reason."


class WindowForm(forms.Form):
    name = forms.CharField(
        label="Name", max_length=100, help_text="As people say it, e.g. Saturday production."
    )
    slug = forms.CharField(
        label="Tag value", max_length=60, required=False,
        help_text="What the tag PatchWindow says. Empty: made of the name. It stays as it is from then on.",
    )  # fmt: skip
    description = forms.CharField(
        label="For whom", required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Owners read it when they choose.",
    )  # fmt: skip
    frequency = forms.ChoiceField(
        label="How often",
        choices=[("weekly", "Every week"), ("monthly", "Once a month")],
        widget=forms.RadioSelect,
    )
    weekday = forms.TypedChoiceField(label="Day", coerce=int, choices=list(enumerate(DAYS)))
    nth = forms.TypedChoiceField(
        label="Which one of the month", coerce=int, empty_value=None, required=False,
        choices=[("", "Not monthly"), *POSITIONS.items()], help_text="Only for a monthly window.",
    )  # fmt: skip
    start_time = forms.TimeField(
        label="Start", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    time_zone = forms.CharField(
        label="Time zone",
        max_length=64,
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off"}),
    )
    duration_minutes = forms.IntegerField(label="Length in minutes", help_text="15 minutes to 24 hours.")
    cutoff_minutes = forms.IntegerField(
        label="Cutoff in minutes before the end",
        help_text="Nothing is sent after it, so that everything is over in time.",
    )
    mode = forms.ChoiceField(
        label="What is installed", choices=[("all", "All updates"), ("security", "Security updates only")]
    )
    reboot = forms.ChoiceField(
        label="Reboot",
        choices=[("if-needed", "If an update needs it"), ("never", "Never; owners reboot themselves")],
    )
    fixes = forms.ChoiceField(
        label="What the check may repair",
        choices=[
            ("all", "All safe fixes"),
            ("early", "Only fixes that are safe before the start"),
            ("none", "Nothing"),
        ],
    )
    windows_method = forms.ChoiceField(
        label="Windows servers", required=False,
        choices=[("portal", "Our own document"), ("aws", "AWS-InstallWindowsUpdates")],
        help_text="AWS’s document has no guard against a second delivery; a re-scan after it tells what came of it.",
    )  # fmt: skip
    concurrency = forms.IntegerField(label="Servers at a time")
    stop_at_error_percent = forms.IntegerField(
        label="Halt above this share of errors, in %", help_text="Counted once a few servers have failed."
    )
    min_free_mb = forms.IntegerField(label="Free space that a server needs, in MB")
    snapshot = forms.ChoiceField(
        label="Snapshot before", required=False,
        choices=[("none", "None"), ("root", "Of the root volume, before the patch command")],
        help_text="An admin can put the volume back with one click. A server without one is not patched.",
    )  # fmt: skip
    snapshot_keep_days = forms.IntegerField(
        label="Days that it is kept", required=False, help_text="1 to 365. Then the portal deletes it."
    )
    exclude = forms.CharField(
        label="Packages that stay as they are", required=False, max_length=4000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Names, with * and ? for any characters, separated by commas or lines: “docker-ce, kernel*”.",
    )  # fmt: skip
    pre_script = forms.CharField(
        label="Script before", required=False, max_length=40,
        help_text="Name of a script in /etc/patch-portal/hooks on the server. If it fails, nothing is installed.",
    )  # fmt: skip
    post_script = forms.CharField(
        label="Script after", required=False, max_length=40,
        help_text="It runs after a failed install too; if it fails itself, the run says so.",
    )  # fmt: skip
    promote = forms.BooleanField(
        label="Later waves get exactly what the first ones got", required=False,
        help_text="Linux servers: the versions proven there, and nothing newer.",
    )  # fmt: skip
    waves = forms.CharField(
        label="Waves", required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Who goes first, one wave a line: “2 servers, then wait 30 min”, “10 %” or "
        "“Environment = test, dev”. The rest follows in a last wave. Empty: all at once.",
    )  # fmt: skip
    alarms = forms.CharField(
        label="CloudWatch alarms", required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One name a line. While one rings nothing is sent; later it halts the run.",
    )  # fmt: skip
    target_groups = forms.CharField(
        label="Load balancer target groups", required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One name a line. The next servers wait until enough targets of each group are healthy again.",
    )  # fmt: skip
    healthy_percent = forms.IntegerField(
        label="Healthy targets, %", required=False, help_text="1 to 100; empty: all of them."
    )

    def __init__(self, *args: Any, offered: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if offered:  # enrolled servers bear the tag value, so it stays
            del self.fields["slug"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("frequency") == "weekly":
            cleaned["nth"] = None
        return cleaned

    def clean_exclude(self) -> str:
        names = self.cleaned_data["exclude"].replace(",", " ").split()
        return ",".join(dict.fromkeys(names))

    def clean_snapshot(self) -> str:
        return str(self.cleaned_data["snapshot"] or RunPolicy.snapshot)

    def clean_snapshot_keep_days(self) -> int:
        days = self.cleaned_data["snapshot_keep_days"]
        return RunPolicy.snapshot_keep_days if days is None else int(days)

    def clean_windows_method(self) -> str:
        return str(self.cleaned_data["windows_method"] or RunPolicy.windows_method)

    def clean_waves(self) -> list[dict[str, Any]]:
        try:
            return [rule.to_json() for rule in waves.parse(self.cleaned_data["waves"])]
        except waves.WaveRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal

    def clean_alarms(self) -> list[str]:
        return self._lines("alarms")

    def clean_target_groups(self) -> list[str]:
        return self._lines("target_groups")

    def clean_healthy_percent(self) -> int:
        percent = self.cleaned_data["healthy_percent"]
        return RunPolicy.healthy_percent if percent is None else int(percent)

    def _lines(self, name: str) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data[name].splitlines() if line.strip()]
        return list(dict.fromkeys(lines))

    @staticmethod
    def zones() -> list[str]:
        return sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))

    def facts(self, policy: dict[str, Any]) -> dict[str, Any]:
        """The valid values as the operations take them; figures that are the default are not stored."""
        values = {name: self.cleaned_data[name] for name in self.fields if name not in POLICY_FIELDS}
        chosen = policy | {name: self.cleaned_data[name] for name in POLICY_FIELDS}
        defaults = RunPolicy().to_json()
        return values | {
            "policy": {name: value for name, value in chosen.items() if value != _plain(defaults.get(name))}
        }

    @staticmethod
    def initial_of(window: Window | None, zone: str) -> dict[str, Any]:
        policy = window.run_policy if window else RunPolicy()
        figures = {name: getattr(policy, name) for name in POLICY_FIELDS}
        figures |= {"waves": waves.words(policy.wave_rules), "alarms": "\n".join(policy.alarms)}
        figures |= {"target_groups": "\n".join(policy.target_groups)}
        if window is None:
            return figures | {"frequency": "weekly", "weekday": 5, "start_time": "22:00", "time_zone": zone,
                              "duration_minutes": 240, "cutoff_minutes": 60}  # fmt: skip
        return figures | {
            name: getattr(window, name) for name in WindowForm.base_fields if name not in POLICY_FIELDS
        }


class ExtendForm(ReasonForm):
    minutes = forms.IntegerField(
        label="Minutes later", initial=30, help_text="1 to 240. The end moves along where it must."
    )
    field_order = ("minutes", "reason")
