"""Forms of passwords; the rules live in the operations."""

from __future__ import annotations

from allauth.account.forms import ChangePasswordForm, ResetPasswordKeyForm
from django.utils import timezone

from portal.sign_in import operations


class ChangePassword(ChangePasswordForm):
    def save(self) -> None:
        operations.choose_password(
            person=self.user, password=self.cleaned_data["password1"], by_link=False, now=timezone.now()
        )


class ChoosePassword(ResetPasswordKeyForm):
    """Behind the link of an e-mail."""

    def save(self) -> None:
        operations.choose_password(
            person=self.user, password=self.cleaned_data["password1"], by_link=True, now=timezone.now()
        )
