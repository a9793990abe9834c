"""Addresses shared by all pages."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.web import bundles, views

app_name = "web"
urlpatterns: list[URLPattern] = [
    path("bundle/app.<slug:digest>.css", bundles.stylesheet, name="stylesheet"),
    path("bundle/app.<slug:digest>.js", bundles.script, name="script"),
    path("theme/", views.choose_theme, name="theme"),
    path("design/", views.design, name="design"),
]
