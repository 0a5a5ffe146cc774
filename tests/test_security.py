"""Security of all pages: headers, cookies, messages, logs, and the claims in docs/security.md."""

import ast
import re
from pathlib import Path

import pytest
from sqlalchemy import select

import flicklist
from flicklist.models import Movie, User
from flicklist.security.headers import SECURITY_HEADERS
from flicklist.services.tokens import MAILED, email_tokens, password_reset_tokens
from flicklist.urls import local_path
from tests.clients import NEW_PASSWORD, PASSWORD, Client, messages
from tests.conftest import SECRET


@pytest.mark.parametrize(("path", "status"), [("/register", 200), ("/", 303), ("/static/nothing", 404)])
def test_every_response_has_security_headers(visitor, path, status):
    response = visitor.get(path, status=status, headers={"Origin": "https://evil.example"})
    for name, value in SECURITY_HEADERS.items():
        assert response.headers[name] == value
    assert not [name for name in response.headers if name.startswith("Access-Control-")]


def test_only_static_files_may_be_cached(alice, visitor):
    assert alice.get(alice.list_path).headers["Cache-Control"] == "no-store"
    assert visitor.get("/").headers["Cache-Control"] == "no-store"
    sheet = alice.get(alice.get(alice.list_path).html.select("link[rel=stylesheet]")[-1]["href"])
    assert "max-age=31536000" in sheet.headers["Cache-Control"]


def test_no_page_has_inline_script_or_style(alice):
    alice.add("Heat")
    alice.cross_off("Heat")
    for path in (alice.list_path, alice.list_path + "watched", "/nothing"):
        html = alice.get(path, status="*").html
        assert not html.select("[style], style, script:not([src])")
        assert not [tag for tag in html.find_all(True) if any(name.startswith("on") for name in tag.attrs)]


@pytest.fixture
def over_https(make_app):
    person = Client(make_app(https="true"), "carol@example.com")
    person.extra_environ = {"wsgi.url_scheme": "https", "HTTP_HOST": "flick.example:443"}
    return person


def test_https_response_has_hsts(over_https, visitor):
    for path in ("/register", "/", "/static/nothing"):
        strict = over_https.get(path, status="*").headers["Strict-Transport-Security"]
        assert strict == "max-age=31536000; includeSubDomains"
    assert "Strict-Transport-Security" not in visitor.get("/register").headers


def test_logging_out_sends_clear_site_data(over_https, alice):
    form = over_https.get("/register", headers={"Referer": "https://flick.example/"}).forms["register"]
    form["email"] = over_https.email
    form["password"] = form["verify"] = PASSWORD
    page = form.submit(headers={"Referer": "https://flick.example/register"}, status=303).follow()
    assert "Clear-Site-Data" not in page.headers
    answer = page.forms["log-out"].submit(headers={"Referer": "https://flick.example/"}, status=303)
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert "Clear-Site-Data" not in alice.log_out().headers  # browsers warn about it over http


def test_https_cookie_is_bound_to_host(over_https):
    cookie = over_https.get("/register").headers["Set-Cookie"]
    assert cookie.startswith("__Host-flicklist=")
    assert all(part in cookie for part in ("; Path=/", "; secure", "; HttpOnly", "; SameSite=Lax"))
    assert "Domain" not in cookie


def test_sites_on_several_ports_of_a_host_keep_their_own_cookies(app):
    browser = Client(app)  # it sends its cookies to every port of the host, as browsers do
    ports = ["localhost", "localhost:8001", "localhost:8002", "[::1]:8002"]
    for number, host in enumerate(ports[:3]):
        browser.extra_environ = {"HTTP_HOST": host}
        browser.register(f"person{number}@example.com")
    for number, host in enumerate(ports[:3]):
        browser.extra_environ = {"HTTP_HOST": host}
        assert browser.get("/account/").html.select_one(".email").text == f"person{number}@example.com"
    of_port = {"flicklist", "flicklist-8001", "flicklist-8002"}
    assert set(browser.cookies) == of_port | {f"{name}-browser" for name in of_port}  # see `known_browser`


@pytest.mark.parametrize(
    ("host", "name"), [("localhost:00080", "flicklist"), ("[::1]:8002", "flicklist-8002"), ("[::1]", "flicklist")]
)
def test_cookie_is_named_after_port(visitor, host, name):
    assert visitor.get("/register", headers={"Host": host}).headers["Set-Cookie"].startswith(f"{name}=")


def test_cookie_is_not_resent_on_every_page(alice):
    alice.get(alice.list_path)  # consumes the welcome message
    assert "Set-Cookie" not in alice.get(alice.list_path).headers
    assert "Set-Cookie" not in alice.get(alice.list_path + "watched").headers


