"""Addresses of patching."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "patching"
urlpatterns: list[URLPattern] = []
