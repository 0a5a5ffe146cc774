"""Malformed and hostile requests: each gets a styled 4xx page and changes nothing."""

import io

import pytest
from sqlalchemy import select
from webtest import Upload

from flicklist.models import Import, LoginSession, Movie, User
from flicklist.sanity import BodyInMemoryRequest, drop_malformed_cookies
from flicklist.security.headers import SECURITY_HEADERS
from tests.clients import Client

FORM = "application/x-www-form-urlencoded"
BOUNDARY = "multipart/form-data; boundary=x"


@pytest.fixture
def ask(app, alice):
    """Return a function that sends a raw request, without WebTest's checks, with or without Alice's cookie."""
    alice.add("Heat")
    cookie = f"flicklist={alice.cookies['flicklist']}"

    def ask_raw(method, path, body=b"", *, query="", signed_in=True, **environ):
        answer = {}

        def start_response(status, headers, exc_info=None):
            answer["status"], answer["headers"] = int(status.split()[0]), dict(headers)

        request = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "HTTP_HOST": "localhost",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **({"HTTP_COOKIE": cookie} if signed_in else {}),
            **environ,
        }
        answer["body"] = b"".join(app(request, start_response))
        return answer

    ask_raw.alice = alice
    return ask_raw


@pytest.fixture(params=[True, False], ids=["signed-in", "anonymous"])
def signed_in(request):
    return request.param


def assert_refused(answer, *statuses):
    assert answer["status"] in statuses, answer
    for name, value in SECURITY_HEADERS.items():
        assert answer["headers"][name] == value
    assert b"wordmark" in answer["body"]


def test_other_methods_are_refused_everywhere(ask, signed_in):
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO", "get"):
        for path in ("/", "/login", "/static/x.css", "/nothing"):
            answer = ask(method, path, signed_in=signed_in)
            assert_refused(answer, 405)
            assert answer["headers"]["Allow"] == "GET, HEAD, POST"


def test_path_that_is_not_utf8_is_refused(ask, signed_in):
    for path in ("/\xff", "/watchlists/\xff/", "/static/\xff", "/\xed\xa0\x80", "/1\0", "/static/\0.css", "/a\r\nb"):
        assert_refused(ask("GET", path, signed_in=signed_in), 400)


def test_path_that_is_not_canonical_is_refused(ask, signed_in):
    own = ask.alice.list_path
    for path in (
        f"/static/..{own}1/",
        "/static/../nothing",
        f"{own}../",
        "/./login",
        ".evil.example/",
        "//evil.example/",
        "//login",
        "",
    ):
        assert_refused(ask("GET", path, signed_in=signed_in), 400)


def test_root_of_site_below_prefix_needs_no_slash(ask):
    answer = ask("GET", "", signed_in=False, SCRIPT_NAME="/movies")
    assert (answer["status"], answer["headers"]["Location"]) == (303, "http://localhost/movies/register")


def test_view_has_one_url(ask):
    for path in ("/@@login", "/login/x", "/login/@@x", "/login//"):
        answer = ask("GET", path, signed_in=False)
        assert (answer["status"], answer["headers"]["Location"].partition("?")[0]) == (303, "http://localhost/register")
    assert_refused(ask("GET", f"{ask.alice.list_path}@@watched"), 404)


def test_query_that_is_not_utf8_is_refused(ask, signed_in):
    for query in ("x=%FF", "%FF", "after=%ED%A0%80", "&".join(["a=1"] * 200), "x=%00"):
        for path in ("/login", "/register", "/suggestions", "/nothing"):
            assert_refused(ask("GET", path, query=query, signed_in=signed_in), 400)


def test_long_url_is_refused(ask, signed_in):
    for path in ("/login", "/suggestions", "/nothing", ask.alice.list_path):
        assert_refused(ask("GET", path, query=f"q={'x' * 8_200}", signed_in=signed_in), 414)


