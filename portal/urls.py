"""Every page's address. Upper apps are named as strings only."""

from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path

urlpatterns = [
    path("", include("reports.urls")),
    path("", include("patching.urls")),
    path("exceptions/", include("exceptions.urls")),
    path("accounts/", include("portal.sign_in.urls")),
    path("accounts/", include("portal.second_factor.urls")),
    path("accounts/", include("portal.reauthentication.urls")),
    path("", include("portal.inventory.urls")),
    path("", include("portal.federation.urls")),
    path("tokens/", include("portal.tokens.urls")),
    path("api/v1/", include("portal.api.urls")),
    path("api/v1/", include("reports.api.urls")),
    path("api/v1/", include("patching.api.urls")),
    path("api/v1/", include("exceptions.api.urls")),
    path("people/", include("portal.people.urls")),
    path("audit/", include("portal.audit.urls")),
    path("notifications/", include("portal.notify.urls")),
    path("", include("portal.web.urls")),
    *staticfiles_urlpatterns(),
]
handler400 = "portal.web.errors.bad_request"
handler403 = "portal.web.errors.forbidden"
handler404 = "portal.web.errors.not_found"
handler429 = "portal.web.errors.too_many"  # allauth's limits ask for it by this name
handler500 = "portal.web.errors.server_error"
