"""A field added to the policy stands in form, refusal, pages, audit trail and docs without another edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import time_machine
from django.urls import reverse

from patching.models import Window
from patching.policy.fields import HOW, Choice, Number, asked
from patching.policy.run_policy import RunPolicy
from portal.audit.models import AuditEvent
from reports.management.commands import generate_docs
from tests import cast
from tests.integration.patching.test_pages import NOW, browser
from tests.integration.patching.test_pages_acts import text

pytestmark = pytest.mark.django_db
READERS = ("patching.models.windows", "patching.forms", "patching.rules", "patching.operations.windows")
VALUES = {
    "name": "Sunday test", "frequency": "weekly", "weekday": "6", "start_time": "02:30",
    "time_zone": "Europe/Berlin", "duration_minutes": "180", "cutoff_minutes": "30", "mode": "all",
    "reboot": "if-needed", "fixes": "all", "concurrency": "50", "stop_at_error_percent": "20",
    "min_free_mb": "900", "cool_down": "7", "kernel": "kept",
}  # fmt: skip


@dataclass(frozen=True)
class LargerPolicy(RunPolicy):
    cool_down: int = asked(
        5,
        Number(
            label="Pause between two servers", card=HOW, low=0, high=60, unit="min",
            help="So that a load balancer notices.",
        ),
    )  # fmt: skip
    kernel: str = asked(
        "new",
        Choice(label="Kernel", card=HOW, choices={"new": "The newest", "kept": "The one that runs"}),
    )


@pytest.fixture(autouse=True)
def larger(monkeypatch: pytest.MonkeyPatch) -> Any:
    for module in READERS:
        monkeypatch.setattr(f"{module}.RunPolicy", LargerPolicy)
    monkeypatch.setattr(generate_docs, "RunPolicy", LargerPolicy)
    with time_machine.travel(NOW, tick=False):
        yield


def edited(window: Window, **changed: str) -> Any:
    return browser(cast.ada()).post(reverse("patching:window-edit", args=[window.slug]), VALUES | changed)


def test_the_form_asks_it_with_its_default() -> None:
    page = browser(cast.ada()).get(reverse("patching:window-new")).content.decode()
    assert '<label for="id_cool_down">Pause between two servers' in page
    assert "So that a load balancer notices." in page
    assert 'name="cool_down" value="5" required' in page
    assert '<option value="new" selected>The newest</option>' in page


def test_a_value_outside_its_limits_is_refused_on_it() -> None:
    window = cast.a_window()
    answer = edited(window, cool_down="61")
    assert answer.status_code == 422
    assert "“Pause between two servers” is 61; choose 0 to 60." in text(answer)
    window.refresh_from_db()
    assert window.policy == {}


def test_pages_and_audit_trail_tell_it() -> None:
    window = cast.a_window()
    assert edited(window).status_code == 302
    window.refresh_from_db()
    assert window.policy == {"cool_down": 7, "kernel": "kept", "concurrency": 50}
    for name in ("patching:window", "patching:plan"):
        seen = browser(cast.ana()).get(reverse(name, args=[window.slug])).content.decode()
        assert "<dt>Pause between two servers</dt><dd>7 min" in seen, name
        assert "<dt>Kernel</dt><dd>the one that runs" in seen, name
    changes = AuditEvent.objects.get(kind="window.changed").changes
    assert "Pause between two servers: 5 min → 7 min" in changes
    assert "Kernel: the newest → the one that runs" in changes


def test_the_documentation_lists_it() -> None:
    assert "| `cool_down` | Pause between two servers | 5 min | 0 to 60 |" in generate_docs.policy_page()