BODIES = [
    (b"title=%00", FORM, 400),
    (b"title=%FF", FORM, 400),
    (b"title=%ED%A0%80", FORM, 400),
    (b"title=\xff", FORM, 400),
    (b"&".join([b"a=1"] * 500), FORM, 400),
    (b"title=" + b"x" * 140_000, FORM, 413),
    (b"\n" * 5_000_000, BOUNDARY, 413),
    (b"title=Heat", f"{FORM}; charset=utf-16", 415),
    (b"title=Heat", "text/plain", 415),
    (b'{"title": "Heat"}', "application/json", 415),
    (b'--x\r\nContent-Disposition: form-data; name="csrf_token"; filename="a"\r\n\r\nx\r\n--x--', BOUNDARY, 415),
    (b'--x\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--x--', BOUNDARY, 415),
]


def test_body_that_is_not_a_form_is_refused(ask, signed_in):
    for body, content_type, status in BODIES:
        for path in ("/login", "/register", "/logout", ask.alice.list_path + "add", ask.alice.list_path + "1/rate"):
            assert_refused(ask("POST", path, body, signed_in=signed_in, CONTENT_TYPE=content_type), status)


def test_get_with_other_charset_is_refused(ask, signed_in):
    for charset in ("utf-16", "nothing"):
        for path in ("/login", "/register", "/suggestions", ask.alice.list_path):
            assert_refused(ask("GET", path, signed_in=signed_in, CONTENT_TYPE=f"{FORM}; charset={charset}"), 415)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_form_from_another_site_is_refused_before_it_can_change_cookie(ask, site):
    answer = ask("POST", "/logout", b"", CONTENT_TYPE=FORM, HTTP_SEC_FETCH_SITE=site)
    assert_refused(answer, 403)
    assert "Set-Cookie" not in answer["headers"]


@pytest.mark.parametrize("name", ["Origin", "Referer"])
def test_malformed_origin_or_referer_is_refused(ask, name):
    assert_refused(ask("POST", "/login", **{f"HTTP_{name.upper()}": "https://["}), 400)
    assert_refused(ask("GET", "/login", **{f"HTTP_{name.upper()}": "https://a:b"}), 400)


UNREADABLE_COOKIES = {
    "octal": r'name="Jos\351"',
    "unquoted": r"name=Jos\351",
    "byte": "name=Jos\xe9",
    "quoted byte": 'name="Jos\xe9"',
}
QUOTES_AROUND_PAIRS = r'a="\351; b"'


@pytest.mark.parametrize("foreign", [*UNREADABLE_COOKIES.values(), QUOTES_AROUND_PAIRS])
def test_unreadable_cookie_of_another_application_is_ignored(ask, foreign):
    assert ask("GET", "/login", HTTP_COOKIE=foreign)["status"] == 200
    assert_refused(ask("GET", "/../", HTTP_COOKIE=foreign), 400)


@pytest.mark.parametrize("name", UNREADABLE_COOKIES)
@pytest.mark.parametrize("is_first", [True, False])
def test_unreadable_cookie_of_another_application_logs_nobody_out(ask, name, is_first):
    pairs = [UNREADABLE_COOKIES[name], f"flicklist={ask.alice.cookies['flicklist']}"]
    answer = ask("GET", ask.alice.list_path, HTTP_COOKIE="; ".join(pairs if is_first else pairs[::-1]))
    assert answer["status"] == 200
    assert b"Heat" in answer["body"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("flicklist=abc.d-e_f==", "flicklist=abc.d-e_f=="),
        (
            'a="b";  __Host-flicklist=c ;__Host-flicklist-browser=',
            'a="b"; __Host-flicklist=c; __Host-flicklist-browser=',
        ),
        ("x" * 60_000, ""),
        ("x" * 257 + "=a", ""),
        ("flicklist=" + "x" * 4097, ""),
        ("flicklist=a " + "x" * 60_000, ""),
        ('flicklist="a', ""),
        ('flicklist=a"b', ""),
        ("flicklist=a,b", ""),
        ("flicklist", ""),
        ("=a", ""),
    ],
)
def test_webob_gets_only_well_formed_cookies(sent, kept):
    """WebOb takes 20 seconds for a text of 60,000 characters without "="."""
    request = BodyInMemoryRequest({"HTTP_COOKIE": sent})
    drop_malformed_cookies(request)
    assert request.environ["HTTP_COOKIE"] == kept


def test_long_text_among_the_cookies_logs_nobody_out(ask):
    cookies = f"{'x' * 20_000}; flicklist={ask.alice.cookies['flicklist']}; a={'x' * 20_000}"
    assert ask("GET", ask.alice.list_path, HTTP_COOKIE=cookies)["status"] == 200


