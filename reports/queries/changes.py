"""What a run changed: each package from one version to another, on how many servers and on which; kernels first."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg, BoolOr
from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    Func,
    IntegerField,
    QuerySet,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.functions import Coalesce, NullIf

from patching.models import PackageChange, Target

NAMED = 6  # servers of one change that a page names; the file has all
KERNELS_SHOWN = 20
# The packages that are a kernel: of rpm systems, of Debian and Ubuntu.
KERNEL = r"^(kernel(-core|-default|-uek)?|linux-image-[0-9].*)$"
LABEL = ("name", "instance_id")


def kernels(targets: QuerySet[Target]) -> list[dict[str, Any]]:
    """From which running kernel to which, as the hosts told before and after; those of most servers first."""
    changed = (
        targets.exclude(kernel_before="").exclude(kernel_after="").exclude(kernel_after=F("kernel_before"))
    )
    rows: Any = changed.order_by().values("kernel_before", "kernel_after")
    counted = rows.annotate(servers=Count("pk"), names=_first_names("asset__"))
    return list(counted.order_by("-servers", "kernel_before", "kernel_after")[:KERNELS_SHOWN])


def package_changes(targets: QuerySet[Target]) -> QuerySet[Any]:
    """One row for each package, from and to: kernel (1 or 0), name, old, new, kind, servers, names, secure."""
    rows: Any = _of(targets).order_by().values("kernel", "name", "old", "new", "kind")
    return rows.annotate(
        servers=Count("asset", distinct=True), names=_first_names("asset__"), secure=BoolOr("security")
    )


def every_change(targets: QuerySet[Target]) -> QuerySet[PackageChange]:
    """One row for each package and server; `servers`: how many have the same change."""
    same = Window(Count("asset"), partition_by=[F("name"), F("arch"), F("old"), F("new"), F("kind")])
    rows = _of(targets).annotate(servers=same).select_related("asset", "asset__account")
    return rows.order_by("-kernel", "name", "arch", "old", "new", "asset__name", "pk")


def _of(targets: QuerySet[Target]) -> Any:  # its annotation is beyond the type checker
    kernel = Case(When(name__regex=KERNEL, then=1), default=0, output_field=IntegerField())
    return PackageChange.objects.filter(target__in=targets.order_by().values("pk")).annotate(kernel=kernel)


def _first_names(prefix: str) -> Func:
    name, instance = (f"{prefix}{part}" for part in LABEL)
    label = Coalesce(NullIf(name, Value("")), instance, output_field=CharField())
    names = ArrayAgg(label, distinct=True, order_by=label)
    return Func(names, template=f"(%(expressions)s)[1:{NAMED}]", output_field=ArrayField(TextField()))
