"""Two-factor authentication: set it up, check its codes, turn it off."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from flicklist.models import RecoveryCode, TwoFactor, User
from flicklist.models.two_factor import new_recovery_codes, recovery_code_hash

_CONFIRMED = select(TwoFactor).where(TwoFactor.user_id == bindparam("user_id"), TwoFactor.confirmed_at.is_not(None))
_RECOVERY_CODES_LEFT = (
    select(func.count(RecoveryCode.id))
    .select_from(TwoFactor)
    .outerjoin(RecoveryCode, RecoveryCode.user_id == TwoFactor.user_id)
    .where(TwoFactor.user_id == bindparam("user_id"), TwoFactor.confirmed_at.is_not(None))
    .group_by(TwoFactor.id)
)


def is_on(db: Session, user_id: int) -> bool:
    return db.scalar(_CONFIRMED, {"user_id": user_id}) is not None


def credentials_if_on(db: Session, user_id: int) -> Any:
    """Return the ``email_key`` and ``password_hash`` of an account, or ``None`` if two-factor authentication is off.

    The token of a pending login is made from them, so that it is worthless once one of them changes.
    """
    on = (User.id == user_id, TwoFactor.confirmed_at.is_not(None))
    return db.execute(select(User.email_key, User.password_hash).join(TwoFactor).where(*on)).one_or_none()


def pending(db: Session, user_id: int) -> TwoFactor | None:
    """Return the row with the key that is not confirmed yet, or ``None``."""
    return db.scalar(select(TwoFactor).where(*_is_pending(user_id)))


def start(db: Session, user_id: int) -> None:
    """Create a new key. It replaces a key that is not confirmed yet."""
    db.execute(delete(TwoFactor).where(*_is_pending(user_id)))
    db.add(TwoFactor(user_id=user_id))


def lock_account(db: Session, user_id: int) -> None:
    """Lock an account until the transaction ends.

    Waits for requests that have locked it, so that later statements see what they wrote.
    """
    db.execute(select(User.id).where(User.id == user_id).with_for_update())


def accept_code(db: Session, user_id: int, code: str) -> bool:
    """Use up a code of the person's app. Return ``False`` if it is wrong or was used before."""
    factor = db.scalar(_CONFIRMED, {"user_id": user_id})
    step = factor and factor.valid_step(code)
    if step is None:
        return False
    unused = (TwoFactor.user_id == user_id, TwoFactor.last_step < step)
    used = update(TwoFactor).where(*unused).values(last_step=step).returning(TwoFactor.id)
    return db.scalar(used) is not None


def accept_recovery_code(db: Session, user_id: int, code: str) -> bool:
    """Use up a recovery code. Return ``False`` if it is wrong or was used before."""
    same = (RecoveryCode.user_id == user_id, RecoveryCode.code_hash == recovery_code_hash(code))
    return db.scalar(delete(RecoveryCode).where(*same).returning(RecoveryCode.id)) is not None


def renew_recovery_codes(db: Session, user_id: int) -> list[str]:
    """Return new recovery codes. The old ones stop working."""
    codes = new_recovery_codes()
    db.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    db.add_all(RecoveryCode(user_id=user_id, code_hash=recovery_code_hash(code)) for code in codes)
    return codes


def unused_recovery_codes(db: Session, user_id: int, codes: Sequence[str]) -> list[str]:
    """Return those of the codes that are unused recovery codes of the person."""
    hashes = {code: recovery_code_hash(code) for code in codes}
    unused = select(RecoveryCode.code_hash).where(
        RecoveryCode.user_id == user_id, RecoveryCode.code_hash.in_(hashes.values())
    )
    found = set(db.scalars(unused))
    return [code for code in codes if hashes[code] in found]


def recovery_codes_left(db: Session, user_id: int) -> int | None:
    """Return the number of unused recovery codes, or ``None`` if two-factor authentication is off."""
    return db.scalar(_RECOVERY_CODES_LEFT, {"user_id": user_id})


def turn_off(db: Session, user_id: int) -> bool:
    """Delete the key and the recovery codes. Return whether two-factor authentication was on."""
    was_on = is_on(db, user_id)
    for table in (RecoveryCode, TwoFactor):
        db.execute(delete(table).where(table.user_id == user_id))
    return was_on


def _is_pending(user_id: int) -> tuple[ColumnElement[bool], ...]:
    return TwoFactor.user_id == user_id, TwoFactor.confirmed_at.is_(None)
