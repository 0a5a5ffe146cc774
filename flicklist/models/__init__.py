"""The tables. They know nothing of the web: no module here imports Pyramid."""

from flicklist.models.change import Change
from flicklist.models.invitation import Invitation
from flicklist.models.lease import Lease
from flicklist.models.login_session import LoginSession
from flicklist.models.meta import Base
from flicklist.models.movie import Movie, Viewing
from flicklist.models.movie_import import Import, ImportChunk, ImportRow, ImportSnapshot
from flicklist.models.outbox import Mail
from flicklist.models.two_factor import RecoveryCode, TwoFactor
from flicklist.models.user import User

__all__ = [
    "Base",
    "Change",
    "Import",
    "ImportChunk",
    "ImportRow",
    "ImportSnapshot",
    "Invitation",
    "Lease",
    "LoginSession",
    "Mail",
    "Movie",
    "RecoveryCode",
    "TwoFactor",
    "User",
    "Viewing",
]
