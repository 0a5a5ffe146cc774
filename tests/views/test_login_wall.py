"""The login wall: an anonymous visitor learns nothing about lists and movies."""

import pytest

from tests.clients import PASSWORD, Client, follow_refusal, messages, wanted_page

CONTINUE = "Log in or create an account to continue."


def test_first_visit_redirects_to_register_without_message(visitor):
    response = visitor.get("/", status=303)
    assert response.location == "http://localhost/register"
    assert messages(response.follow()) == []


@pytest.mark.parametrize(
    "path", ["/watchlists/", "/watchlists/x/", "/watchlists/x/1/", "/nothing", "/nothing/at/all", "/login/more"]
)
def test_every_page_redirects_anonymous_visitor_to_register_with_reason(visitor, path):
    response = visitor.get(path, status=303)
    assert wanted_page(response) == path
    page = response.follow()
    assert messages(page, "info") == [CONTINUE]
    assert messages(page, "error") == []


@pytest.mark.parametrize("registration", ["invitation", "closed"])
def test_login_wall_offers_no_account_if_registration_is_not_open(make_app, registration):
    visitor = Client(make_app(registration=registration))
    assert messages(visitor.get("/watchlists/x/", status=303).follow(), "info") == ["Log in to continue."]


def test_login_wall_links_to_log_in_page_and_keeps_wanted_page(alice, app):
    page = Client(app).get(alice.list_path + "watched", status=303).follow()
    log_in = page.click("Log in", linkid=None, index=-2)
    assert page.html.select_one(".message.info a")["href"] == log_in.request.path_qs
    form = log_in.forms["log-in"]
    form["email"], form["password"] = "alice@example.com", PASSWORD
    assert form.submit(status=303).location.endswith(alice.list_path + "watched")


def test_login_wall_message_is_shown_once_with_last_wanted_page(visitor):
    for path in ("/one", "/two", "/three"):
        page = visitor.get(path, status=303)
    page = page.follow()
    assert messages(page) == [CONTINUE]
    assert page.html.select_one(".message.info a")["href"] == "/login?next=%2Fthree"


def test_existing_and_missing_lists_and_movies_give_same_response(alice, visitor):
    alice.add("Heat", "1995")
    movie_path = alice.movie_path("Heat")
    for path in (
        alice.list_path,
        movie_path + "/",
        "/watchlists/AAAAAAAAAAAAAAAAAAAAAA/",
        movie_path + "0/",
        alice.list_path + "x",
    ):
        assert wanted_page(visitor.get(path, status=303)) == path
        assert visitor.post(path, status=303).location.endswith("/register")


def test_wanted_page_with_long_url_is_dropped(visitor):
    response = visitor.get("/nothing?" + "'" * 600, status=303)
    assert wanted_page(response) is None
    assert len(response.location) < 100


@pytest.mark.parametrize("path", ["matches?q=heat", "tags?q=own", "/suggestions?q=heat"])
def test_request_of_script_for_json_leaves_no_message(visitor, alice, path):
    path = path if path.startswith("/") else alice.list_path + path
    wall = visitor.get(path, headers={"Accept": "application/json"}, status=303)
    assert messages(wall.follow()) == []


def test_form_sent_after_session_ended_returns_to_its_page(alice):
    alice.add("Heat")
    page, copied = alice.get(alice.list_path + "?sort=title"), alice.copy()
    copied.log_out()
    wall = alice.press_and_stay(page, "I watched it! Heat")
    assert wanted_page(wall) == alice.list_path + "?sort=title"
    assert messages(wall.follow(), "info") == [f"{CONTINUE} Your changes weren’t saved."]
    assert alice.log_in(page=wall.location.replace("register", "login")).location.endswith("?sort=title")


@pytest.mark.parametrize(
    ("fields", "referer", "wanted"),
    [
        ({}, "http://localhost/watchlists/x/?sort=title#movies", "/watchlists/x/?sort=title"),
        ({"back": "/watchlists/x/7/"}, "http://localhost/watchlists/x/", "/watchlists/x/7/"),
        ({"back": "//evil.example"}, "http://localhost/watchlists/x/", "/watchlists/x/"),
        ({}, "http://evil.example/watchlists/x/", None),
        ({}, "http://localhost.evil.example/", None),
        ({}, "http://localhost//evil.example", None),
        ({}, "nonsense", None),
        ({}, "", None),
    ],
)
def test_page_of_form_comes_from_back_field_or_local_referer(visitor, alice, fields, referer, wanted):
    response = visitor.post(alice.list_path + "cross-off", {"movie": "1", **fields}, {"Referer": referer}, status=303)
    assert wanted_page(response) == wanted


def test_register_and_log_in_and_static_files_are_public(visitor):
    visitor.get("/register", status=200)
    visitor.get("/login", status=200)
    for link in visitor.get("/register").html.select("link[href]"):
        visitor.get(link["href"], status=200)


def test_log_in_and_register_link_to_each_other_and_keep_wanted_page(visitor):
    page = visitor.get("/watchlists/x/?after=1-1", status=303).follow()
    page = page.click("Log in", index=-1)
    assert page.request.path == "/login"
    page = page.click("Register", index=-1)
    assert page.request.path_qs == "/register?next=%2Fwatchlists%2Fx%2F%3Fafter%3D1-1"


def test_wanted_page_opens_after_log_in(alice, app):
    wanted = alice.list_path + "watched?after=1-1"
    visitor = Client(app)
    wall = visitor.get(wanted, status=303).follow()
    form = wall.click("Log in", index=-1).forms["log-in"]
    form["email"], form["password"] = "alice@example.com", "wrong horse battery"
    form = follow_refusal(form.submit()).forms["log-in"]
    form["password"] = "correct horse battery"
    assert form.submit(status=303).location == f"http://localhost{wanted}"


@pytest.mark.parametrize(
    "hostile",
    [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/\tevil",
        "/\r\nSet-Cookie: x=1",
        "/\u2028x",
        "/a b",
        " /x",
        "",
        "/" + "x" * 600,
    ],
)
def test_wanted_page_on_another_site_is_ignored(alice, app, hostile):
    visitor = Client(app)
    response = visitor.send("/login", email="alice@example.com", password=PASSWORD, next=hostile)
    assert response.location == f"http://localhost{alice.list_path}"


def test_stranger_gets_same_404_for_hidden_and_missing_pages(alice, bob):
    alice.add("Heat")
    movie_path = alice.movie_path("Heat")
    bob.get(bob.list_path)  # consumes the welcome message
    missing = bob.get("/nothing", status=404)
    for path in (
        alice.list_path,
        alice.list_path + "watched",
        movie_path + "/",
        movie_path + "/nothing",
        "/watchlists/",
    ):
        page = bob.get(path, status=404)
        assert page.body == missing.body
