"""The forms of the account page."""

from wtforms import PasswordField, ValidationError

from flicklist.forms.fields import DigitsField, EmailField, SiteForm, TextField
from flicklist.forms.password_reset import PasswordResetForm


class ReauthForm(SiteForm):
    """The password, and the code or recovery code if the person uses two-factor authentication."""

    current_password = PasswordField()
    code = DigitsField()


class ChangePasswordForm(PasswordResetForm):
    """A new password."""


class ChangeEmailForm(SiteForm):
    """A new email address."""

    email = EmailField()


class DeleteAccountForm(SiteForm):
    """A word that is typed to confirm."""

    WORD = "delete"

    word = TextField()

    def validate_word(self, field: TextField) -> None:
        if field.data.casefold() != self.WORD:
            raise ValidationError(f"Type “{self.WORD}” to confirm.")


class ConfirmTwoFactorForm(SiteForm):
    """The first code of an authenticator app."""

    code = DigitsField()
