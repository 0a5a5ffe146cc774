"""Devices that are signed in."""

import hashlib
import secrets
from datetime import datetime
from typing import Self

import ua_parser
from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.models.meta import Base, BigId, PrimaryKey, UtcDateTime, utc_now

USER_AGENT_MOST_LENGTH = 200


def token_hash(token: str) -> bytes:
    """Return what the database keeps of a token: SHA-256, enough for 256 random bits."""
    return hashlib.sha256(token.encode()).digest()


class SignIn(Base):
    """One device on which a person is signed in. Without its row, the cookie that names it is worth nothing."""

    __tablename__ = "sign_ins"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    user_agent: Mapped[str] = mapped_column(String(USER_AGENT_MOST_LENGTH))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    @property
    def device(self) -> str:
        """The browser and the system in words, as far as the browser tells: ``Firefox on Linux``."""
        parsed = ua_parser.parse(self.user_agent)
        browser = parsed.user_agent.family if parsed.user_agent else "An unknown browser"
        return f"{browser} on {parsed.os.family}" if parsed.os else browser

    @classmethod
    def start(cls, user_id: int, user_agent: str) -> tuple[str, Self]:
        """Return a new token, for the cookie, and the row that knows it by its hash."""
        token = secrets.token_urlsafe(32)
        agent = user_agent.replace("\0", "")[:USER_AGENT_MOST_LENGTH]
        return token, cls(user_id=user_id, token_hash=token_hash(token), user_agent=agent)
