"""The watchlist in Flask, with the care that FlickList takes for its page: this shows what is due to the framework.

Columns instead of entities, statements built once, no transaction, a form and a token for the whole list, and URLs that
rows append to. The rest is the plain application.
"""

from flask import render_template, request, url_for
from flask_login import UserMixin, current_user, login_required
from flask_wtf.csrf import generate_csrf
from sqlalchemy import bindparam, create_engine, func, select

from apps.flask_plain import AddForm, Movie, User, app, create_tables, db, hash_password, login_manager

__all__ = ["app", "create_tables", "hash_password"]

PER_PAGE = 50
USER = select(User.id, User.email).where(User.id == bindparam("user_id"))
IS_LISTED = Movie.owner_id == bindparam("owner_id"), Movie.watched_at.is_(None)
COUNT = select(func.count()).select_from(Movie).where(*IS_LISTED)
PAGE = (
    select(Movie.id, Movie.title, Movie.year)
    .where(*IS_LISTED)
    .order_by(Movie.added_at.desc(), Movie.id.desc())
    .limit(PER_PAGE)
    .offset(bindparam("offset"))
)
with app.app_context():
    reader = create_engine(db.engine.url, isolation_level="AUTOCOMMIT")


class Person(UserMixin):
    def __init__(self, user_id, email):
        self.id = user_id
        self.email = email


@login_manager.user_loader
def load_user(user_id):
    with reader.connect() as connection:
        row = connection.execute(USER, {"user_id": int(user_id)}).one_or_none()
    return Person(*row) if row else None


@login_required
def watchlist():
    number = max(request.args.get("page", 1, type=int), 1)
    owner = {"owner_id": current_user.id}
    with reader.connect() as connection:
        total = connection.scalar(COUNT, owner)
        movies = connection.execute(PAGE, {**owner, "offset": (number - 1) * PER_PAGE}).all()
    return render_template(
        "careful_watchlist.html",
        form=AddForm(),
        movies=movies,
        total=total,
        number=number,
        has_next=number * PER_PAGE < total,
        list_url=url_for("watchlist"),
        token=generate_csrf(),
    )


app.view_functions["watchlist"] = watchlist
