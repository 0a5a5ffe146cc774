"""Two-factor authentication: time-based codes (TOTP, RFC 6238) and recovery codes."""

import base64
import hmac
import secrets
import time
from datetime import datetime

import pyotp
from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.models.meta import Base, BigId, PrimaryKey, UtcDateTime, token_hash, utc_now

ISSUER = "FlickList"
STEP_SECONDS = 30  # RFC 6238, 5.2: the recommended step, and the only one that all apps support
STEP_OFFSETS = (0, -1, 1)  # RFC 6238, 5.2: one step back for network delay, one forward for a fast clock
RECOVERY_CODES = 8
RECOVERY_CODE_BYTES = 15  # 120 bits, so that a plain hash is enough
_GROUP = 4


class TwoFactor(Base):
    """The key shared with a person's app. Until `confirmed_at` is set, no code is asked for."""

    __tablename__ = "two_factor"
    __table_args__ = (UniqueConstraint("user_id"),)

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(32), default=pyotp.random_base32)
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def key_in_groups(self) -> str:
        return in_groups(self.key)

    def otpauth_uri(self, email: str) -> str:
        """Return the ``otpauth://`` URI for the QR code."""
        return pyotp.TOTP(self.key).provisioning_uri(name=email, issuer_name=ISSUER)

    def valid_step(self, code: str) -> int | None:
        """Return the time step of a valid code, or ``None``. Steps up to the last used one are not valid."""
        code = code.replace(" ", "")
        now = int(time.time()) // STEP_SECONDS
        otp = pyotp.HOTP(self.key)
        steps = (now + offset for offset in STEP_OFFSETS)
        return next((step for step in steps if step > self.last_step and _equals(otp.at(step), code)), None)

    def confirm(self, step: int) -> None:
        self.last_step = step
        self.confirmed_at = utc_now()


class RecoveryCode(Base):
    """The hash of a code that logs a person in once without the app."""

    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(BigId, ForeignKey("users.id", ondelete="CASCADE"))
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32))


def new_recovery_codes() -> list[str]:
    """Return random codes in groups of four characters."""
    return [in_groups(_recovery_code()) for _ in range(RECOVERY_CODES)]


def _recovery_code() -> str:
    """Return a code in base 32, which has no 0, 1, 8 or 9 to confuse with letters."""
    return base64.b32encode(secrets.token_bytes(RECOVERY_CODE_BYTES)).decode().lower()


def recovery_code_hash(code: str) -> bytes:
    """Return the hash of a code, ignoring case, spaces and punctuation."""
    return token_hash("".join(char for char in code.lower() if char.isalnum()))


def in_groups(text: str) -> str:
    """Return the text in groups of four characters, which are easier to read and type."""
    return " ".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def _equals(code: str, typed: str) -> bool:
    return hmac.compare_digest(code.encode(), typed.encode("utf-8", "surrogatepass"))
