"""Addresses of the API of patching."""

from __future__ import annotations

from django.urls import URLPattern, path

from patching.api.runs import OneRun, Runs
from patching.api.targets import Targets
from patching.api.windows import Windows

app_name = "patching-api"
urlpatterns: list[URLPattern] = [
    path("windows", Windows.as_view(), name="windows"),
    path("runs", Runs.as_view(), name="runs"),
    path("runs/<int:pk>", OneRun.as_view(), name="run"),
    path("runs/<int:pk>/targets", Targets.as_view(), name="targets"),
]
