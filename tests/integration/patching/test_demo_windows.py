"""The windows that the demo offers pass the product's own rules."""

from __future__ import annotations

from datetime import timedelta

import pytest

from demo import seed
from patching.models import Window
from tests import cast

pytestmark = pytest.mark.django_db


def test_the_demo_offers_three_windows_that_open_as_it_says() -> None:
    seed.people()
    seed.windows(cast.NOW)
    tonight = seed.window_opening_now(cast.NOW, timedelta(minutes=2))
    assert list(Window.objects.values_list("slug", flat=True).order_by("slug")) == [
        "saturday-production",
        "second-tuesday",
        tonight.slug,
    ]
    assert tonight.recurrence.next(cast.NOW, 1)[0] - cast.NOW == timedelta(minutes=2)
    assert tonight.run_policy.lead_s == seed.QUICK["lead_s"]
