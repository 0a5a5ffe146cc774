"""The tree that the site is: what lies at each address, who may do what there, and the queries that find it.

An access control list guards the *path*; every query is scoped by the owner of the path, which ties the *row* to it.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pyramid.authorization import DENY_ALL, Allow, Authenticated
from pyramid.config import Configurator
from pyramid.request import Request
from sqlalchemy import ColumnElement, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from flicklist import models
from flicklist.finding import Find, Sort
from flicklist.models import Movie, User
from flicklist.models.change import KEPT, MOST_KEPT, is_as, snapshot
from flicklist.models.meta import utc_now
from flicklist.models.movie import (
    IS_LISTED,
    IS_REMOVED,
    IS_TO_WATCH,
    IS_WATCHED,
    REMOVED_KEPT,
    NoRoom,
    movie_key,
    title_key,
)
from flicklist.models.second_factor import new_recovery_codes, recovery_code_hash
from flicklist.models.sign_in import LASTS, token_hash
from flicklist.paging import Keyset, Page, Where
from flicklist.security import Permission, lasting, principal_of
from flicklist.tokens import Tokens

UNDONE = "as before"

AccessControlList = list[tuple[str, str, Any]]


class EmailTaken(Exception):
    """An account with that email exists."""


class AlreadyListed(Exception):
    """The movie is on the list already, or was removed from it not long ago."""

    def __init__(self, movie: Movie) -> None:
        super().__init__(movie.title)
        self.movie = movie


class IsRemoved(Exception):
    """The movie was removed from its list; it has to be restored first."""

    def __init__(self, movie: Movie) -> None:
        super().__init__(movie.title)
        self.movie = movie


class Resource:
    """A place in the tree. It knows the request, its parent and its row; what a script would do too is the row's."""

    def __init__(self, parent: "Root | Resource", name: str) -> None:
        self.__parent__ = parent
        self.__name__ = name
        self.request: Request = parent.request

    @property
    def dbsession(self) -> Session:
        return self.request.dbsession


