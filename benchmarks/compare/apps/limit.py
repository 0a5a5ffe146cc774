"""The limit: what is left without a framework. Nobody should write a site like this.

A signed cookie, statements through the driver, and rows filled into prepared bytes. No CSRF token and no messages.
"""

import hmac
import os
import sqlite3
import threading
from datetime import datetime
from html import escape
from urllib.parse import parse_qs

import bcrypt
import psycopg
from sqlalchemy import make_url

URL = make_url(os.environ["DATABASE_URL"])
IS_SQLITE = URL.get_backend_name() == "sqlite"
SECRET = b"a secret that is used in benchmarks only"
SCHEMA = f"""
CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(254) UNIQUE, password VARCHAR(200));
CREATE TABLE movies (
    id {"INTEGER" if IS_SQLITE else "SERIAL"} PRIMARY KEY, owner_id INTEGER REFERENCES users, title VARCHAR(200),
    year INTEGER, added_at TIMESTAMP, watched_at TIMESTAMP, rating INTEGER
);
CREATE INDEX movies_of_owner ON movies (owner_id, watched_at, added_at, id)
"""
USER_BY_EMAIL = "SELECT id, password FROM users WHERE email = ?"
EMAIL = "SELECT email FROM users WHERE id = ?"
COUNT = "SELECT count(*) FROM movies WHERE owner_id = ? AND watched_at IS NULL"
PAGE = (
    "SELECT id, title, year FROM movies WHERE owner_id = ? AND watched_at IS NULL "
    "ORDER BY added_at DESC, id DESC LIMIT 50"
)
ADD = "INSERT INTO movies (title, added_at, owner_id) VALUES (?, ?, ?)"
CROSS_OFF = "UPDATE movies SET watched_at = ? WHERE id = ? AND owner_id = ?"
RATE = "UPDATE movies SET rating = ? WHERE id = ? AND owner_id = ?"

LOGIN_FORM = (
    b'<form method="post"><input name="email"><input name="password" type="password"><button>Log in</button></form>'
)
HEAD = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Watchlist - Movies</title></head><body>'
    '<header>%s <form action="/logout" method="post"><button>Log out</button></form></header><main><h1>Watchlist</h1>'
    '<form action="/watchlist/add" method="post"><input name="title"><button>Add</button></form><p>%s to watch</p>'
    '<form method="post"><ul class="movies">'
)
ROW = (
    '<li><a class="title" href="/watchlist/%s/">%s</a> <small>%s</small> '
    '<button class="cross-off" formaction="/watchlist/%s/cross-off" title="I watched it!"></button></li>'
)
TAIL = '</ul></form><nav><a href="?page=2">Next</a></nav></main></body></html>'

of_thread = threading.local()


def hash_password(password):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt()).decode()


def connect():
    if IS_SQLITE:
        return sqlite3.connect(URL.database, isolation_level=None)
    return psycopg.connect(
        dbname=URL.database, user=URL.username, password=URL.password, host=URL.host, port=URL.port, autocommit=True
    )


def create_tables():
    connection = connect()
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    connection.close()


def execute(statement, *values):
    """Run a statement on the connection of this thread."""
    if not hasattr(of_thread, "connection"):
        of_thread.connection = connect()
    return of_thread.connection.execute(statement if IS_SQLITE else statement.replace("?", "%s"), values)


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if environ["REQUEST_METHOD"] == "POST":
        fields = parse_qs(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode())
        headers = log_in(fields) if path == "/login" else change(path, fields, user_id_in(environ))
        start_response("303 See Other", [("Content-Length", "0"), *headers])
        return [b""]
    body = LOGIN_FORM if path == "/login" else watchlist(user_id_in(environ))
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]


def log_in(fields):
    user_id, password_hash = execute(USER_BY_EMAIL, fields["email"][0]).fetchone()
    if not bcrypt.checkpw(fields["password"][0].encode(), password_hash.encode()):
        return [("Location", "/login")]
    return [("Location", "/watchlist/"), ("Set-Cookie", f"user={user_id}.{signature(str(user_id))}; HttpOnly")]


def watchlist(user_id):
    (email,) = execute(EMAIL, user_id).fetchone()
    (count,) = execute(COUNT, user_id).fetchone()
    rows = [ROW % (id_, escape(title), year or "", id_) for id_, title, year in execute(PAGE, user_id)]
    return "".join([HEAD % (email, count), *rows, TAIL]).encode()


def change(path, fields, user_id):
    now = datetime.now().isoformat(" ")
    *_, movie_id, action = path.split("/")
    if action == "add":
        execute(ADD, fields["title"][0], now, user_id)
    elif action == "cross-off":
        execute(CROSS_OFF, now, int(movie_id), user_id)
    else:
        execute(RATE, int(fields["rating"][0]), int(movie_id), user_id)
    return [("Location", "/watchlist/")]


def user_id_in(environ):
    """Return the user id in the cookie. Raises `PermissionError` if its signature is wrong."""
    user_id, _, signed = environ["HTTP_COOKIE"].removeprefix("user=").partition(".")
    if not hmac.compare_digest(signed, signature(user_id)):
        raise PermissionError
    return int(user_id)


def signature(text):
    return hmac.digest(SECRET, text.encode(), "sha256").hex()
