"""The person who runs a site can write a privacy page and a contact page, and say whom to ask."""

import plaster
import pytest

from flicklist.ini_files import ini_uri
from flicklist.settings import InvalidSettingError
from tests.clients import Client
from tests.conftest import dispose


@pytest.fixture
def pages(make_app, tmp_path):
    """A site with both pages."""
    (tmp_path / "privacy.md").write_text("\ufeff# Your data\n\nWe keep **nothing** – 你好.\n\n# Cookies\n", "utf-8")
    (tmp_path / "contact.md").write_text("Write to [Anna](mailto:anna@example.com).", "utf-8")
    return make_app(privacy_page=str(tmp_path / "privacy.md"), contact_page=str(tmp_path / "contact.md"))


def footer_links(page):
    return [(link.text, link["href"]) for link in page.html.select(".site-footer a")]


def test_pages_are_shown_without_login(pages):
    page = Client(pages).get("/privacy", status=200)
    assert page.html.title.text == "Your data – FlickList"
    assert [heading.text for heading in page.html.select("h1")] == ["Your data"]
    assert page.html.main.strong.text == "nothing"
    assert "你好" in page.html.main.text
    assert page.html.main.h2.text == "Cookies"
    page = Client(pages).get("/contact", status=200)
    assert page.html.h1.text == "Contact"
    assert page.html.main.a["href"] == "mailto:anna@example.com"


def test_every_page_links_to_them(pages, alice):
    person = Client(pages, "alice@example.com")
    links = [("Privacy", "/privacy"), ("Contact", "/contact")]
    for path in ("/register", "/login", "/password-reset/", "/privacy"):
        assert footer_links(person.get(path)) == links
    person.log_in()
    for path in (alice.list_path, "/account/", "/privacy"):
        assert footer_links(person.get(path)) == links
    assert footer_links(person.get("/nothing", status=404)) == links
    unreadable = person.get("/login?q=%FF", status=400)
    assert footer_links(unreadable) == links
    prefixed = Client(pages).get("/login", extra_environ={"SCRIPT_NAME": "/movies"})
    assert footer_links(prefixed) == [("Privacy", "/movies/privacy"), ("Contact", "/movies/contact")]


def test_pages_that_nobody_wrote_are_not_found(visitor, alice):
    for path in ("/privacy", "/contact"):
        assert "/register" in visitor.get(path, status=303).location
        alice.get(path, status=404)
    assert footer_links(visitor.get("/login")) == []


def test_page_is_read_relative_to_the_ini_file(app, ini, tmp_path, monkeypatch):
    lines = [f"{key} = {value}" for key, value in {**ini, "flicklist.privacy_page": "privacy.md"}.items()]
    (tmp_path / "site.ini").write_text("\n".join(["[app:main]", "use = egg:flicklist", *lines]))
    (tmp_path / "privacy.md").write_text("Nothing.")
    monkeypatch.chdir("/")
    site = plaster.get_loader(ini_uri(str(tmp_path / "site.ini")), protocols=["wsgi"]).get_wsgi_app()
    assert Client(site).get("/privacy").html.main.p.text == "Nothing."
    dispose(site)


def test_page_that_is_not_utf8_stops_start_with_one_line(make_app, tmp_path):
    file = tmp_path / "privacy.md"
    file.write_bytes("für dich".encode("latin-1"))
    with pytest.raises(InvalidSettingError) as stopped:
        make_app(privacy_page=str(file))
    setting = "FLICKLIST_PRIVACY_PAGE (flicklist.privacy_page)"
    assert str(stopped.value) == f"Invalid setting: {setting} names {file}, which cannot be read: It is not UTF-8."


@pytest.mark.parametrize(
    ("contact", "text", "link"),
    [
        ("", "the person who runs this site", None),
        ("anna@example.com", "anna@example.com", "mailto:anna@example.com"),
        ("https://example.com/?a=1&b=2", "the person who runs this site", "https://example.com/?a=1&b=2"),
        ("Anna <b>in flat 3</b>", "the person who runs this site (Anna <b>in flat 3</b>)", None),
    ],
)
def test_reset_page_without_mail_says_whom_to_ask(make_app, contact, text, link):
    page = Client(make_app(contact=contact)).get("/password-reset/")
    asked = page.html.main.find("p")
    assert " ".join(asked.text.split()) == f"Ask {text} for a link to set a new password."
    assert (asked.a and asked.a["href"]) == link


def test_reset_page_without_mail_links_to_contact_page(pages):
    asked = Client(pages).get("/password-reset/").html.main.find("p")
    assert asked.a["href"] == "/contact"


@pytest.mark.parametrize(("registration", "wanted"), [("closed", "an account"), ("invitation", "a link")])
def test_closed_registration_says_whom_to_ask(make_app, registration, wanted):
    page = Client(make_app(registration=registration, contact="anna@example.com")).get("/register")
    assert f"Ask anna@example.com for {wanted}." in page.html.main.text
    assert page.html.main.find("a", href="mailto:anna@example.com")
    page = Client(make_app(registration=registration)).get("/register")
    assert f"Ask the person who runs this site for {wanted}." in page.html.main.text
