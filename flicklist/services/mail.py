"""Compose the mail of the outbox, and send it.

A request only writes a row, the same for a known and an unknown address. So its response time does not reveal who has
an account, and an unavailable mail server delays no request. An email is given up after 17 hours of attempts.
"""

import logging
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

from sqlalchemy import Engine, delete, select
from sqlalchemy.orm import Session

from flicklist.models import Mail, User
from flicklist.models.meta import utc_now
from flicklist.models.outbox import MailKind
from flicklist.models.user import IS_DELETED, ascii_email
from flicklist.services.tokens import email_tokens, password_reset_link
from flicklist.settings import Settings

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 20


class Sender:
    """Sends the mail that is due."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine

    def send_due(self) -> int:
        """Send all mail that is due, one by one. Return how many were sent."""
        sent = 0
        while (mail := self._claim()) is not None:
            sent += self._send(mail)
        return sent

    def _claim(self) -> Mail | None:
        with Session(self._engine, expire_on_commit=False) as db, db.begin():
            due = select(Mail).where(Mail.due_at <= utc_now()).order_by(Mail.due_at).limit(1)
            mail = db.scalar(due.with_for_update(skip_locked=True))
            if mail is not None:
                mail.claim()
            return mail

    def _send(self, mail: Mail) -> bool:
        try:
            message = self._compose(mail)
            if message is not None:
                deliver(message, self._settings.smtp_url)
        except Exception as error:  # noqa: BLE001 - one mail must not hold up the others
            # The error may contain the address, which must not be logged.
            log.error("Email %s was not sent (attempt %s): %s", mail.id, mail.attempts, type(error).__name__)  # noqa: TRY400
            if not mail.is_undeliverable:
                return False
            message = None
        with Session(self._engine) as db, db.begin():
            db.execute(delete(Mail).where(Mail.id == mail.id))
        return message is not None

    def _compose(self, mail: Mail) -> EmailMessage | None:
        """Return the message, or ``None`` if no account has this address, or the mail is no longer needed."""
        with Session(self._engine) as db:
            whose = User.email_key == mail.recipient if mail.user_id is None else User.id == mail.user_id
            user = db.scalar(select(User).where(whose, ~IS_DELETED))
            return None if user is None or not _is_needed(mail, user) else compose(mail, user, self._settings)


def _is_needed(mail: Mail, user: User) -> bool:
    """Return whether the address is still the one of the account, and unconfirmed, if the mail is to confirm it."""
    is_outdated = user.email != mail.recipient or user.email_confirmed_at is not None
    return mail.kind != MailKind.CONFIRM_CURRENT_EMAIL or not is_outdated


def compose(mail: Mail, user: User, settings: Settings) -> EmailMessage:
    subject, text = _COMPOSERS[mail.kind](mail, user, settings)
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = settings.mail_from
    # A password reset goes to the registered spelling of the address, not to the one that was typed.
    message["To"] = ascii_email(user.email if mail.user_id is None else mail.recipient)
    message.set_content(f"{text}\n\n-- \nFlickList, {settings.public_url}/\n")
    return message


def deliver(message: EmailMessage, smtp_url: str) -> None:
    """Send a message through the server of an ``smtps://`` URL, or of an ``smtp://`` URL with STARTTLS.

    Raises `OSError` or `smtplib.SMTPException`, also if a server on another machine has no TLS or no valid certificate:
    the mail and the server's password are secrets (ASVS 5.0, 12.3.1, 12.3.2).
    """
    url = urlsplit(smtp_url)
    with _connect(url, ssl.create_default_context()) as server:
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        server.send_message(message)


def _connect(url: SplitResult, tls: ssl.SSLContext) -> smtplib.SMTP:
    host, port = url.hostname or "", url.port or 0
    if url.scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=tls)
    server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    try:
        if not is_this_machine(host):
            server.starttls(context=tls)
    except Exception:
        server.close()
        raise
    return server


def is_this_machine(host: str) -> bool:
    """Return whether a host is this machine. Its mail server usually has no certificate."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _password_reset(mail: Mail, user: User, settings: Settings) -> tuple[str, str]:
    text = (
        "Someone asked to reset the password of your FlickList account. "
        "Open this link within an hour to set a new one:\n\n"
        f"{password_reset_link(settings, user, is_mailed=True)}\n\n"
        "If it wasn’t you, ignore this email. Your password stays the same."
    )
    return "Reset your FlickList password", text


