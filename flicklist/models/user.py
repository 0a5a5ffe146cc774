"""People who have an account."""

import secrets
from datetime import datetime

import email_validator
from sqlalchemy import CheckConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.models.meta import Base, PrimaryKey, UtcDateTime, utc_now

MAX_EMAIL_LENGTH = 254  # RFC 5321, 4.5.3.1.3: a path of 256 octets, less its angle brackets
SLUG_BYTES = 16


def new_slug() -> str:
    """Make 22 random URL-safe characters, which nobody can guess (128 bits)."""
    return secrets.token_urlsafe(SLUG_BYTES)


def ascii_email(email: str) -> str:
    """Return an email address as every mail server takes it: ASCII, with an IDNA domain.

    Raises `ValueError` for what is no email address. Letters outside ASCII are refused before the @, since whether
    two of them are the same letter depends on who compares.
    """
    if len(email) > MAX_EMAIL_LENGTH:  # the validator takes seconds over megabytes
        raise ValueError("too long for an email address")
    validated = email_validator.validate_email(email, check_deliverability=False, allow_smtputf8=False)
    if validated.ascii_email is None or len(validated.ascii_email) > MAX_EMAIL_LENGTH:
        raise ValueError("too long for an email address")
    return validated.ascii_email


def email_key(email: str) -> str:
    """Return what two spellings of one address have in common. Raises `ValueError` for what is no email address."""
    return ascii_email(email).lower()


class User(Base):
    """A person: how they log in, and where their watchlist is."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("email_key"),
        UniqueConstraint("watchlist_slug"),
        CheckConstraint(f"length(email) <= {MAX_EMAIL_LENGTH}", name="email_length"),
    )

    id: Mapped[PrimaryKey]
    email: Mapped[str] = mapped_column(String(MAX_EMAIL_LENGTH))
    email_key: Mapped[str] = mapped_column(String(MAX_EMAIL_LENGTH))
    password_hash: Mapped[str] = mapped_column(String(128))
    watchlist_slug: Mapped[str] = mapped_column(String(22), default=new_slug)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