class Root:
    """``/``: the way in."""

    __parent__ = None
    __name__ = ""

    def __init__(self, request: Request) -> None:
        self.request = request

    def __acl__(self) -> AccessControlList:
        return [(Allow, Authenticated, Permission.VIEW), DENY_ALL]

    def __getitem__(self, name: str) -> Resource:
        return {"account": Account, "watchlists": Watchlists}[name](self, name)

    def own_watchlist(self) -> "Watchlist":
        """Return the list of the person who is signed in."""
        return Watchlists(self, "watchlists")[self.request.identity.watchlist_slug]

    def credentials(self, email_key: str | None) -> tuple[int, str] | None:
        """Return the user's id and password hash."""
        row = _read_and_let_go(self.request, _CREDENTIALS, email_key=email_key)
        return row and (row.id, row.password_hash)

    def register(self, user: User) -> None:
        """Store a new person. Raises `EmailTaken`, also when somebody else is just faster."""
        try:
            with self.request.dbsession.begin_nested():
                self.request.dbsession.add(user)
        except IntegrityError as error:
            if self.request.dbsession.scalar(_CREDENTIALS, {"email_key": user.email_key}) is None:
                raise
            raise EmailTaken from error

    def accept(self, invitation: str) -> bool:
        """Use an invitation up. Return whether it was one, and nobody had used it."""
        return self.request.dbsession.execute(delete(models.Invitation).where(_is_usable(invitation))).rowcount == 1

    def is_invitation(self, invitation: str) -> bool:
        """Tell whether an invitation can still be used."""
        usable = select(models.Invitation.id).where(_is_usable(invitation))
        return _read_and_let_go(self.request, usable) is not None

    def person_of(self, reset_token: str) -> Any:
        """Return the id, email key and password hash of the person who may set another password with this token."""
        return self._claimant(self.request.reset_tokens, reset_token)

    def person_half_way(self, log_in_token: str) -> Any:
        """Return the id and password hash of the person who has typed their password, and whose code is to come."""
        return self._claimant(self.request.log_in_tokens, log_in_token)

    def _claimant(self, tokens: Tokens, token: str) -> Any:
        """Find the person to whom a token was given, if their email and password are still what they were."""
        claim = tokens.read(token)
        row = claim and _read_and_let_go(self.request, _PASSWORD, user_id=claim[0])
        return row if row is not None and tokens.fits(token, row.email_key, row.password_hash) else None

    def log_in_token(self, user_id: int) -> str | None:
        """Make the token with which a person whose password was right goes on to the code, if they use one."""
        row = self.request.dbsession.execute(_HALF_WAY, {"user_id": user_id}).one_or_none()
        return row and self.request.log_in_tokens.make(user_id, "", row.email_key, row.password_hash)

    def accept_code(self, user_id: int, code: str) -> bool:
        """Use a code of the person's app up. Return whether it was one of now, and nobody had used it."""
        factor = self.request.dbsession.scalar(_SECOND_FACTOR, {"user_id": user_id})
        step = factor and factor.step_of(code)
        if step is None:
            return False
        factors = models.SecondFactor
        unused = (factors.user_id == user_id, factors.last_step < step)
        return self.request.dbsession.execute(update(factors).where(*unused).values(last_step=step)).rowcount == 1

    def accept_recovery_code(self, user_id: int, code: str) -> bool:
        """Use a recovery code up. Return whether it was one, and nobody had used it."""
        codes = models.RecoveryCode
        same = (codes.user_id == user_id, codes.code_hash == recovery_code_hash(code))
        return self.request.dbsession.execute(delete(codes).where(*same)).rowcount == 1

    def end_sign_ins(self, user_id: int) -> None:
        self.request.dbsession.execute(delete(models.SignIn).where(models.SignIn.user_id == user_id))

    def settle_password(self, user_id: int, known_hash: str, password_hash: str) -> bool:
        """Give a person another password hash, or the same; return whether they still had the known one.

        The hash was read before the transaction. This locks the row and looks again, so that of two who come with one
        password or one token, only the first succeeds, and nobody gets in with a password that was just replaced.
        """
        known = (User.id == user_id, User.password_hash == known_hash)
        settled = update(User).where(*known).values(password_hash=password_hash)
        return self.request.dbsession.execute(settled).rowcount == 1


class Account(Resource):
    """``/account/``: the signed-in person's own account."""

    def __acl__(self) -> AccessControlList:
        return [(Allow, Authenticated, (Permission.VIEW, Permission.EDIT)), DENY_ALL]

    def __getitem__(self, name: str) -> "SignIns | SecondFactor":
        places: dict[str, SignIns | SecondFactor] = {"sign-ins": self.sign_ins, "second-factor": self.second_factor}
        return places[name]

    @property
    def sign_ins(self) -> "SignIns":
        return SignIns(self, "sign-ins")

    @property
    def second_factor(self) -> "SecondFactor":
        return SecondFactor(self, "second-factor")

    @property
    def user_id(self) -> int:
        return self.request.identity.user_id

    def password_hash(self) -> str:
        return _read_and_let_go(self.request, _PASSWORD, user_id=self.user_id).password_hash

    def change_email(self, email: str, key: str) -> None:
        """Give the account another email address. Raises `EmailTaken`."""
        try:
            with self.dbsession.begin_nested():
                self.dbsession.execute(update(User).where(User.id == self.user_id).values(email=email, email_key=key))
        except IntegrityError as error:
            raise EmailTaken from error

    def confirmed_email(self, token: str) -> str | None:
        """Return the email address that a token confirms, if it is this person's and they still have the old one."""
        tokens = self.request.email_tokens
        claim = tokens.read(token)
        if claim is None or claim[0] != self.user_id:
            return None
        present = self.request.dbreader.scalars(select(User.email_key).where(User.id == self.user_id)).one()
        return claim[1] if tokens.fits(token, present) else None

    def movies(self) -> Sequence[Movie]:
        """Find all movies of the person, with their viewings, in the order in which they were added."""
        own = select(Movie).where(Movie.owner_id == self.user_id).order_by(Movie.added_at, Movie.id)
        return self.request.dbreader.scalars(own.options(selectinload(Movie.viewings))).all()

    def delete(self) -> None:
        """Delete the account, and with it, by cascade, all that refers to it."""
        self.dbsession.execute(delete(User).where(User.id == self.user_id))


