"""The addresses of second factors: our own pages, and of allauth's only the step of a sign-in."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.second_factor.views import own
from portal.second_factor.views.asked import Asked

urlpatterns: list[URLPattern] = [
    path("login/second/", Asked.as_view(), name="mfa_authenticate"),
    path("second-factor/", own.own_factors, name="second_factor"),
    path("second-factor/app/", own.new_app, name="second_factor_app"),
    path("second-factor/passkey/", own.new_passkey, name="second_factor_passkey"),
    path("second-factor/codes/", own.renew_codes, name="second_factor_codes"),
    path("second-factor/<int:pk>/remove/", own.remove_factor, name="second_factor_remove"),
]
