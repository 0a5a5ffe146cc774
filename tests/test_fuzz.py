"""Random requests cause no server error and change no rows of other people.

Hypothesis sends random methods, paths, headers, bodies and combinations of fields to every view, anonymously and as
Bob, an attacker who is logged in. FLICKLIST_TEST_REQUESTS sets the number of requests, FLICKLIST_TEST_SECONDS the
time limit.
"""

import io
import os
import time
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from flicklist.models import Change, Import, LoginSession, Movie, User, Viewing
from flicklist.security.headers import SECURITY_HEADERS
from tests.clients import PASSWORD, Client, rows_of
from tests.test_access import TABLE

REQUESTS = int(os.environ.get("FLICKLIST_TEST_REQUESTS", "1000"))
SECONDS = int(os.environ.get("FLICKLIST_TEST_SECONDS", "300"))
REQUESTS_AT_ONCE = 10
OWN_TOKEN = "the token of the session"

PLACES = {
    "Root": "/",
    "TouchIconResource": "/apple-touch-icon.png",
    "WellKnownResource": "/.well-known/",
    "PasswordResetResource": "/password-reset/",
    "AccountResource": "/account/",
    "TwoFactorResource": "/account/two-factor/",
    "LoginSessionsResource": "/account/login-sessions/",
    "LoginSessionResource": "/account/login-sessions/{login_session}/",
    "WatchlistResource": "{list_path}",
    "MovieResource": "{list_path}{movie}/",
    "ViewingsResource": "{list_path}{movie}/viewings/",
    "ViewingResource": "{list_path}{movie}/viewings/{viewing}/",
    "ChangesResource": "{list_path}changes/",
    "ChangeResource": "{list_path}changes/{change}/",
    "ImportsResource": "{list_path}imports/",
    "ImportResource": "{list_path}imports/{import}/",
}
FIELDS = [
    *("title", "year", "why", "notes", "version", "rating", "movie", "back", "next", "today", "watched_on", "note"),
    "button_date",
    *(
        "move_to_watchlist",
        "email",
        "password",
        "verify",
        "current_password",
        "word",
        "token",
        "code",
        "invitation",
        "id",
        "owner_id",
    ),
    *("select", "viewing"),
    *("film", "original_title", "directors", "runtime", "genres", "countries", "imdb_id", "tmdb_id", "letterboxd_uri"),
    *(
        "genre",
        "max_runtime",
        "tag",
        "tags",
        "q",
        "sort",
        "after",
        "before",
        "decade",
        "rated",
        "min_rating",
        "added_from",
        "added_to",
        "watched_from",
        "outcome",
        "file",
        "listed",
        "x",
    ),
]
TYPED = [
    *(
        "",
        "0",
        "1",
        "-1",
        "4.5",
        "1995",
        "2009-07",
        "2009-02-30",
        "yesterday",
        "03/04/2021",
        "9223372036854775807",
        "9223372036854775808",
        "9" * 900,
    ),
    *(
        "Heat",
        "Gigli",
        "é" * 300,
        "🎬" * 200,
        "\0",
        "\r\nX: y",
        "\u202e",
        "\ud800",
        "١",
        "ﷺ" * 100,
        "%s",
        "' OR 1=1 --",
    ),
    *(
        "alice@example.com",
        "bob",
        "a" * 250 + "@example.com",
        PASSWORD,
        "delete",
        "000000",
        "/",
        "//evil.example",
        "/\\e",
    ),
    *("javascript:alert(1)", "W10", "WzFd", "WyIiLCIiXQ", "e30", "=", "title", "watched", "yes", "<script>", OWN_TOKEN),
]
FORM = "application/x-www-form-urlencoded"
WITHOUT_CHARSET = {"application/json", "application/manifest+json", "image/png", "image/svg+xml", "image/x-icon"}
ODD_TYPES = [
    *(f"{FORM}; charset=utf-16", f"{FORM}; charset=nothing", "multipart/form-data", "multipart/form-data; boundary=x"),
    *("application/json", "text/plain", "", ";", "\xff"),
]
MULTIPART_BODIES = [
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nHeat (1995)\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nHeat\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="\xff"; filename="\0"\r\n\r\n\0\r\n--x--\r\n',
    b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n--y--\r\n--x--\r\n",
    b"--x\r\n" * 20,
]
HEADERS = {
    "HTTP_HOST": ["localhost", "", "evil.example", 'a"><script>/x', "localhost:99999", "a, b", "[::1", "\xff"],
    "HTTP_ORIGIN": ["null", "https://[", "http://localhost", "http://evil.example", "\xff"],
    "HTTP_REFERER": ["https://[", "http://localhost/", "//", "\xff"],
    "HTTP_COOKIE": ["", "flicklist=", "flicklist=x; flicklist=y", "a=\xff", "=", ";" * 500],
    "HTTP_USER_AGENT": ["", "\0", "x" * 5000, "\xff", "\r\nX: y"],
    "HTTP_X_FORWARDED_FOR": ["1.2.3.4", "x", "::1"],
    "HTTP_X_FORWARDED_PROTO": ["https"],
    "HTTP_X_HTTP_METHOD_OVERRIDE": ["DELETE"],
    "HTTP_X_CSRF_TOKEN": ["x", OWN_TOKEN, "\xff"],
    "HTTP_X_REQUESTED_WITH": ["XMLHttpRequest"],
    "HTTP_HX_REQUEST": ["true"],
    "HTTP_ACCEPT": ["application/json", "x", "\xff", "*/*;q=x"],
    "HTTP_ACCEPT_LANGUAGE": ["x;q=9", "\xff"],
    "HTTP_IF_MODIFIED_SINCE": ["x", "Thu, 01 Jan 1970 00:00:00 GMT", "9" * 99],
    "HTTP_IF_NONE_MATCH": ["*", '"x'],
    "HTTP_RANGE": ["bytes=0-", "bytes=-1", "x"],
    "HTTP_EXPECT": ["100-continue"],
    "HTTP_TRANSFER_ENCODING": ["chunked"],
    "REMOTE_ADDR": ["", "x", "2001:db8::1"],
    "CONTENT_LENGTH": ["", "0"],  # never more than the body has: waitress does not pass on truncated bodies
}
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO", "get", ""]
SUFFIXES = [b"", b"/", b"//", b"/..", b"/x", b"%FF", b"%00", b"%2e%2e/", b"/-1/", b"/0/", b"/" + b"9" * 50, b"/@@rate"]


