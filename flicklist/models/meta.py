"""The declarative base, column types and helpers of all tables."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Dialect, Identity, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase, mapped_column
from sqlalchemy.types import TypeDecorator


class Base(DeclarativeBase):
    """The declarative base. Constraints are named by convention, so that migrations can refer to them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    def __init_subclass__(cls, **options: Any) -> None:
        # Without this, SQLite reuses ids, and an undone change could not restore rows with their ids.
        cls.__table_args__ = (*getattr(cls, "__table_args__", ()), {"sqlite_autoincrement": True})
        super().__init_subclass__(**options)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, even on SQLite, which stores no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)


def iso_format(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def to_json(value: Any) -> str:
    """Return JSON without ASCII escapes, so that notes in other scripts take at most half of the bytes."""
    return json.dumps(value, ensure_ascii=False)


def token_hash(token: str) -> bytes:
    """Return the SHA-256 of a token, which is enough for at least 112 random bits (ASVS 5.0, 6.5.2)."""
    return hashlib.sha256(token.encode()).digest()


# SQLite generates ids only for columns of type INTEGER, spelled like that.
BigId = BigInteger().with_variant(Integer, "sqlite")
PrimaryKey = Annotated[int, mapped_column(BigId, Identity(), primary_key=True)]