class SignIns(Resource):
    """``/account/sign-ins/``: the devices on which the person is signed in."""

    def __getitem__(self, name: str) -> "SignIn":
        if self.request.identity is None:
            raise KeyError(name)
        return SignIn(self, name, _one_or_key_error(self._find(self.others, models.SignIn.id == row_id(name)), name))

    def all(self) -> Sequence[models.SignIn]:
        return self._find()

    def end_others(self) -> None:
        self.dbsession.execute(delete(models.SignIn).where(self.others))

    @property
    def others(self) -> ColumnElement[bool]:
        """Say whether a row is a sign-in of the person, and not the one of this request."""
        return self._own & (models.SignIn.id != self.request.identity.sign_in_id)

    @property
    def _own(self) -> ColumnElement[bool]:
        return models.SignIn.user_id == self.request.identity.user_id

    def _find(self, *criteria: ColumnElement[bool]) -> Sequence[models.SignIn]:
        newest_first = models.SignIn.last_seen_at.desc(), models.SignIn.id.desc()
        found = select(models.SignIn).where(self._own, LASTS, *criteria).order_by(*newest_first)
        # Outside the transaction, which waits until the password has been hashed that is asked for next.
        return self.request.dbreader.scalars(found, lasting(self.request, utc_now())).all()


class SignIn(Resource):
    """``/account/sign-ins/7/``: another device on which the person is signed in."""

    def __init__(self, parent: SignIns, name: str, sign_in: models.SignIn) -> None:
        super().__init__(parent, name)
        self.sign_ins = parent
        self.sign_in = sign_in

    def end(self) -> None:
        self.dbsession.execute(
            delete(models.SignIn).where(self.sign_ins.others, models.SignIn.id == row_id(self.__name__))
        )


class SecondFactor(Resource):
    """``/account/second-factor/``: the code that is asked for after the password, where the person wants that."""

    def __init__(self, account: Account, name: str) -> None:
        super().__init__(account, name)
        self.account = account

    @property
    def user_id(self) -> int:
        return self.account.user_id

    @property
    def is_on(self) -> bool:
        return self.dbsession.scalar(_SECOND_FACTOR, {"user_id": self.user_id}) is not None

    def begun(self) -> models.SecondFactor | None:
        """Return what the person has begun to set up, and not yet confirmed with a code."""
        return self.dbsession.scalar(select(models.SecondFactor).where(*self._begun))

    @property
    def _begun(self) -> tuple[ColumnElement[bool], ...]:
        return models.SecondFactor.user_id == self.user_id, models.SecondFactor.confirmed_at.is_(None)

    def start(self) -> None:
        """Make a key, in place of one that was never confirmed."""
        self.dbsession.execute(delete(models.SecondFactor).where(*self._begun))
        self.dbsession.add(models.SecondFactor(user_id=self.user_id))

    def turn_off(self) -> bool:
        """Return whether it was on, or begun."""
        factors, codes = models.SecondFactor, models.RecoveryCode
        self.dbsession.execute(delete(codes).where(codes.user_id == self.user_id))
        turned_off = delete(factors).where(factors.user_id == self.user_id).returning(factors.id)
        return self.dbsession.scalar(turned_off) is not None

    def renew_codes(self) -> list[str]:
        """Return new recovery codes; the old ones are worth nothing from now on."""
        codes = new_recovery_codes()
        self.dbsession.execute(delete(models.RecoveryCode).where(models.RecoveryCode.user_id == self.user_id))
        hashes = [models.RecoveryCode(user_id=self.user_id, code_hash=recovery_code_hash(code)) for code in codes]
        self.dbsession.add_all(hashes)
        return codes

    def take_turn(self) -> None:
        """Wait for another click, or for a log-in that is under way, so that what it made is there to be replaced."""
        self.dbsession.execute(select(User.id).where(User.id == self.user_id).with_for_update())

    def codes_left(self) -> int | None:
        """Count the recovery codes; ``None`` where no second factor is on."""
        return self.dbsession.scalar(_CODES_LEFT, {"user_id": self.user_id})


