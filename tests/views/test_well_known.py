"""Addresses that browsers and crawlers request on their own get an answer, and no login wall."""

import json
import struct
from urllib.robotparser import RobotFileParser

import pytest

from tests.clients import Client, messages

TOUCH_ICONS = [
    "/apple-touch-icon.png",
    "/apple-touch-icon-precomposed.png",
    "/apple-touch-icon-120x120.png",
    "/apple-touch-icon-180x180-precomposed.png",
]
MISSING = ["/.well-known/", "/.well-known", "/.well-known/security.txt", "/.well-known/acme-challenge/x"]
ALL = ["/favicon.ico", "/manifest.webmanifest", "/robots.txt", "/.well-known/change-password", *TOUCH_ICONS, *MISSING]


@pytest.fixture
def browser(app):
    """Return a function that asks as a browser does for an icon, with or without a cookie."""

    def ask(path, person=None, status="*"):
        headers = {"Accept": "image/avif,image/webp,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"}
        return (person or Client(app)).get(path, headers=headers, status=status)

    return ask


def test_favicon_is_an_icon_file(browser):
    response = browser("/favicon.ico", status=200)
    assert response.content_type == "image/x-icon"
    reserved, kind, images = struct.unpack("<HHH", response.body[:6])
    assert (reserved, kind, images) == (0, 1, 2)
    for number in range(images):
        length, offset = struct.unpack("<II", response.body[14 + 16 * number : 22 + 16 * number])
        assert size_of_png(response.body[offset : offset + length]) in {(16, 16), (32, 32)}


@pytest.mark.parametrize("path", TOUCH_ICONS)
def test_touch_icon_is_a_png_of_180_pixels(browser, path):
    response = browser(path, status=200)
    assert response.content_type == "image/png"
    assert size_of_png(response.body) == (180, 180)


def size_of_png(image):
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    assert image.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", image[16:24])


def test_manifest_names_icons_of_their_size_and_the_start_page(browser):
    response = browser("/manifest.webmanifest", status=200)
    assert response.content_type == "application/manifest+json"
    manifest = json.loads(response.body)
    assert (manifest["name"], manifest["start_url"], manifest["scope"]) == ("FlickList", "/", "/")
    assert {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]} == {
        *(("192x192", "any"), ("512x512", "any"), ("512x512", "maskable"), ("any", "any"), ("any", "maskable"))
    }
    for icon in manifest["icons"]:
        image = browser(icon["src"], status=200)
        assert image.content_type == icon["type"]
        if icon["sizes"] != "any":
            assert size_of_png(image.body) == tuple(map(int, icon["sizes"].split("x")))


def test_manifest_works_below_a_prefix(app):
    prefix = {"SCRIPT_NAME": "/movies"}
    page = Client(app).get("/login", extra_environ=prefix)
    assert page.html.find("link", rel="manifest")["href"] == "/movies/manifest.webmanifest"
    manifest = json.loads(Client(app).get("/manifest.webmanifest", extra_environ=prefix).body)
    assert {manifest[name] for name in ("id", "start_url", "scope")} == {"/movies/"}
    assert all(icon["src"].startswith("/movies/static/") for icon in manifest["icons"])


@pytest.mark.parametrize("path", ["/favicon.ico", "/manifest.webmanifest", "/robots.txt", "/apple-touch-icon.png"])
def test_icons_and_robots_can_be_cached_for_a_day(browser, path):
    assert "max-age=86400" in browser(path).headers["Cache-Control"]


def test_crawlers_may_read_public_pages_only(browser, alice):
    response = browser("/robots.txt", status=200)
    assert response.headers["Content-Type"] == "text/plain; charset=UTF-8"
    robots = RobotFileParser()
    robots.parse(response.text.splitlines())
    public = {"/register", "/login", "/privacy", "/contact"}
    paths = ["/", "/login-code", "/password-reset/", "/account/", "/logout"]
    assert {path for path in [*paths, alice.list_path, *public] if robots.can_fetch("a", path)} == public


def test_change_password_address_leads_to_the_form(alice, visitor):
    answer = alice.get("/.well-known/change-password", status=303)
    assert answer.location == "http://localhost/account/#change-password"
    assert answer.follow().html.select_one("#change-password")
    assert visitor.get("/.well-known/change-password", status=303).location == answer.location


@pytest.mark.parametrize("path", [*MISSING, "/.well-known/change-password/x"])
def test_other_well_known_address_is_missing(browser, alice, path):
    for person in (None, alice):
        assert browser(path, person, status=404).html.h1.text == "Page not found"


@pytest.mark.parametrize("path", ALL)
def test_well_known_address_sets_no_cookie_and_reads_no_rows(browser, alice, statements, path):
    """The message of the next page is kept, too."""
    alice.send(f"{alice.list_path}add", title="Heat")
    statements.clear()
    for person in (None, alice):
        response = browser(path, person)
        assert response.status_int in {200, 303, 404}
        assert "Set-Cookie" not in response.headers
        assert "/register" not in response.headers.get("Location", "")
    assert statements == []
    assert "Added “Heat”." in messages(alice.get(alice.list_path))
