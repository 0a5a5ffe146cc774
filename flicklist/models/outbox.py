"""The outbox: mail to send, stored in the transaction of the change it reports."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.models.meta import Base, BigId, PrimaryKey, UtcDateTime, utc_now
from flicklist.models.user import MAX_EMAIL_LENGTH

FIRST_PAUSE = timedelta(minutes=1)
MAX_ATTEMPTS = 11  # the last attempt is 17 hours after the first


class MailKind(StrEnum):
    """The kinds of mail."""

    PASSWORD_RESET = "password-reset"  # noqa: S105 - a kind of mail
    CONFIRM_NEW_EMAIL = "confirm-email"
    CONFIRM_CURRENT_EMAIL = "confirm-current"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 - a kind of mail
    EMAIL_CHANGED = "email-changed"
    TWO_FACTOR_ON = "two-factor-on"
    TWO_FACTOR_OFF = "two-factor-off"


class Mail(Base):
    """A mail to send. It is composed when it is sent, so that the database contains no link."""

    __tablename__ = "outbox"

    id: Mapped[PrimaryKey]
    kind: Mapped[MailKind] = mapped_column(String(20))
    recipient: Mapped[str] = mapped_column(String(MAX_EMAIL_LENGTH))
    """The email address to send to. For a password reset, an unverified email key that somebody entered."""
    user_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    """The account that the mail is about. None means a password reset, for the account with that email key, if any."""
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now, index=True)

    def claim(self) -> None:
        """Count this attempt and postpone the next one, so that no other process sends the mail now."""
        self.due_at = utc_now() + FIRST_PAUSE * 2**self.attempts
        self.attempts += 1

    @property
    def is_undeliverable(self) -> bool:
        return self.attempts >= MAX_ATTEMPTS
