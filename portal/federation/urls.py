"""The addresses of signing in by a provider; those that a provider is told of never change."""

from __future__ import annotations

from django.urls import URLPattern, path

from portal.federation import entrance, saml_entrance
from portal.federation.views import identities, rules

app_name = "federation"
urlpatterns: list[URLPattern] = [
    path("accounts/with/", entrance.by_email, name="by-email"),
    path("accounts/with/<slug:provider>/", entrance.start, name="start"),
    path("accounts/oidc/<slug:provider>/login/callback/", entrance.oidc_callback, name="oidc-callback"),
    path("accounts/saml/<slug:provider>/acs/", saml_entrance.acs, name="saml-acs"),
    path("accounts/saml/<slug:provider>/acs/finish/", saml_entrance.finish, name="saml-finish"),
    path("accounts/saml/<slug:provider>/sls/", saml_entrance.sls, name="saml-sls"),
    path("accounts/saml/<slug:provider>/metadata/", saml_entrance.metadata, name="saml-metadata"),
    path("people/sign-in/", rules.providers, name="providers"),
    path("people/sign-in/try/", rules.rules_try, name="try"),
    path("people/sign-in/rules/new/", rules.rule_new, name="rule-new"),
    path("people/sign-in/rules/<int:pk>/", rules.rule, name="rule"),
    path("people/sign-in/rules/<int:pk>/agree/", rules.rule_agree, name="rule-agree"),
    path("people/sign-in/rules/<int:pk>/move/", rules.rule_move, name="rule-move"),
    path("people/sign-in/rules/<int:pk>/remove/", rules.rule_remove, name="rule-remove"),
    path("people/<int:pk>/identities/", identities.identities, name="identities"),
    path(
        "people/<int:pk>/identities/<int:identity>/unlink/",
        identities.identity_unlink,
        name="identity-unlink",
    ),
]
