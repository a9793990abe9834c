"""Addresses of the API of exceptions."""

from __future__ import annotations

from django.urls import URLPattern, path

from exceptions.api.requests import ExceptionRequests, OneExceptionRequest

app_name = "exceptions-api"
urlpatterns: list[URLPattern] = [
    path("exception-requests", ExceptionRequests.as_view(), name="requests"),
    path("exception-requests/<int:pk>", OneExceptionRequest.as_view(), name="request"),
]
