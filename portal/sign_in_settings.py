"""Who signs in and how: the settings that are the same on every machine. portal/settings.py takes them all."""

from __future__ import annotations

AUTH_USER_MODEL = "access.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "portal.sign_in.adapter.ClosedSignUp"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # a stranger could have e-mails sent to anybody
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Patch Portal: "
ACCOUNT_FORMS = {
    "change_password": "portal.sign_in.forms.ChangePassword",
    "reset_password_from_key": "portal.sign_in.forms.ChoosePassword",
}
MFA_ADAPTER = "portal.second_factor.adapter.SecondFactors"
MFA_FORMS = {
    "authenticate": "portal.second_factor.forms.Code",
    "authenticate_webauthn": "portal.second_factor.forms.Passkey",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
SOCIALACCOUNT_ADAPTER = "portal.federation.adapter.Federation"
SOCIALACCOUNT_STORE_TOKENS = False  # a provider's tokens serve one sign-in
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "account_login"
ACCOUNT_RATE_LIMITS = {
    # Each try costs a hash that is slow on purpose.
    "login": "60/m/ip",
    # The key is the name and the source together: guesses at a name never lock its owner, who comes from elsewhere
    # or with a browser that has signed them in before (docs/adr/0069).
    "login_failed": "20/5m/ip,5/5m/key",
    "login_failed_known_browser": "10/5m/key",
    "reset_password": "10/10m/ip,5/10m/key",
    # Whoever is asked for a second factor has shown the password: 30 tries a day, where 3 of a million codes are right.
    "second_factor": "5/5m/key,30/d/key",
    "second_factor_told": "1/h/key",
    "reauthenticate": "5/5m/user,30/d/user",
    # On the way to an identity provider and back: each costs a session or a signature. A whole office is one source.
    "identity_provider": "120/m/ip",
}
USUAL_SESSION_LIMITS = "admin=240/720,approver=1440/10080,auditor=1440/10080,owner=2880/20160"