class Watchlists(Resource):
    """``/watchlists/``: nothing is to be seen here but the lists below."""

    def __getitem__(self, slug: str) -> "Watchlist":
        if not re.fullmatch(r"[\w-]{22}", slug, re.ASCII):
            raise KeyError(slug)
        identity = self.request.identity
        if identity is not None and identity.watchlist_slug == slug:  # nearly always; saves the page a statement
            return Watchlist(self, slug, identity.user_id)
        owner_id = self.request.dbreader.scalar(_OWNER, {"slug": slug})
        if owner_id is None:
            raise KeyError(slug)
        return Watchlist(self, slug, owner_id)


class Watchlist(Resource):
    """``/watchlists/pX3v…/``: one person's movies, and nobody else's business."""

    def __init__(self, parent: Watchlists, slug: str, owner_id: int) -> None:
        super().__init__(parent, slug)
        self.owner_id = owner_id

    def __acl__(self) -> AccessControlList:
        return [(Allow, principal_of(self.owner_id), (Permission.VIEW, Permission.EDIT)), DENY_ALL]

    def __getitem__(self, name: str) -> "Entry | Changes":
        if name == "changes":
            return Changes(self, name)
        return Entry(self, name, _one_or_key_error(self.movies([row_id(name)]), name))

    def movies(self, ids: Sequence[int]) -> Sequence[Movie]:
        """Find movies of this list, in the order of their ids; removed ones too, while they can be restored."""
        statement = (
            select(Movie)
            .where(Movie.owner_id == self.owner_id, Movie.id.in_(ids), ~_is_gone())
            .order_by(Movie.id)
            .options(selectinload(Movie.viewings))
        )
        if self.request.writes:  # so that what a row is now is what it is when it is changed
            statement = statement.with_for_update(of=Movie)
        return self.dbsession.scalars(statement).all()

    def to_watch(self, sort: Sort, where: Where, find: Find) -> tuple[Page, int]:
        """Read a page of ``(id, title, year, why)``, and count the list."""
        return self._page(_TO_WATCH, sort, where, find.criteria(self.request.settings.time_zone))

    def watched(self, sort: Sort, where: Where, find: Find) -> tuple[Page, int]:
        """Read a page of ``(id, title, year, rating, last_seen_on)``, and count the list."""
        return self._page(_WATCHED, sort, where, find.criteria(self.request.settings.time_zone))

    def removed(self, where: Where) -> tuple[Page, int]:
        """Read a page of ``(id, title, year, removed_at)``, and count the list."""
        return self._page(_REMOVED, Sort.REMOVED, where, [~_is_gone()])

    def _page(
        self, orders: dict[Sort, Keyset], sort: Sort, where: Where, criteria: list[ColumnElement[bool]]
    ) -> tuple[Page, int]:
        keyset, scope = orders[sort], {"owner_id": self.owner_id}
        page = keyset.page(self.dbsession, scope, where, criteria)
        if page.is_whole_list:
            return page, len(page.rows)
        return page, keyset.count(self.dbsession, scope, criteria)

    def add(self, title: str, year: int | None) -> Movie:
        """Write down a movie to watch. Raises `AlreadyListed`, also when another click is just faster, and `NoRoom`."""
        self.dbsession.execute(delete(Movie).where(Movie.owner_id == self.owner_id, _is_gone()))
        if self._is_full():
            raise NoRoom(f"You have {self.request.settings.most_movies:,} movies, and there is no room for more.")
        movie = Movie(title=title, year=year, owner_id=self.owner_id)
        try:
            with self.dbsession.begin_nested():
                self.dbsession.add(movie)
        except IntegrityError:
            same = (Movie.owner_id == self.owner_id, Movie.key == movie_key(title, year))
            listed = self.dbsession.scalar(select(Movie).where(*same))
            if listed is None:
                raise
            raise AlreadyListed(listed) from None
        return movie

    def _is_full(self) -> bool:
        last = select(Movie.id).where(Movie.owner_id == self.owner_id).offset(self.request.settings.most_movies - 1)
        return self.dbsession.scalar(last.limit(1)) is not None

    def settle(self, movie: Movie, rename: Callable[[], None]) -> None:
        """Give a movie another title or year, also one that another movie of the list has."""
        try:
            with self.dbsession.begin_nested():
                rename()
        except IntegrityError:
            with self.dbsession.no_autoflush:
                rename()
                movie.set_apart()

    def namesakes(self, movie: Movie) -> Sequence[Movie]:
        """Find the other movies of the same title, of whatever year."""
        title = title_key(movie.title)
        # A key is the title and " (year)"; the parenthesis that closes follows the one that opens.
        keys = (Movie.key >= f"{title} (") & (Movie.key < f"{title} )")
        others = (Movie.owner_id == self.owner_id, Movie.id != movie.id, IS_LISTED)
        found = self.dbsession.scalars(select(Movie).where(*others, keys).order_by(Movie.year))
        return [other for other in found if title_key(other.title) == title]  # not "Heat (Director's cut)"

    def change(self, movies: Sequence[Movie], verb: Callable[[Movie], None], outcome: str) -> "Change | None":
        """Do something to movies, and note how those were that it changed, so that it can be undone.

        Return that. Where nothing changes, return what did just this before, if it can still be undone: it is then
        the second click of two.
        """
        snapshots = [(movie, snapshot(movie)) for movie in movies]
        for movie in movies:
            verb(movie)
        changed = [(movie, before) for movie, before in snapshots if not is_as(movie, before)]
        if not changed:
            return self._same_change(movies, outcome)
        with self.dbsession.no_autoflush:
            self._forget_old_changes()
            noted = {"owner_id": self.owner_id, "outcome": outcome, "before": [before for _, before in changed]}
            change = self.dbsession.scalars(insert(models.Change).values(noted).returning(models.Change)).one()
        for movie, _ in changed:
            movie.change_id = change.id
        return Change(Changes(self, "changes"), str(change.id), change)

    def _same_change(self, movies: Sequence[Movie], outcome: str) -> "Change | None":
        ids = {movie.change_id for movie in movies}
        same = (models.Change.owner_id == self.owner_id, models.Change.outcome == outcome, models.Change.id.in_(ids))
        change = self.dbsession.scalars(select(models.Change).where(*same)).first() if len(ids) == 1 else None
        if change is None or change.movie_ids != [movie.id for movie in movies]:
            return None
        return Change(Changes(self, "changes"), str(change.id), change)

    def _forget_old_changes(self) -> None:
        changes = models.Change
        own = changes.owner_id == self.owner_id
        newest_first = select(changes.created_at).where(own).order_by(changes.created_at.desc())
        last_kept = newest_first.offset(MOST_KEPT - 1).limit(1).scalar_subquery()
        is_old = (changes.created_at < utc_now() - KEPT) | (changes.created_at <= last_kept)
        self.dbsession.execute(delete(changes).where(own, is_old).execution_options(synchronize_session=False))


