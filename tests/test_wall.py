"""The login wall: nobody learns anything before they are signed in."""

import pytest

from tests.people import Person, messages, wanted_page


@pytest.mark.parametrize(
    "path", ["/", "/watchlists/", "/watchlists/x/", "/watchlists/x/1/", "/nothing", "/nothing/at/all", "/login/more"]
)
def test_every_page_sends_an_anonymous_person_to_register_with_the_reason(visitor, path):
    response = visitor.get(path, status=303)
    assert wanted_page(response) == (None if path == "/" else path)
    assert messages(response.follow(), "error") == ["Please register or log in first."]


def test_existing_and_missing_lists_and_movies_answer_alike(alice, visitor):
    alice.add("Heat", "1995")
    entry = alice.entry_path("Heat")
    for path in (
        alice.list_path,
        entry + "/",
        "/watchlists/AAAAAAAAAAAAAAAAAAAAAA/",
        entry + "0/",
        alice.list_path + "x",
    ):
        assert wanted_page(visitor.get(path, status=303)) == path
        assert visitor.post(path, status=303).location.endswith("/register")


def test_a_wanted_page_of_a_long_address_is_forgotten(visitor):
    response = visitor.get("/nothing?" + "'" * 600, status=303)
    assert wanted_page(response) is None
    assert len(response.location) < 100


def test_what_was_sent_is_said_to_be_lost(visitor, alice):
    page = visitor.post(alice.list_path + "add", {"title": "Heat"}, status=303).follow()
    assert messages(page, "error") == ["Please register or log in first. What you sent was not saved."]


def test_register_and_log_in_and_static_files_are_open(visitor):
    visitor.get("/register", status=200)
    visitor.get("/login", status=200)
    for link in visitor.get("/register").html.select("link[href]"):
        visitor.get(link["href"], status=200)


def test_log_in_and_register_lead_to_each_other_and_keep_the_wanted_page(visitor):
    page = visitor.get("/watchlists/x/?after=1-1", status=303).follow()
    page = page.click("Log in", index=-1)
    assert page.request.path == "/login"
    page = page.click("Register", index=-1)
    assert page.request.path_qs == "/register?next=%2Fwatchlists%2Fx%2F%3Fafter%3D1-1"


def test_the_wanted_page_comes_after_logging_in(alice, app):
    wanted = alice.list_path + "ratings?after=1-1"
    visitor = Person(app)
    wall = visitor.get(wanted, status=303).follow()
    form = wall.click("Log in", index=-1).forms["log-in"]
    form["email"], form["password"] = "alice@example.com", "wrong horse battery"
    form = form.submit(status=400).forms["log-in"]
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
def test_a_wanted_page_on_another_site_is_ignored(alice, app, hostile):
    visitor = Person(app)
    response = visitor.send("/login", email="alice@example.com", password="correct horse battery", next=hostile)
    assert response.location == f"http://localhost{alice.list_path}"


def test_a_stranger_sees_the_same_page_for_what_is_hidden_and_what_is_missing(alice, bob):
    alice.add("Heat")
    entry = alice.entry_path("Heat")
    bob.get(bob.list_path)  # takes the welcome
    missing = bob.get("/nothing", status=404)
    for path in (alice.list_path, alice.list_path + "ratings", entry + "/", entry + "/nothing", "/watchlists/"):
        page = bob.get(path, status=404)
        assert page.body == missing.body
