"""The forms of the account page."""

from wtforms import PasswordField

from flicklist.forms.fields import EmailField, SiteForm
from flicklist.forms.password_reset import ResetForm


class ChangePasswordForm(ResetForm):
    """Another password, for who knows the current one."""

    current_password = PasswordField()


class ChangeEmailForm(SiteForm):
    """Another email address, for who knows the password."""

    email = EmailField()
    current_password = PasswordField()
