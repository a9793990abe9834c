"""The addresses of signing in: those of allauth's pages that are meant, and no others.

allauth would also let people add e-mail addresses themselves and make one of them their own: that is an admin's act.
"""

from __future__ import annotations

from allauth.account import views
from django.urls import URLPattern, path, re_path

from portal.sign_in.entrance import LoginPage
from portal.sign_in.own_sessions import end_session, own_sessions
from portal.sign_in.password import password_change, password_reset, password_reset_done

urlpatterns: list[URLPattern] = [
    path("login/", LoginPage.as_view(), name="account_login"),
    path("sessions/", own_sessions, name="own_sessions"),
    path("sessions/<int:pk>/end/", end_session, name="end_session"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("password/change/", password_change, name="account_change_password"),
    path("password/reset/", password_reset, name="account_reset_password"),
    path("password/reset/done/", password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]
