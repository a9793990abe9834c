"""Addresses of exceptions."""

from __future__ import annotations

from django.urls import path

from exceptions import views

app_name = "exceptions"
urlpatterns = [
    path("", views.register, name="register"),
    path("register.csv", views.register_csv, name="register-csv"),
    path("inbox/", views.inbox, name="inbox"),
    path("ask/", views.ask, name="ask"),
    path("<int:pk>/", views.case, name="case"),
    path("<int:pk>/decide/", views.decide, name="decide"),
]
