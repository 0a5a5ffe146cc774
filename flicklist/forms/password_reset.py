"""The forms to ask for a new password and to set it."""

from typing import Any, ClassVar

from flicklist.forms.auth import NewPasswordForm
from flicklist.forms.fields import EmailField, SiteForm


class RequestPasswordResetForm(SiteForm):
    """The email address to which a link for a new password is sent."""

    email = EmailField()


class PasswordResetForm(NewPasswordForm):
    """A new password for an account whose email address is known."""

    LABELS: ClassVar = {"password": "New password", "verify": "Repeat new password"}

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    @property
    def account_email(self) -> str:
        return self.email
