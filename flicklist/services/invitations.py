"""Invitations: create, check and use them."""

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from flicklist.models import Invitation
from flicklist.models.meta import token_hash, utc_now
from flicklist.services.queries import read_and_release


def create(db: Session) -> str:
    """Create an invitation and return its token, for a link."""
    token, invitation = Invitation.make()
    db.add(invitation)
    return token


def is_valid(read_db: Session, token: str) -> bool:
    """Return whether an invitation can still be used."""
    return read_and_release(read_db, select(Invitation.id).where(_is_usable(token))) is not None


def use(db: Session, token: str) -> bool:
    """Use up an invitation. Return ``False`` if it was not valid."""
    used = delete(Invitation).where(_is_usable(token)).returning(Invitation.id)
    return db.scalar(used) is not None


def _is_usable(token: str) -> ColumnElement[bool]:
    return (Invitation.token_hash == token_hash(token)) & (Invitation.expires_at > utc_now())
