"""Who the token speaks for, and with which rights."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.access.models import User
from portal.api.endpoint import Endpoint


class Right(serializers.Serializer[Any]):
    role = serializers.CharField()
    dimension = serializers.CharField()
    value = serializers.CharField(allow_blank=True)


class UsedToken(serializers.Serializer[Any]):
    name = serializers.CharField()
    shown = serializers.CharField(help_text="Its first signs, as the page Your tokens shows them.")
    may_act = serializers.BooleanField()
    ends_at = serializers.DateTimeField()


class Me(serializers.Serializer[Any]):
    user = serializers.CharField()
    name = serializers.CharField()
    rights = Right(many=True)
    token = UsedToken()


class MeView(Endpoint):
    @extend_schema(operation_id="me", responses=Me)
    def get(self, request: Request) -> Response:
        """Who the token speaks for, the rights that it has, and when it ends."""
        person = request.user
        assert isinstance(person, User)
        said = {"user": person.username, "name": person.display_name, "token": request.auth}
        return Response(Me(said | {"rights": person.grants.all()}).data)