def _confirm_current_email(mail: Mail, user: User, settings: Settings) -> tuple[str, str]:
    text = (
        "Someone entered this email address for a FlickList account. "
        "If it was you, open this link within a day and press “Yes, confirm it”:\n\n"
        f"{_confirmation_link(mail, user, settings)}\n\n"
        "Then you can reset your password if you forget it. "
        "If it wasn’t you, ignore this email."
    )
    return "Confirm your email address for FlickList", text


def _confirm_new_email(mail: Mail, user: User, settings: Settings) -> tuple[str, str]:
    text = (
        "Someone asked to use this email address for their FlickList account. "
        "If it was you, open this link within a day and press “Yes, confirm it”. "
        f"If you have to log in first, use your old address.\n\n{_confirmation_link(mail, user, settings)}\n\n"
        "If it wasn’t you, ignore this email. Nothing will change."
    )
    return "Confirm your new email address for FlickList", text


def _confirmation_link(mail: Mail, user: User, settings: Settings) -> str:
    token = email_tokens(settings.secret).make(user.id, mail.recipient, user.email_key, user.password_hash)
    return f"{settings.public_url}/account/confirm-email?{urlencode({'token': token})}"


def _password_changed(mail: Mail, user: User, settings: Settings) -> tuple[str, str]:
    text = (
        "The password of your FlickList account was changed. All other browsers were logged out.\n\n"
        f"If it wasn’t you, set a new password: {settings.public_url}/password-reset/"
    )
    return "Your FlickList password was changed", text


def _email_changed(mail: Mail, user: User, settings: Settings) -> tuple[str, str]:
    text = (
        "The email address of your FlickList account was changed. From now on, log in with the new address. "
        "All other browsers were logged out.\n\n"
        f"If it wasn’t you, tell {_who_runs_the_site(settings)}."
    )
    return "Your email address for FlickList was changed", text


def _two_factor_on(mail: Mail, user: User, settings: Settings) -> tuple[str, str]:
    text = (
        "To log in to FlickList, you now need your password and a code from your app. "
        "All other browsers were logged out.\n\n"
        f"If it wasn’t you, tell {_who_runs_the_site(settings)}."
    )
    return "Two-step verification was turned on for FlickList", text


def _two_factor_off(mail: Mail, user: User, settings: Settings) -> tuple[str, str]:
    text = (
        "To log in to FlickList, you now only need your password.\n\n"
        f"If it wasn’t you, set a new password: {settings.public_url}/password-reset/"
    )
    return "Two-step verification was turned off for FlickList", text


def _who_runs_the_site(settings: Settings) -> str:
    """Return whom to tell, with the way to reach them if there is one."""
    contact = settings.contact.text or (f"{settings.public_url}/contact" if settings.contact_page else "")
    return f"the person who runs the site{f' ({contact})' if contact else ''}"


_COMPOSERS: dict[MailKind, Callable[[Mail, User, Settings], tuple[str, str]]] = {
    MailKind.PASSWORD_RESET: _password_reset,
    MailKind.CONFIRM_CURRENT_EMAIL: _confirm_current_email,
    MailKind.CONFIRM_NEW_EMAIL: _confirm_new_email,
    MailKind.PASSWORD_CHANGED: _password_changed,
    MailKind.EMAIL_CHANGED: _email_changed,
    MailKind.TWO_FACTOR_ON: _two_factor_on,
    MailKind.TWO_FACTOR_OFF: _two_factor_off,
}