def mostly(usual, *odd):
    """Draw the usual value in seven of eight cases."""
    return st.integers(0, 7).flatmap(lambda number: st.one_of(*odd) if number == 0 else usual)


@dataclass(frozen=True)
class RequestTemplate:
    """A request with placeholders for the ids of rows, which are not known yet."""

    view: tuple[str, str, str]
    whose: str
    suffix: bytes
    method: str | None
    query: list[tuple[str, str]]
    fields: list[tuple[str, str]]
    body: bytes | None
    content_type: str
    headers: dict[str, str]
    has_token: bool


fields = st.lists(
    st.tuples(st.sampled_from(FIELDS), st.one_of(st.sampled_from(TYPED), st.text(max_size=20))), max_size=5
)
headers = st.lists(
    st.sampled_from(sorted(HEADERS)).flatmap(lambda name: st.tuples(st.just(name), st.sampled_from(HEADERS[name]))),
    max_size=3,
).map(dict)
templates = st.builds(
    RequestTemplate,
    view=st.sampled_from(sorted(TABLE)),
    whose=st.sampled_from(["alice", "bob"]),
    suffix=mostly(st.just(b""), st.sampled_from(SUFFIXES), st.binary(max_size=8)),
    method=mostly(st.none(), st.sampled_from(METHODS)),
    query=mostly(st.just([]), fields),
    fields=fields,
    body=mostly(st.none(), st.binary(max_size=50), st.sampled_from(MULTIPART_BODIES)),
    content_type=mostly(st.just(FORM), st.sampled_from(ODD_TYPES)),
    headers=mostly(st.just({}), headers),
    has_token=mostly(st.just(True), st.just(False)),
)


