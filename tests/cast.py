"""The cast of every test: Ana owns, Bo approves, Cy is a stranger, Ada is the admin, Audrey audits."""

from __future__ import annotations

from datetime import UTC, datetime, time
from itertools import count
from typing import Any

from patching.models import Window
from portal.access.models import Grant, User
from portal.access.states import Dimension, Role
from portal.inventory.models import Account, Asset

PASSWORD = "a-long-test-password"
NOW = datetime(2026, 12, 5, 20, 0, tzinfo=UTC)
_numbers = count(1)


def _person(username: str, *grants: tuple[Role, Dimension, str]) -> User:
    user, new = User.objects.get_or_create(
        username=username, defaults={"first_name": username.title(), "email": f"{username}@example.com"}
    )
    if new:
        user.set_password(PASSWORD)
        user.save()
        for role, dimension, value in grants:
            Grant.objects.create(user=user, role=role, dimension=dimension, value=value)
    return user


def ana() -> User:
    return _person("ana", (Role.OWNER, Dimension.APPLICATION, "payments"))


def bo() -> User:
    return _person("bo", (Role.APPROVER, Dimension.APPLICATION, "payments"))


def cy() -> User:
    return _person("cy", (Role.OWNER, Dimension.APPLICATION, "intranet"))


def ada() -> User:
    return _person("ada", (Role.ADMIN, Dimension.EVERYTHING, ""))


def audrey() -> User:
    return _person("audrey", (Role.AUDITOR, Dimension.EVERYTHING, ""))


def an_account(account_id: str = "111122223333", **facts: Any) -> Account:
    defaults = {
        "name": "Payments",
        "role_name": "PatchPortal",
        "external_id": "x1",
        "regions": ["eu-central-1"],
    }
    return Account.objects.get_or_create(account_id=account_id, defaults=defaults | facts)[0]


def an_asset(**facts: Any) -> Asset:
    """A running Linux server of payments that nothing speaks against."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "region": "eu-central-1", "instance_id": f"i-{number:017x}", "name": f"web-{number}", "state": "running",
        "platform": "linux", "os_name": "Debian GNU/Linux", "os_version": "12", "owner": "payments-team",
        "application": "payments", "environment": "production", "ssm_status": "Online", "agent_version": "3.3",
        "root_device_type": "ebs", "first_seen_at": NOW, "last_seen_at": NOW,
    }  # fmt: skip
    account = facts.pop("account", None) or an_account()
    return Asset.objects.create(account=account, **(defaults | facts))


def a_window(**facts: Any) -> Window:
    """Every Saturday at 22:00 Berlin, four hours."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "name": f"Saturday {number}", "slug": f"saturday-{number}", "frequency": "weekly", "weekday": 5, "nth": None,
        "start_time": time(22), "time_zone": "Europe/Berlin", "duration_minutes": 240, "cutoff_minutes": 60,
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }  # fmt: skip
    return Window.objects.create(**(defaults | facts))