class Entry(Resource):
    """``/watchlists/pX3v…/42/``: one movie on a list. Its list says who may do what."""

    def __init__(self, parent: Watchlist, name: str, movie: Movie) -> None:
        super().__init__(parent, name)
        self.watchlist = parent
        self.movie = movie

    def __getitem__(self, name: str) -> "Viewings":
        return {"viewings": Viewings}[name](self, name)

    def change(self, verb: Callable[[Movie], None], outcome: str) -> "Change | None":
        """Do something to the movie; see `Watchlist.change`. Raises `IsRemoved`."""
        if self.movie.is_removed:
            raise IsRemoved(self.movie)
        return self.watchlist.change([self.movie], verb, outcome)

    def edit(self, title: str, year: int | None, why: str, notes: str) -> "Change | None":
        """Write other words about the movie. Raises `IsRemoved`."""

        def write(movie: Movie) -> None:
            self.watchlist.settle(movie, partial(movie.name, title, year))
            movie.describe(why, notes)

        return self.change(write, "saved")


class Viewings(Resource):
    """``/watchlists/pX3v…/42/viewings/``: the times one movie was seen."""

    def __init__(self, parent: Entry, name: str) -> None:
        super().__init__(parent, name)
        self.entry = parent

    def __getitem__(self, name: str) -> "Viewing":
        viewing_id = row_id(name)
        return Viewing(
            self, name, _one_or_key_error([v for v in self.entry.movie.viewings if v.id == viewing_id], name)
        )


