"""The watchlist in Pyramid, with traversal, ACLs, SQLAlchemy and Jinja2, as its tutorials write it."""

import os
import sys
from datetime import datetime

import bcrypt
import zope.sqlalchemy
from pyramid.authentication import SessionAuthenticationHelper
from pyramid.authorization import ACLHelper, Allow, Authenticated, Everyone
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import RequestLocalCache
from pyramid.security import forget, remember
from pyramid.session import SignedCookieSessionFactory
from pyramid.view import forbidden_view_config, view_config
from sqlalchemy import ForeignKey, Index, String, create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

PER_PAGE = 50


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password: Mapped[str] = mapped_column(String(200))


class Movie(Base):
    __tablename__ = "movies"
    __parent__ = None
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str] = mapped_column(String(200))
    year: Mapped[int | None]
    added_at: Mapped[datetime] = mapped_column(default=datetime.now)
    watched_at: Mapped[datetime | None]
    rating: Mapped[int | None]
    __table_args__ = (Index("movies_of_owner", "owner_id", "watched_at", "added_at", "id"),)

    @property
    def __name__(self):
        return str(self.id)


class Root:
    __name__ = ""
    __parent__ = None

    def __init__(self, request):
        self.request = request

    def __getitem__(self, name):
        if name == "watchlist" and self.request.identity:
            return Watchlist(self, self.request)
        raise KeyError(name)


class Watchlist:
    __name__ = "watchlist"

    def __init__(self, root, request):
        self.__parent__ = root
        self.request = request
        self.owner = request.identity

    def __acl__(self):
        return [(Allow, f"user:{self.owner.id}", ("view", "edit"))]

    def __getitem__(self, name):
        if not name.isdecimal():
            raise KeyError(name)
        own = select(Movie).where(Movie.id == int(name), Movie.owner_id == self.owner.id)
        movie = self.request.dbsession.scalars(own).one_or_none()
        if movie is None:
            raise KeyError(name)
        movie.__parent__ = self
        return movie


class SecurityPolicy:
    def __init__(self):
        self.helper = SessionAuthenticationHelper()
        self.acl = ACLHelper()
        self.identity_cache = RequestLocalCache(self.load_identity)

    def load_identity(self, request):
        user_id = self.helper.authenticated_userid(request)
        return request.dbsession.get(User, user_id) if user_id else None

    def identity(self, request):
        return self.identity_cache.get_or_create(request)

    def authenticated_userid(self, request):
        user = self.identity(request)
        return user.id if user else None

    def permits(self, request, context, permission):
        user = self.identity(request)
        principals = [Everyone] + ([Authenticated, f"user:{user.id}"] if user else [])
        return self.acl.permits(context, principals, permission)

    def remember(self, request, userid, **options):
        return self.helper.remember(request, userid, **options)

    def forget(self, request, **options):
        return self.helper.forget(request, **options)


def hash_password(password):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt()).decode()


def create_tables():
    Base.metadata.create_all(create_engine(os.environ["DATABASE_URL"]))


@forbidden_view_config()
def forbidden(request):
    return HTTPSeeOther(request.resource_url(request.root, "login"))


@view_config(context=Root, name="login", renderer="apps:templates/pyramid/login.jinja2")
def login(context, request):
    if request.method == "POST":
        user = request.dbsession.scalars(select(User).where(User.email == request.POST["email"])).one_or_none()
        if user and bcrypt.checkpw(request.POST["password"].encode(), user.password.encode()):
            headers = remember(request, user.id)
            return HTTPSeeOther(request.resource_url(context, "watchlist", ""), headers=headers)
        request.session.flash("Wrong email address or password.")
    return {}


@view_config(context=Root, name="logout", request_method="POST")
def logout(context, request):
    return HTTPSeeOther(request.resource_url(context, "login"), headers=forget(request))


@view_config(
    context=Watchlist, request_method="GET", permission="view", renderer="apps:templates/pyramid/watchlist.jinja2"
)
def watchlist(context, request):
    number = max(int(request.params.get("page", 1)), 1)
    listed = select(Movie).where(Movie.owner_id == context.owner.id, Movie.watched_at.is_(None))
    total = request.dbsession.scalar(select(func.count()).select_from(listed.subquery()))
    page = listed.order_by(Movie.added_at.desc(), Movie.id.desc()).limit(PER_PAGE).offset((number - 1) * PER_PAGE)
    movies = request.dbsession.scalars(page).all()
    for movie in movies:
        movie.__parent__ = context
    return {"movies": movies, "total": total, "number": number, "has_next": number * PER_PAGE < total}


@view_config(context=Watchlist, name="add", request_method="POST", permission="edit")
def add(context, request):
    title = request.POST.get("title", "").strip()
    if 0 < len(title) <= 200:
        request.dbsession.add(Movie(owner_id=context.owner.id, title=title))
        request.session.flash(f"Added {title}.")
    return HTTPSeeOther(request.resource_url(context))


@view_config(context=Movie, request_method="GET", permission="view", renderer="apps:templates/pyramid/movie.jinja2")
def movie_page(context, request):
    return {"movie": context}


@view_config(context=Movie, name="cross-off", request_method="POST", permission="edit")
def cross_off(context, request):
    context.watched_at = datetime.now()
    request.session.flash(f"You watched {context.title}.")
    return HTTPSeeOther(request.resource_url(context.__parent__))


@view_config(context=Movie, name="rate", request_method="POST", permission="edit")
def rate(context, request):
    if request.POST.get("rating") in {"1", "2", "3", "4", "5"}:
        context.rating = int(request.POST["rating"])
        request.session.flash(f"You rated {context.title}.")
    return HTTPSeeOther(request.resource_url(context))


def main(global_config, **settings):
    with Configurator(settings=settings, root_factory=Root) as config:
        new_session = sessionmaker(create_engine(os.environ["DATABASE_URL"]))

        def dbsession(request):
            session = new_session()
            zope.sqlalchemy.register(session, transaction_manager=request.tm)
            return session

        config.include("pyramid_jinja2")
        config.include("pyramid_retry")
        config.include("pyramid_tm")
        config.add_request_method(dbsession, reify=True)
        config.set_session_factory(SignedCookieSessionFactory("a secret that is used in benchmarks only"))
        config.set_default_csrf_options(require_csrf=True)
        config.set_security_policy(SecurityPolicy())
        config.scan(sys.modules[__name__])
        return config.make_wsgi_app()


app = main({}, **{"tm.manager_hook": "pyramid_tm.explicit_manager"})