def test_cookie_with_invalid_signature_is_ignored(alice, make_app):
    other = alice.copy()
    other.app = make_app(secret="another secret that is long enough, too: 0123456789 abcdefghijklmnopqrstuv")
    assert not other.is_logged_in


def test_session_from_before_log_in_is_not_logged_in_after(alice, app):
    victim = Client(app)
    victim.get("/login")
    attacker = victim.copy()
    victim.log_in("alice@example.com")
    assert not attacker.is_logged_in


def test_slow_response_from_before_log_out_does_not_log_in_again(alice):
    slow = alice.copy()
    slow.get(slow.list_path)
    alice.log_out()
    for cookie in slow.cookiejar:
        alice.cookiejar.set_cookie(cookie)
    assert not alice.is_logged_in


def test_cookie_stays_small_with_long_messages(alice, visitor, db):
    """Even after many actions without a page in between, and with the token of a reset link in the session."""
    user = db.scalars(select(User)).one()
    bound_to = user.email_key, user.password_hash
    alice.get("/password-reset/new", {"token": password_reset_tokens(SECRET).make(user.id, MAILED, *bound_to)})
    address = f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example"
    alice.get("/account/confirm-email", {"token": email_tokens(SECRET).make(user.id, address, *bound_to)})
    token, path = alice.csrf_token(), alice.list_path

    def send(verb, **fields):
        answer = alice.post(path + verb, {"csrf_token": token, **fields}, status=303)
        assert len(answer.headers.get("Set-Cookie", "")) < 3800  # of 4093: another token still fits

    emoji = "🎬" * 150
    for number in range(6):
        send("add", title=f"{number}{emoji}")
    for number in range(6):
        send("add", title=f"{number}{emoji}")  # is on the list already
    alice.post("/password-reset/", {"csrf_token": token, "email": "x" * 390 + "é"}, status=303)
    movies = db.scalars(select(Movie.id).order_by(Movie.id)).all()
    for movie in movies[:2]:
        send(f"{movie}/remove")
    for number in range(2):
        send("add", title=f"{number}{emoji}")  # offers to restore both
    for number, movie in enumerate(movies[2:]):
        send(f"{movie}/edit", title=f"A{emoji}", year=str(1990 + number))  # mentions the others, too
    send("rate", rating="4")  # no movie is selected
    for number in range(50):
        response = visitor.get(f"/nothing/{number}")
    assert len(response.headers.get("Set-Cookie", "")) < 1000


def test_last_message_is_kept(alice):
    token = alice.csrf_token()
    for title in ("Heat", "Ran", "Amélie"):
        alice.post(alice.list_path + "add", {"csrf_token": token, "title": title}, status=303)
    assert messages(alice.get(alice.list_path))[-1] == "Added “Amélie”."


def test_head_request_consumes_no_message(alice):
    alice.send(alice.list_path + "add", title="Heat")
    alice.head(alice.list_path)
    assert "Added “" in alice.get(alice.list_path)


def test_message_is_shown_once(alice):
    assert "Added “" in alice.add("Heat")
    assert "Added “" not in alice.get(alice.list_path)


@pytest.mark.parametrize("path", ["/", "/watchlists/x/", "/a?b=c&d=%20", "/~x"])
def test_local_path_accepts_only_paths_of_this_site(path):
    assert local_path(path) == path


def test_every_page_shows_email_and_log_out_button(alice):
    for path in (alice.list_path, alice.list_path + "watched", "/nothing"):
        page = alice.get(path, status="*")
        assert page.html.header.select_one(".email").text == "alice@example.com"
        assert page.forms["log-out"]


def test_every_page_has_its_own_title(alice, visitor):
    pages = [
        visitor.get("/register"),
        visitor.get("/login"),
        alice.get(alice.list_path),
        alice.get(alice.list_path + "watched"),
        alice.get("/x", status=404),
    ]
    assert len({page.html.title.text for page in pages}) == len(pages)


def test_password_fields_work_with_password_managers(visitor):
    register, log_in = visitor.get("/register").html, visitor.get("/login").html
    assert [field["autocomplete"] for field in register.select("[type=password]")] == ["new-password", "new-password"]
    assert [field["autocomplete"] for field in log_in.select("[type=password]")] == ["current-password"]


def test_secrets_are_never_in_urls(alice, visitor):
    pages = [visitor.get("/register"), visitor.get("/login"), visitor.get("/password-reset/"), alice.get("/account/")]
    forms = [form for page in pages for form in page.html.select("form")]
    secret = [form for form in forms if form.select("[type=password], [type=email], [name=csrf_token]")]
    assert len(secret) >= 8
    assert {form["method"] for form in secret} == {"post"}