OTHERS = [
    "evil.example",
    'a"><script>/x',
    "a, b",
    "",
    "movies.example.evil.example",
    "movies.example..",
    "[::2]",
    "[::1",
]
BEHIND_THE_NAME = ["movies.example:@evil.example", "movies.example:evil", "movies.example:80/../x", "movies.example:"]


@pytest.mark.parametrize("host", OTHERS + BEHIND_THE_NAME)
def test_unknown_host_is_refused(make_app, host):
    person = Client(make_app(hosts="movies.example\nwww.movies.example.\n[::1]"))
    assert person.get("/login", headers={"Host": host}, status=400)
    with_dot = ("movies.example.", "Movies.example.:8080", "www.movies.example.")
    for own in ("Movies.example:8080", "www.movies.example", "[::1]", "[::1]:8080", *with_dot):
        person.get("/login", headers={"Host": own}, status=200)


@pytest.mark.parametrize("host", BEHIND_THE_NAME)
def test_malformed_host_is_refused_with_any_hosts_setting(visitor, host):
    visitor.get("/login", headers={"Host": host}, status=400)


def test_repeated_field_is_refused(alice, db):
    token = alice.csrf_token()
    alice.post(alice.list_path + "add", [("csrf_token", token), ("title", "Heat"), ("title", "Ran")], status=400)
    alice.post(alice.list_path + "add?x=1&x=2", {"csrf_token": token, "title": "Heat"}, status=400)
    alice.get(alice.list_path + "?q=a&q=b", status=400)
    assert db.scalars(select(Movie)).all() == []


def test_hostile_requests_change_nothing(ask, db):
    """Each body has a valid token, so that only the sanity checks can refuse it."""
    token = f"csrf_token={ask.alice.csrf_token()}&".encode()
    counts = [len(db.scalars(select(model)).all()) for model in (User, Movie, LoginSession)]
    for body, content_type, _ in BODIES:
        for path in ("/login", "/register", "/logout", ask.alice.list_path + "add"):
            answer = ask("POST", path, token + body if b"title" in body else body, CONTENT_TYPE=content_type)
            assert answer["status"] in {400, 413, 415}
    db.rollback()
    assert [len(db.scalars(select(model)).all()) for model in (User, Movie, LoginSession)] == counts


NULS = {
    "title": "a\0b",
    "year": "\0",
    "email": "a\0@example.com",
    "password": "\0" * 9,
    "verify": "\0" * 9,
    "rating": "\0",
}
MORE_NULS = {"watched_on": "\0", "note": "\0", "why": "\0", "notes": "\0", "back": "/\0", "next": "/\0", "today": "\0"}
TOKENS = {
    "movie": "\0",
    "token": "\0",
    "invitation": "\0",
    "current_password": "\0",
    "word": "\0",
    "move_to_watchlist": "\0",
}


@pytest.mark.parametrize(
    "path",
    [
        "add",
        "cross-off",
        "rate",
        "1/edit",
        "1/rate",
        "1/viewings/add",
        "/login",
        "/password-reset/",
        "/password-reset/new",
        "/account/change-email",
    ],
)
def test_nul_character_reaches_no_statement(alice, path):
    alice.add("Heat")
    movie_id = alice.movie_path("Heat").rpartition("/")[2]
    path = path if path.startswith("/") else alice.list_path + path.replace("1/", f"{movie_id}/")
    for name, typed in {**NULS, **MORE_NULS, **TOKENS}.items():
        alice.send(path, status=400, **{name: typed})
    query = {**NULS, **MORE_NULS, **TOKENS, "q": "\0", "after": "\0", "before": "\0", "added_from": "\0"}
    for page in (alice.list_path, alice.list_path + "watched", "/suggestions", "/password-reset/new", "/register"):
        for name, typed in query.items():
            alice.get(page, {name: typed}, status=400)


def part(name, content=b"Heat", file_name=None):
    file = b"" if file_name is None else b'; filename="' + file_name + b'"'
    return b'--x\r\nContent-Disposition: form-data; name="' + name + b'"' + file + b"\r\n\r\n" + content + b"\r\n"


