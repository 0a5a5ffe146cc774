"""Leases: work that only one process does at a time."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from flicklist.models.meta import Base, PrimaryKey, UtcDateTime


class Lease(Base):
    """The right to do some work until a time. A process that is killed loses it then."""

    __tablename__ = "leases"

    id: Mapped[PrimaryKey]
    name: Mapped[str] = mapped_column(String(20), unique=True)
    holder: Mapped[str] = mapped_column(String(40))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
