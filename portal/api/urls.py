"""Addresses of the API that belong to no app above. Lists and acts of the apps stand in their own `api` rooms."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.api.me import MeView

app_name = "api"
urlpatterns: list[URLPattern] = [
    path("me", MeView.as_view(), name="me"),
]