class Viewing(Resource):
    """``/watchlists/pX3v…/42/viewings/3/``: one time it was seen."""

    def __init__(self, parent: Viewings, name: str, viewing: models.Viewing) -> None:
        super().__init__(parent, name)
        self.entry = parent.entry
        self.viewing = viewing


class Changes(Resource):
    """``/watchlists/pX3v…/changes/``: what was done to the list, for as long as it can be undone."""

    def __init__(self, parent: Watchlist, name: str) -> None:
        super().__init__(parent, name)
        self.watchlist = parent

    def __getitem__(self, name: str) -> "Change":
        own = (models.Change.owner_id == self.watchlist.owner_id, models.Change.id == row_id(name))
        return Change(
            self, name, _one_or_key_error(self.dbsession.scalars(select(models.Change).where(*own)).all(), name)
        )


class Change(Resource):
    """``/watchlists/pX3v…/changes/5/``: something that was done to one or more movies."""

    def __init__(self, parent: Changes, name: str, change: models.Change) -> None:
        super().__init__(parent, name)
        self.watchlist = parent.watchlist
        self.change = change

    def undo(self) -> tuple[list[Movie], "Change | None"]:
        """Make the movies what they were, but for those that were changed again since.

        Return them, and the change that this was, which can be undone in its turn.
        """
        movies = [movie for movie in self.watchlist.movies(self.change.movie_ids) if movie.change_id == self.change.id]
        if not movies:
            return [], None
        try:
            with self.dbsession.begin_nested():
                return movies, self.watchlist.change(movies, self.change.bring_back, UNDONE)
        except IntegrityError:  # another movie has taken a title meanwhile
            return movies, self.watchlist.change(movies, self._settle, UNDONE)

    def _settle(self, movie: Movie) -> None:
        self.watchlist.settle(movie, partial(self.change.bring_back, movie))


def row_id(name: str) -> int:
    """Read a segment of a path as the id of a row. Raises `KeyError` for all but its one canonical spelling."""
    if not re.fullmatch(r"[1-9][0-9]{0,17}", name, re.ASCII):
        raise KeyError(name)
    return int(name)


def _read_and_let_go(request: Request, statement: Any, **parameters: Any) -> Any:
    """Read a row, or ``None``, and give the connection back: what follows is a password hash, which takes its time."""
    row = request.dbreader.execute(statement, parameters).one_or_none()
    request.dbreader.rollback()
    return row


