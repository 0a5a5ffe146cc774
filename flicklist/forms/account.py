"""The forms of the account page."""

from typing import ClassVar

from wtforms import Field, PasswordField, ValidationError

from flicklist.forms.fields import DigitsField, EmailField, SiteForm, TextField
from flicklist.forms.password_reset import PasswordResetForm
from flicklist.models.two_factor import RECOVERY_CODES
from flicklist.text import normalize


class ReauthForm(SiteForm):
    """The password, and the code or recovery code if the person uses two-factor authentication."""

    LABELS: ClassVar = {"current_password": "Current password", "code": "Code"}

    current_password = PasswordField()
    code = DigitsField()


class ChangePasswordForm(PasswordResetForm):
    """A new password."""


class ChangeEmailForm(SiteForm):
    """A new email address."""

    LABELS: ClassVar = {"email": "New email address"}

    email = EmailField()


class DeleteAccountForm(SiteForm):
    """A word that is typed to confirm."""

    WORD = "delete"

    word = TextField()

    @property
    def problem(self) -> str:
        return "Your account was not deleted. Please correct the last field."

    def validate_word(self, field: TextField) -> None:
        if field.data.casefold() != self.WORD:
            raise ValidationError(f"Type “{self.WORD}”, without the quotation marks.")


class ConfirmTwoFactorForm(SiteForm):
    """The first code of an authenticator app."""

    LABELS: ClassVar = {"code": "Code"}

    code = DigitsField()


class CodesField(Field):
    """A repeated field with recovery codes. More than a person can have are ignored."""

    data: list[str]

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = [normalize(typed) for typed in valuelist[:RECOVERY_CODES]]


class DownloadCodesForm(SiteForm):
    """The recovery codes on the page that shows them."""

    code = CodesField()
