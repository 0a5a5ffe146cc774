"""Leases, so that only one process at a time does some work, whatever the number of servers."""

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flicklist.models import Lease
from flicklist.models.meta import utc_now


class LeaseLost(Exception):
    """Raised when another process holds the lease, because this one did not renew it in time."""


def acquire(db: Session, name: str, holder: str, duration: timedelta) -> bool:
    """Take a lease that nobody holds, and return whether that succeeded.

    Raises `IntegrityError` if two processes are the first ones at the same moment.
    """
    lease, now = _find(db, name), utc_now()
    if lease is None:
        db.add(Lease(name=name, holder=holder, expires_at=now + duration))
        db.flush()
        return True
    if lease.holder != holder and lease.expires_at > now:
        return False
    lease.holder, lease.expires_at = holder, now + duration
    return True


def is_held(db: Session, name: str) -> bool:
    """Return whether any process holds a lease."""
    return db.scalar(select(Lease.name).where(Lease.name == name, Lease.expires_at > utc_now())) is not None


def renew(db: Session, name: str, holder: str, duration: timedelta) -> None:
    """Extend a lease from now on. Raises `LeaseLost`."""
    lease = _find(db, name)
    if lease is None or lease.holder != holder:
        raise LeaseLost
    lease.expires_at = utc_now() + duration


def release(db: Session, name: str, holder: str) -> None:
    """Give a lease back, if this process still holds it."""
    db.execute(delete(Lease).where(Lease.name == name, Lease.holder == holder))


def _find(db: Session, name: str) -> Lease | None:
    return db.scalar(select(Lease).where(Lease.name == name).with_for_update())
