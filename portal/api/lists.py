"""Lists: pages by cursor that survive what is added and deleted meanwhile, and a count that ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.problems import BadParameter
from portal.web.cursors import BadCursor
from portal.web.paging import KeysetPager, Page, total_of

PARAMETERS = ("cursor", "size")
MOST = 500
USUAL = 50
BAD_CURSOR = "This cursor was cut or changed, or belongs to another list. Begin again without it."
BAD_SIZE = f"size is a whole number from 1 to {MOST}."


def listed(
    request: Request, rows: QuerySet[Any], pager: KeysetPager, shape: Callable[[list[Any]], Iterable[Any]]
) -> Response:
    """The page that the address asks for. `shape` turns its rows into what the answer holds."""
    page = _page(request.query_params, rows, replace(pager, size=_size(request.query_params)))
    total, capped = total_of(page, rows)
    items = list(shape(page.rows))
    following = _address(request, page.next_cursor)
    return Response({"items": items, "next": following, "count": total, "count_is_capped": capped})


def _page(query: QueryDict, rows: QuerySet[Any], pager: KeysetPager) -> Page:
    try:
        return pager.page(rows, query.get("cursor", ""))
    except BadCursor as error:
        raise BadParameter({"cursor": BAD_CURSOR}) from error


def _size(query: QueryDict) -> int:
    text = query.get("size", str(USUAL))
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MOST):
        raise BadParameter({"size": BAD_SIZE})
    return int(text)


def _address(request: Request, cursor: str) -> str | None:
    if not cursor:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def page_shape(name: str, item: type[serializers.Serializer[Any]]) -> Any:
    """For the document: a page of these items."""
    fields = {
        "items": item(many=True),
        "next": serializers.URLField(allow_null=True, help_text="The next page; null on the last."),
        "count": serializers.IntegerField(help_text="How many there are, counted no further than 10,000."),
        "count_is_capped": serializers.BooleanField(help_text="Whether there may be more than `count`."),
    }
    return inline_serializer(name, fields)


def described(names: Sequence[str]) -> list[Any]:
    """For the document: the parameters of a list."""
    return [OpenApiParameter(name, int if name == "size" else str) for name in names]
