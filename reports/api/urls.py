"""Addresses of the API that join apps."""

from __future__ import annotations

from django.urls import URLPattern, path

from reports.api.assets import Assets, OneAsset
from reports.api.post_patching import PostPatching

app_name = "reports-api"
urlpatterns: list[URLPattern] = [
    path("assets", Assets.as_view(), name="assets"),
    path("assets/<int:pk>", OneAsset.as_view(), name="asset"),
    path("reports/post-patching", PostPatching.as_view(), name="post-patching"),
]
