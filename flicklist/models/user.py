"""Users: people with an account."""

import secrets
from datetime import datetime

import email_validator
from sqlalchemy import CheckConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.models.meta import Base, PrimaryKey, UtcDateTime, utc_now

MAX_EMAIL_LENGTH = 254  # RFC 5321, 4.5.3.1.3: a path of 256 octets, minus the angle brackets
SLUG_BYTES = 16
# Domains of networks at home (RFC 6762, RFC 8375, RFC 6761). The validator refuses them, because mail from the Internet
# does not reach them. Its entry "arpa" is replaced by the two that are names of IP addresses.
HOME_DOMAINS = ("local", "home.arpa", "localhost")
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = [
    *(name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name not in {*HOME_DOMAINS, "arpa"}),
    "in-addr.arpa",
    "ip6.arpa",
]


def new_slug() -> str:
    """Return 22 random URL-safe characters (128 bits)."""
    return secrets.token_urlsafe(SLUG_BYTES)


def ascii_email(email: str) -> str:
    """Return an email address as every mail server accepts it: in ASCII, with an IDNA domain.

    Raises `ValueError` if it is not valid. The part before the @ must be ASCII, because there is no common rule for
    comparing other letters.
    """
    if len(email) > MAX_EMAIL_LENGTH:  # the validator takes seconds for megabytes
        raise ValueError("too long for an email address")
    needs_dot = not email.lower().endswith("@localhost")
    validated = email_validator.validate_email(
        email, check_deliverability=False, allow_smtputf8=False, globally_deliverable=needs_dot
    )
    if validated.ascii_email is None or len(validated.ascii_email) > MAX_EMAIL_LENGTH:
        raise ValueError("too long for an email address")
    return validated.ascii_email


def email_key(email: str) -> str:
    """Return the normalized form of an email address. Raises `ValueError` if it is not valid."""
    return ascii_email(email).lower()


class User(Base):
    """A person, their credentials, and the slug of their watchlist's URL."""

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
    email_confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the person showed that mail to this address reaches them. None if they have not done so yet."""
    known_browsers_version: Mapped[int] = mapped_column(server_default="0")
    """A browser is known if its cookie has this version. A new version makes all of them unknown."""
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    """When the person deleted the account. The clean-up deletes what is left of it, and last this row."""


IS_DELETED = User.deleted_at.is_not(None)