END = b"--x--\r\n"
MALFORMED_UPLOADS = {
    "no parts": b"",
    "no end": part(b"file", file_name=b"a.txt"),
    "too many parts": part(b"a") * 20 + END,
    "repeated field": part(b"file", file_name=b"a.txt") * 2 + END,
    "long text field": part(b"file", b"x" * 140_000) + END,
    "text that is not UTF-8": part(b"file", b"\xff") + END,
    "NUL in a text field": part(b"file", b"\0") + END,
    "name that is not UTF-8": part(b"\xff") + END,
    "parts within a part": b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n--y--\r\n" + END,
    "many headers": b"--x\r\n" + b"X-A: b\r\n" * 1000 + b"\r\n\r\n" + END,
    "endless header": b"--x\r\nX-A: " + b"x" * 100_000 + b"\r\n\r\n" + END,
}


@pytest.mark.parametrize("name", MALFORMED_UPLOADS)
def test_malformed_upload_is_refused(ask, db, name):
    token = part(b"csrf_token", ask.alice.csrf_token().encode())
    body = token + MALFORMED_UPLOADS[name]
    assert_refused(ask("POST", ask.alice.list_path + "imports/", body, CONTENT_TYPE=BOUNDARY), 400)
    assert db.scalars(select(Import)).all() == []


@pytest.mark.parametrize("name", [b"back", b"csrf_token"])
@pytest.mark.parametrize("file_name", [b"x", b""])
def test_file_in_a_text_field_is_refused(ask, signed_in, name, file_name):
    body = part(name, file_name=file_name) + END
    answer = ask("POST", f"/watchlists/{'a' * 22}/imports/", body, signed_in=signed_in, CONTENT_TYPE=BOUNDARY)
    assert_refused(answer, 400, 404)
    answer = ask("POST", ask.alice.list_path + "imports/", body, signed_in=signed_in, CONTENT_TYPE=BOUNDARY)
    assert_refused(answer, 400)


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=\xff", '; boundary="\n"'])
def test_upload_without_valid_boundary_is_refused(ask, boundary):
    path, content_type = ask.alice.list_path + "imports/", f"multipart/form-data{boundary}"
    assert_refused(ask("POST", path, part(b"file") + END, CONTENT_TYPE=content_type), 400)


def test_upload_in_several_parts_is_accepted(ask, db):
    token = part(b"csrf_token", ask.alice.csrf_token().encode())
    body = token + part(b"file", b"\0\xff--x", b"a.txt") + END
    answer = ask("POST", ask.alice.list_path + "imports/", body, CONTENT_TYPE=BOUNDARY)
    assert answer["status"] == 303
    assert db.scalars(select(Import.size)).one() == len(b"\0\xff--x")


def test_too_large_upload_is_refused(make_app):
    person = Client(make_app(max_upload_size="100000"))
    person.register("large@example.com")
    page = person.get(person.list_path + "imports/")
    for size, status in ((100_000, 303), (100_001, 400), (300_000, 413)):
        page.forms["upload"]["file"] = Upload("a.txt", b"x" * size)
        answer = page.forms["upload"].submit(status=status)
    assert "Nothing was imported. A file can have at most 0.1 MB." in answer.html.main.text
    assert answer.click("Choose another file").forms["upload"]


def test_too_much_text_is_refused_with_what_to_do(make_app):
    person = Client(make_app())
    person.register("long@example.com")
    page = person.send(person.list_path + "add", title="x" * 140_000, status=413)
    assert page.html.h1.text == "Too much text"
    assert "Nothing was saved. All fields together can have at most 128 kB. Go back" in page.html.main.text


@pytest.mark.parametrize("path", ["imports/1/confirm", "imports", "add", "imports/x/"])
def test_files_are_accepted_at_one_path_only(ask, path):
    status = 404 if path == "imports" else 415
    body = part(b"file", file_name=b"a.txt") + END
    assert ask("POST", ask.alice.list_path + path, body, CONTENT_TYPE=BOUNDARY)["status"] in {status, 400, 403}


def test_upload_of_a_stranger_is_not_parsed(ask, bob):
    path = bob.list_path + "imports/"
    assert_refused(ask("POST", path, b"--x\r\n" * 50, CONTENT_TYPE=BOUNDARY), 404)