def test_log_of_account_lifetime_contains_no_secrets(make_app, caplog):
    caplog.set_level("DEBUG")
    person = Client(make_app(), "carol-the-first@example.com")
    new = NEW_PASSWORD
    person.register()
    person.add("Heat")
    person.log_out()
    person.fail_to_log_in(password="wrong horse battery")
    person.log_in()
    person.send("/account/change-password", current_password=PASSWORD, password=new, verify=new)
    person.send("/account/export", status=200, current_password=new)
    cookies = [cookie.value for cookie in person.cookiejar]
    person.send("/account/delete", current_password=new, word="delete")
    for secret in (PASSWORD, new, "carol-the-first", "$2b$", *cookies, person.csrf_token()):
        assert secret not in caplog.text


def test_no_sql_is_built_from_strings_and_nothing_is_unpickled():
    """The linter finds SQL in f-strings. This test finds the ways in which SQLAlchemy accepts plain SQL."""
    for path in Path(flicklist.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom | ast.Import)
            for alias in node.names
        }
        assert not imported & {"text", "literal_column", "pickle", "marshal", "shelve"}, path
        plain = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & {"exec_driver_sql"}
        # BEGIN IMMEDIATE, pragmas, SHOW and migrations, which contain no user input.
        assert not plain or path.name in {"db.py", "migrations.py"} or "alembic" in path.parts, path


def test_user_input_is_never_executed():
    for path in Path(flicklist.__file__).parent.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        imported = {
            alias.name for node in nodes if isinstance(node, ast.ImportFrom | ast.Import) for alias in node.names
        }
        called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        # The command of import_process.py is constant.
        allowed = {"subprocess"} if path.name == "import_process.py" else set()
        assert not imported & {"subprocess", "system", "popen", "Template"} - allowed, path
        assert not called & {"eval", "exec", "compile", "__import__"}, path
        assert not attributes & {"system", "popen", "from_string"}, path


@pytest.mark.parametrize(
    "path", ["/.git/config", "/development.ini", "/flicklist.db", "/static/", "{static}/", "{static}/../../settings.py"]
)
def test_only_static_files_are_served_and_no_directory_listing(visitor, path):
    page = visitor.get("/register")
    static = page.html.select("link[rel=stylesheet]")[-1]["href"].rpartition("/")[0]
    assert visitor.get(f"{static}/flicklist.css")
    assert visitor.get(path.format(static=static), status="*").status_int in {303, 400, 404}


SECURITY = Path("docs", "security.md")
# The sections of ASVS 5.0, each with its number of Level 1 and 2 requirements.
ASVS = """
1.1 2, 1.2 9, 1.3 11, 1.4 3, 1.5 2, 2.1 3, 2.2 3, 2.3 4, 2.4 1, 3.2 2, 3.3 4, 3.4 6, 3.5 5, 3.7 2, 4.1 3, 4.2 1, 4.3 2,
4.4 4, 5.1 1, 5.2 3, 5.3 2, 5.4 3, 6.1 3, 6.2 12, 6.3 4, 6.4 4, 6.5 5, 6.6 3, 6.8 4, 7.1 3, 7.2 4, 7.3 2, 7.4 5, 7.5 2,
7.6 2, 8.1 2, 8.2 3, 8.3 1, 8.4 1, 9.1 3, 9.2 4, 11.1 2, 11.2 3, 11.3 3, 11.4 4, 11.5 1, 11.6 1, 12.1 3, 12.2 2, 12.3 4,
13.1 1, 13.2 5, 13.3 2, 13.4 5, 14.1 2, 14.2 4, 14.3 3, 15.1 3, 15.2 3, 15.3 7, 16.1 1, 16.2 5, 16.3 4, 16.4 3, 16.5 3
"""


def test_security_md_answers_every_asvs_row(root):
    document = (root / SECURITY).read_text(encoding="utf-8")
    for section, rows in re.findall(r"([\d.]+) (\d+)", ASVS):
        for row in range(1, int(rows) + 1):
            assert re.search(rf"(?<![\d.]){section}.{row}(?![\d.])", document), f"{section}.{row}"


def test_tests_named_in_documentation_exist(root):
    document = (root / SECURITY).read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)\.(test_\w+)`", document))
    assert len(named) > 60
    for module, test in named:
        texts = [file.read_text(encoding="utf-8") for file in (root / "tests").rglob(f"{module}.py")]
        assert any(f"def {test}(" in text for text in texts), f"{module}.{test}"


def test_site_below_prefix_stays_below_it(visitor):
    response = visitor.get("/", extra_environ={"SCRIPT_NAME": "/movies"}, status=303)
    assert response.location == "http://localhost/movies/register"
    page = visitor.get("/register", extra_environ={"SCRIPT_NAME": "/movies"})
    assert page.forms["register"].action == "/movies/register"