def _is_usable(invitation: str) -> ColumnElement[bool]:
    """Say whether a row is this invitation, and it can still be used."""
    return (models.Invitation.token_hash == token_hash(invitation)) & (models.Invitation.expires_at > utc_now())


def _one_or_key_error(rows: Sequence[Any], name: str) -> Any:
    if not rows:
        raise KeyError(name)
    return rows[0]


def path_to(request: Request, resource: "Root | Resource", *elements: str, query: Any = None) -> str:
    """Return the absolute path of a resource, or of a view or a row below it, below where the site is mounted."""
    return request.resource_url(resource, *elements, query=query, app_url=request.script_name)


def includeme(config: Configurator) -> None:
    config.set_root_factory(Root)
    config.add_request_method(path_to)


def _is_gone() -> ColumnElement[bool]:
    """Say whether a movie was removed so long ago that it cannot be restored any more."""
    return IS_REMOVED & (Movie.removed_at < utc_now() - REMOVED_KEPT)


_OWN = Movie.owner_id == bindparam("owner_id")
_CREDENTIALS = select(User.id, User.password_hash).where(User.email_key == bindparam("email_key"))
_PASSWORD = select(User.id, User.email_key, User.password_hash).where(User.id == bindparam("user_id"))
_SECOND_FACTOR = select(models.SecondFactor).where(
    models.SecondFactor.user_id == bindparam("user_id"), models.SecondFactor.confirmed_at.is_not(None)
)
_CODES_LEFT = (
    select(func.count(models.RecoveryCode.id))
    .select_from(models.SecondFactor)
    .outerjoin(models.RecoveryCode, models.RecoveryCode.user_id == models.SecondFactor.user_id)
    .where(models.SecondFactor.user_id == bindparam("user_id"), models.SecondFactor.confirmed_at.is_not(None))
    .group_by(models.SecondFactor.id)
)
_HALF_WAY = _PASSWORD.join(models.SecondFactor).where(models.SecondFactor.confirmed_at.is_not(None))
_OWNER = select(User.id).where(User.watchlist_slug == bindparam("slug"))

_TO_WATCH_ROWS = select(Movie.id, Movie.title, Movie.year, Movie.why).where(_OWN, IS_TO_WATCH)
_WATCHED_ROWS = select(Movie.id, Movie.title, Movie.year, Movie.rating, Movie.last_seen_on).where(_OWN, IS_WATCHED)
_REMOVED_ROWS = select(Movie.id, Movie.title, Movie.year, Movie.removed_at).where(_OWN, IS_REMOVED)
_TO_WATCH = {
    Sort.ADDED: Keyset(_TO_WATCH_ROWS, Movie.added_at, Movie.id, descending=True),
    Sort.OLDEST: Keyset(_TO_WATCH_ROWS, Movie.added_at, Movie.id, descending=False),
    Sort.TITLE: Keyset(_TO_WATCH_ROWS, Movie.sort_title, Movie.id, descending=False),
    Sort.YEAR: Keyset(_TO_WATCH_ROWS, Movie.sort_year, Movie.id, descending=True),
}
_WATCHED = {
    Sort.WATCHED: Keyset(_WATCHED_ROWS, Movie.last_seen_on, Movie.watched_at, Movie.id, descending=True),
    Sort.RATING: Keyset(_WATCHED_ROWS, Movie.sort_rating, Movie.id, descending=True),
    Sort.TITLE: Keyset(_WATCHED_ROWS, Movie.sort_title, Movie.id, descending=False),
    Sort.YEAR: Keyset(_WATCHED_ROWS, Movie.sort_year, Movie.id, descending=True),
    Sort.ADDED: Keyset(_WATCHED_ROWS, Movie.added_at, Movie.id, descending=True),
}
_REMOVED = {Sort.REMOVED: Keyset(_REMOVED_ROWS, Movie.removed_at, Movie.id, descending=True)}
