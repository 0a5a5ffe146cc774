"""The forms to register and log in."""

from typing import Any, ClassVar

from wtforms import Field, HiddenField, PasswordField, ValidationError

from flicklist.forms.fields import DigitsField, EmailField, LocalPathField, SiteForm, TextField
from flicklist.models.user import email_key
from flicklist.services.passwords import PasswordHasher


class NewPasswordForm(SiteForm):
    """A new password, typed twice. It must not be like the person's email address."""

    password = PasswordField()
    verify = PasswordField()

    def __init__(self, *args: Any, passwords: PasswordHasher, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.passwords = passwords

    @property
    def account_email(self) -> str:
        """The email address of the person."""
        raise NotImplementedError

    def validate_password(self, field: Field) -> None:
        known_words = [self.account_email, self.account_email.partition("@")[0]]
        if problem := self.passwords.weakness(field.data or "", known_words):
            raise ValidationError(problem)

    def validate_verify(self, field: Field) -> None:
        if field.data != self.password.data:
            raise ValidationError("The passwords don’t match.")


class RegisterForm(NewPasswordForm):
    """Email and password of a new account. `invitation` is the one that the page was opened with."""

    LABELS: ClassVar = {"email": "Email", "password": "Password", "verify": "Repeat password"}

    email = EmailField()
    password = PasswordField()
    verify = PasswordField()
    next = LocalPathField()
    invitation = HiddenField(default="")

    @property
    def account_email(self) -> str:
        return self.email.data


class LogInForm(SiteForm):
    """Email and password. `unsent` is a form that was sent while logged out; see `flicklist.unsent_forms`.

    Nothing is validated. A malformed email counts as a wrong one, so that all failures look the same.
    """

    email = TextField()
    password = PasswordField()
    next = LocalPathField()
    unsent = HiddenField(default="")

    @property
    def problem(self) -> str:
        return "You’re not logged in yet. Please check both fields."

    @property
    def email_key(self) -> str | None:
        try:
            return email_key(self.email.data)
        except ValueError:
            return None


class CodeForm(SiteForm):
    """A code from an authenticator app, or a recovery code."""

    code = DigitsField()
    next = LocalPathField()
    unsent = HiddenField(default="")
