"""Login sessions: one for each browser in which a person is logged in."""

import secrets
from datetime import datetime, timedelta
from typing import Any, Self

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint, bindparam
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.models.meta import Base, BigId, PrimaryKey, UtcDateTime, token_hash, utc_now

MAX_USER_AGENT_LENGTH = 200
MAX_BROWSER_LENGTH = 100
# A session whose start is more than this in the future was created with a wrong clock and is not accepted.
CLOCK_TOLERANCE = timedelta(days=2)


class LoginSession(Base):
    """One logged-in browser. Deleting the row logs it out, whatever cookie it has."""

    __tablename__ = "login_sessions"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    browser: Mapped[str] = mapped_column(String(MAX_BROWSER_LENGTH))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utc_now)

    @classmethod
    def start(cls, user_id: int, user_agent: str) -> tuple[str, Self]:
        """Return a new token, for the cookie, and a row with its hash."""
        token = secrets.token_urlsafe(32)
        return token, cls(user_id=user_id, token_hash=token_hash(token), browser=browser_name(user_agent))


def browser_name(user_agent: str) -> str:
    """Return the browser and operating system of a User-Agent header, such as ``Firefox on Linux``.

    It is stored, because parsing takes 2 ms.
    """
    import ua_parser  # noqa: PLC0415 - the first login can wait for it, the start should not

    parsed = ua_parser.parse(user_agent.replace("\0", "")[:MAX_USER_AGENT_LENGTH])
    name = parsed.user_agent.family if parsed.user_agent else "An unknown browser"
    return (f"{name} on {parsed.os.family}" if parsed.os else name)[:MAX_BROWSER_LENGTH]


IS_ACTIVE = LoginSession.created_at.between(bindparam("oldest_start"), bindparam("newest_start")) & (
    LoginSession.last_seen_at > bindparam("oldest_visit")
)


def active_at(now: datetime, days: int, idle_days: int) -> dict[str, Any]:
    """Return the parameters of `IS_ACTIVE`: sessions end after `days`, or after `idle_days` without a visit."""
    return {
        "oldest_start": now - timedelta(days=days),
        "newest_start": now + CLOCK_TOLERANCE,
        "oldest_visit": now - timedelta(days=idle_days),
    }
