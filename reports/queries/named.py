"""Servers by the names that somebody typed or pasted."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Lower

from portal.inventory.models import Asset

BETWEEN_NAMES = re.compile(r"[\s,;]+")


def names_in(text: str) -> list[str]:
    """The names that blanks, commas, semicolons or lines divide, each once and in small letters."""
    return list(dict.fromkeys(name.lower() for name in BETWEEN_NAMES.split(_clean(text)) if name))


def matching(rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Those of the name, id or address; of one word a part of the name is enough, of several each must be whole."""
    phrase, names = _clean(text), names_in(text)
    wanted = Q(name__icontains=phrase) | Q(instance_id__startswith=phrase) | Q(private_ip=phrase)
    if len(names) < 2:
        return rows.filter(wanted)
    wanted |= Q(lower_name__in=names) | Q(instance_id__in=names) | Q(private_ip__in=names)
    return rows.alias(lower_name=Lower("name")).filter(wanted)


def unknown_names(assets: QuerySet[Asset], text: str) -> list[str]:
    """Of several names those that none of these servers has, as they were typed first; one query.

    None where the text as a whole is a part of a name: then it was no list.
    """
    phrase, names = _clean(text), names_in(text)
    if len(names) < 2:
        return []
    lower = assets.order_by().annotate(said=Lower("name"))
    found = lower.filter(said__in=names).values_list("said").union(
        lower.filter(instance_id__in=names).values_list(F("instance_id")),
        lower.filter(private_ip__in=names).values_list(F("private_ip")),
        lower.filter(name__icontains=phrase).values_list(Value(phrase)),
    )  # fmt: skip
    known = {said for (said,) in found}
    return [] if phrase in known else [name for name in names if name not in known]


def _clean(text: str) -> str:
    return text.replace("\x00", "").strip()
