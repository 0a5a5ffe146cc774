"""The watchlist in Flask, with Flask-SQLAlchemy, Flask-Login and Flask-WTF, as their tutorials write it."""

import os
from datetime import datetime

from flask import Flask, flash, redirect, render_template, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect, FlaskForm
from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash
from wtforms import IntegerField, PasswordField, StringField
from wtforms.validators import DataRequired, Length, NumberRange

app = Flask(__name__, template_folder="templates/flask")
app.config["SECRET_KEY"] = "a secret that is used in benchmarks only"
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)
login_manager = LoginManager(app)
login_manager.login_view = "login"
CSRFProtect(app)
hash_password = generate_password_hash


class User(UserMixin, db.Model):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    password: Mapped[str] = mapped_column(String(200))


class Movie(db.Model):
    __tablename__ = "movies"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str] = mapped_column(String(200))
    year: Mapped[int | None]
    added_at: Mapped[datetime] = mapped_column(default=datetime.now)
    watched_at: Mapped[datetime | None]
    rating: Mapped[int | None]
    __table_args__ = (Index("movies_of_owner", "owner_id", "watched_at", "added_at", "id"),)


class LoginForm(FlaskForm):
    email = StringField(validators=[DataRequired()])
    password = PasswordField(validators=[DataRequired()])


class AddForm(FlaskForm):
    title = StringField(validators=[DataRequired(), Length(max=200)])


class RatingForm(FlaskForm):
    rating = IntegerField(validators=[NumberRange(1, 5)])


def create_tables():
    with app.app_context():
        db.create_all()


@login_manager.user_loader
def load_user(user_id):
    return db.session.get(User, int(user_id))


@app.route("/login", methods=["GET", "POST"])
def login():
    form = LoginForm()
    if form.validate_on_submit():
        user = db.session.execute(db.select(User).filter_by(email=form.email.data)).scalar_one_or_none()
        if user and check_password_hash(user.password, form.password.data):
            login_user(user)
            return redirect(url_for("watchlist"))
        flash("Wrong email address or password.")
    return render_template("login.html", form=form)


@app.post("/logout")
def logout():
    logout_user()
    return redirect(url_for("login"))


@app.get("/watchlist/")
@login_required
def watchlist():
    movies = db.select(Movie).filter_by(owner_id=current_user.id, watched_at=None)
    page = db.paginate(movies.order_by(Movie.added_at.desc(), Movie.id.desc()), per_page=50)
    return render_template("watchlist.html", page=page, form=AddForm())


@app.post("/watchlist/add")
@login_required
def add():
    form = AddForm()
    if form.validate_on_submit():
        db.session.add(Movie(owner_id=current_user.id, title=form.title.data))
        db.session.commit()
        flash(f"Added {form.title.data}.")
    return redirect(url_for("watchlist"))


@app.get("/watchlist/<int:movie_id>/")
@login_required
def movie(movie_id):
    return render_template("movie.html", movie=own_movie(movie_id), form=RatingForm())


@app.post("/watchlist/<int:movie_id>/cross-off")
@login_required
def cross_off(movie_id):
    movie = own_movie(movie_id)
    movie.watched_at = datetime.now()
    flash(f"You watched {movie.title}.")
    db.session.commit()
    return redirect(url_for("watchlist"))


@app.post("/watchlist/<int:movie_id>/rate")
@login_required
def rate(movie_id):
    movie = own_movie(movie_id)
    form = RatingForm()
    if form.validate_on_submit():
        movie.rating = form.rating.data
        flash(f"You rated {movie.title}.")
        db.session.commit()
    return redirect(url_for("movie", movie_id=movie_id))


def own_movie(movie_id):
    return db.first_or_404(db.select(Movie).filter_by(id=movie_id, owner_id=current_user.id))