class RandomClient:
    """A client that sends any request, and keeps its cookies."""

    def __init__(self, app, *, signed_in):
        self.app = app
        self.signed_in = signed_in
        self.number = 0
        self.start_again()

    def start_again(self):
        """Start again: anonymously, or as a new Bob whose movie has all kinds of data."""
        self.person = Client(self.app)
        if self.signed_in:
            self.number += 1
            self.person.register(f"bob{self.number}@example.com")
            self.person.add("Heat")
            self.person.cross_off("Heat")
            self.person.upload("Ran (1985)")
        self.token = self.person.csrf_token()
        self.cookie = "; ".join(f"{name}={value}" for name, value in self.person.cookies.items())

    def send(self, template, rows):
        environ = environ_of(template, rows[template.whose], self.token if template.has_token else "x")
        environ.setdefault("HTTP_COOKIE", self.cookie)
        status, sent, body = call(self.app, environ)
        self.check(status, sent, body, environ)
        for name, value in sent:
            if name.lower() == "set-cookie":
                self.cookie = value.partition(";")[0]

    @staticmethod
    def check(status, sent, body, environ):
        shown = {name: value for name, value in environ.items() if not name.startswith("wsgi.")}
        assert status < 500, (status, shown)
        found = dict(sent)
        assert all(found[name] == value for name, value in SECURITY_HEADERS.items()), (status, shown)
        assert b"Traceback" not in body, shown
        content_type = found.get("Content-Type", "")
        assert not body or content_type in WITHOUT_CHARSET or "; charset=" in content_type, shown
        assert found.get("Location", "http://localhost/").startswith(("http://localhost/", "http://localhost:")), shown


def environ_of(template, rows, token):
    resource, name, method = template.view
    path = (PLACES[resource].format(**rows) + name).encode() + template.suffix
    pairs = [*template.fields, ("csrf_token", token)] if token else template.fields
    body = encode(pairs, token) if template.body is None else template.body
    sends_body = (template.method or method) == "POST"
    return {
        "REQUEST_METHOD": method if template.method is None else template.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": encode(template.query, token).decode() + ("%FF" if b"%FF" in template.suffix else ""),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": template.content_type,
        "CONTENT_LENGTH": str(len(body)) if sends_body else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body if sends_body else b""),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{name: token if value == OWN_TOKEN else value for name, value in template.headers.items()},
    }


def encode(pairs, token):
    typed = [(name, token if value == OWN_TOKEN else value) for name, value in pairs]
    return "&".join(
        f"{name}={quote_from_bytes(value.encode('utf-8', 'surrogatepass'))}" for name, value in typed
    ).encode()


def call(app, environ):
    answer = []

    def start_response(status, headers, exc_info=None):
        answer[:] = [int(status.split()[0]), headers]

    chunks = app(environ, start_response)
    body = b"".join(chunks)
    if hasattr(chunks, "close"):
        chunks.close()
    return (*answer, body)


def ids_of(db, person):
    """Return the ids of a person's rows that occur in paths."""
    user_id = db.scalars(select(User.id).where(User.email == person.email)).first()
    numbers = {
        "movie": select(Movie.id).where(Movie.owner_id == user_id),
        "viewing": select(Viewing.id).join(Movie).where(Movie.owner_id == user_id),
        "change": select(Change.id).where(Change.owner_id == user_id).order_by(Change.id.desc()),
        "import": select(Import.id).where(Import.owner_id == user_id).order_by(Import.id.desc()),
        "login_session": select(LoginSession.id).where(LoginSession.user_id == user_id),
    }
    found = {name: db.scalars(statement).first() or 0 for name, statement in numbers.items()}
    return {"list_path": person.list_path or "/watchlists/", **found}


@pytest.mark.parametrize("signed_in", [False, True], ids=["anonymous", "signed-in"])
def test_random_requests_cause_no_error_and_change_no_rows_of_others(make_app, db, alice, signed_in, record_property):
    alice.add("Heat", "1995")
    alice.cross_off("Heat")
    alice.rate("Heat", "4.5")
    alice.upload("Ran (1985)")
    alice_id = db.scalars(select(User.id).where(User.email == alice.email)).one()
    before, alices_ids = rows_of(db, alice_id), ids_of(db, alice)
    client = RandomClient(make_app(hosts="localhost"), signed_in=signed_in)
    end, sent = time.monotonic() + SECONDS, []

    @settings(
        max_examples=REQUESTS // (2 * REQUESTS_AT_ONCE),
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(templates, min_size=REQUESTS_AT_ONCE, max_size=REQUESTS_AT_ONCE))
    def send_all(batch):
        if time.monotonic() > end:
            return
        if signed_in:
            client.start_again()
        db.rollback()
        rows = {"alice": alices_ids, "bob": ids_of(db, client.person)}
        for template in batch:
            client.send(template, rows)
            sent.append(template)
        db.rollback()
        assert rows_of(db, alice_id) == before, batch

    send_all()
    record_property("requests", len(sent))
    assert alice.is_logged_in
    assert len(sent) >= REQUESTS // 2, f"only {len(sent)} requests in {SECONDS} seconds"
