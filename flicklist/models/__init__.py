"""The tables, and how a request reaches them.

A request that reads (GET, HEAD) has a session on an AUTOCOMMIT connection and no transaction. A request that writes
has one that joins the request's transaction: `pyramid_tm` commits it when the view returns, and aborts it when
anything is raised or when the answer is a 4xx or a 5xx.
"""

import zope.sqlalchemy
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from pyramid_tm import default_commit_veto
from sqlalchemy.orm import Session, sessionmaker

from flicklist import migrations
from flicklist.models.change import Change
from flicklist.models.engines import reading_engine, writing_engine
from flicklist.models.invitation import Invitation
from flicklist.models.login_session import LoginSession
from flicklist.models.meta import Base
from flicklist.models.movie import Movie, Viewing
from flicklist.models.outbox import Mail
from flicklist.models.two_factor import RecoveryCode, TwoFactor
from flicklist.models.user import User

__all__ = [
    "Base",
    "Change",
    "Invitation",
    "LoginSession",
    "Mail",
    "Movie",
    "RecoveryCode",
    "TwoFactor",
    "User",
    "Viewing",
]

READING_METHODS = frozenset({"GET", "HEAD"})


def writes(request: Request) -> bool:
    """Tell whether the request may change something, and so has a transaction."""
    return request.method not in READING_METHODS


def vetoes_commit(request: Request, response: Response) -> bool:
    """Tell whether the request's transaction must be aborted although there is an answer to send."""
    return request.exception is not None or default_commit_veto(request, response)


def includeme(config: Configurator) -> None:
    """Give each request ``dbsession``, and ``dbreader`` for what is to be read outside its transaction."""
    url = config.registry.flicklist.database_url
    if config.registry.flicklist.migrate_at_start:
        migrations.upgrade(url)
    else:
        migrations.require_newest(url)

    settings = config.get_settings()
    settings["tm.manager_hook"] = "pyramid_tm.explicit_manager"
    settings["tm.annotate_user"] = "false"
    settings["tm.activate_hook"] = writes
    settings["tm.commit_veto"] = vetoes_commit
    config.include("pyramid_tm")
    config.include("pyramid_retry")

    new_reader = sessionmaker(reading_engine(url), autoflush=False)
    new_writer = sessionmaker(writing_engine(url))
    config.registry.dbengines = [new_reader.kw["bind"], new_writer.kw["bind"]]

    def dbreader(request: Request) -> Session:
        session = new_reader()
        request.add_finished_callback(lambda request: session.close())
        return session

    def dbsession(request: Request) -> Session:
        if not request.writes:
            return request.dbreader
        session = new_writer()
        zope.sqlalchemy.register(session, transaction_manager=request.tm)
        return session

    config.add_request_method(writes, reify=True)
    config.add_request_method(dbreader, reify=True)
    config.add_request_method(dbsession, reify=True)
