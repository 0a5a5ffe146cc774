"""Invitations: each lets one person register."""

import secrets
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.models.meta import Base, PrimaryKey, UtcDateTime, token_hash, utc_now

INVITATION_MAX_AGE = timedelta(days=14)


class Invitation(Base):
    """An unused invitation: the hash of the token in its link."""

    __tablename__ = "invitations"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[PrimaryKey]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @classmethod
    def make(cls) -> tuple[str, Self]:
        """Return a new token, for the link, and a row with its hash."""
        token = secrets.token_urlsafe(32)
        return token, cls(token_hash=token_hash(token), expires_at=utc_now() + INVITATION_MAX_AGE)
