"""A test client that uses the site as a browser does: with its forms, cookies and CSRF tokens."""

from urllib.parse import parse_qs, urlsplit

import pyotp
from sqlalchemy import select
from webtest import TestApp, Upload

from flicklist.models import Base, Import, Movie

PASSWORD = "correct horse battery"
NEW_PASSWORD = "wrong staple donkey"
OUTDATED_RESET_LINK = "This link has expired or was already used. If you’ve just set a new password with it, log in."


class Client(TestApp):
    """One person with their own browser."""

    def __init__(self, app, email=None):
        super().__init__(app)
        self.email = email
        self.list_path = None

    # Actions

    def register(self, email=None, status=303):
        self.email = email or self.email
        response = self._send_registration(self.email, PASSWORD, PASSWORD, status)
        if status == 303:
            self.list_path = urlsplit(response.location).path
            assert self.list_path.startswith("/watchlists/"), "the registration was refused"
        return response

    def fail_to_register(self, email, password=PASSWORD, verify=None):
        """Send a registration that is refused, and return the page that follows."""
        return follow_refusal(self._send_registration(email, password, verify or password))

    def _send_registration(self, email, password, verify, status=303):
        form = self.get("/register").forms["register"]
        form["email"], form["password"], form["verify"] = email, password, verify
        return form.submit(status=status)

    def log_in(self, email=None, password=PASSWORD, status=303, page="/login"):
        form = self.get(page).forms["log-in"]
        form["email"], form["password"] = email or self.email, password
        response = form.submit(status=status)
        assert status != 303 or urlsplit(response.location).path != "/login", "the login was refused"
        return response

    def fail_to_log_in(self, email=None, password=PASSWORD):
        """Send a login that is refused, and return the page that follows."""
        form = self.get("/login").forms["log-in"]
        form["email"], form["password"] = email or self.email, password
        return follow_refusal(form.submit(status=303))

    def copy(self):
        """Return another client with copies of this client's cookies."""
        other = Client(self.app, self.email)
        other.list_path = self.list_path
        for cookie in self.cookiejar:
            other.cookiejar.set_cookie(cookie)
        return other

    def log_out(self):
        return self.get(self.list_path).forms["log-out"].submit(status=303)

    def add(self, title, year=""):
        """Type a movie into the form of the watchlist, and return the page that follows, also if it is refused."""
        form = self.get(self.list_path).forms["add"]
        form["title"] = f"{title} ({year})" if year else title
        return form.submit(status=(303, 400)).maybe_follow()

    def find(self, text, view=""):
        """Type a text into the same form and press "Find"."""
        page = self.get(self.list_path + view)
        form = page.html.find("form", id="add")
        fields = {field["name"]: field.get("value", "") for field in form.find_all("input")}
        path = form.find("button", string="Find")["formaction"]
        return self.post(path, {**fields, "title": text}, status=303).follow()

    def cross_off(self, title):
        return self.press(self.list_path, f"I watched it! {title}")

    def move_to_watchlist(self, title):
        return self.press(self.list_path + "watched", f"Move to watchlist: {title}")

    def rate(self, title, stars):
        form = self.form_of(self.get(self.list_path + "watched"), f"Rating of {title}")
        form["rating"] = stars
        return form.submit(status=303).follow()

    def press(self, page, label):
        """Press the button with that label on a page, and return the page that follows."""
        return self.press_and_stay(self.get(page) if isinstance(page, str) else page, label).follow()

    def press_and_stay(self, page, label):
        """Press the button with that label on a page, and return the redirect."""
        button = page.html.find("button", attrs={"aria-label": label}) or page.html.find("button", string=label)
        assert button, f"no button {label!r} in {page.html.main.text}"
        form = button.find_parent("form")
        fields = {field["name"]: field.get("value", "") for field in form.find_all("input")}
        return self.post(button.get("formaction") or form["action"], fields, status=303)

    def change_selected(self, path, selected, label, **fields):
        """Select movies, press a button of the bar for the selected ones, and return the next page."""
        page = self.get(self.get(path).html.find("a", string="Select")["href"])
        boxes = [page.html.find("input", attrs={"aria-label": f"Select {title}"})["value"] for title in selected]
        bar = page.html.find("form", id="selection")
        hidden = {field["name"]: field.get("value", "") for field in bar.find_all("input")}
        path = bar.find("button", string=label)["formaction"]
        return self.post(path, {**hidden, "movie": boxes, **fields}, status=303).follow()

    def send(self, path, status=303, **fields):
        """Post any fields, with a valid CSRF token."""
        return self.post(path, {"csrf_token": self.csrf_token(), **fields}, status=status)

    def begin_two_factor(self):
        """Start setting up two-factor authentication, and return the authenticator app with the key."""
        page = self.send("/account/two-factor/start").follow()
        return pyotp.TOTP(page.html.select_one(".key").text.replace(" ", ""))

    def turn_on_two_factor(self, totp=None):
        """Confirm the key with a code, and return the page with the recovery codes."""
        code = (totp or self.begin_two_factor()).now()
        return self.send("/account/two-factor/confirm", current_password=PASSWORD, code=code, status=200)

    def upload(self, content, name="list.txt"):
        """Choose a file on the page of imports, and return the page that follows."""
        form = self.get(self.list_path + "imports/").forms["upload"]
        form["file"] = Upload(name, content if isinstance(content, bytes) else content.encode())
        return form.submit(status=303).follow()

    # Pages

    def csrf_token(self):
        page = self.get("/login").maybe_follow()
        return page.html.find("input", attrs={"name": "csrf_token"})["value"]

    def form_of(self, page, label):
        """Return the form that contains the field with that label."""
        for form in page.forms.values():
            if form.html.find(attrs={"aria-label": label}):
                return form
        raise AssertionError(f"no field {label!r}")

    def watchlist(self):
        return titles(self.get(self.list_path))

    def watched(self):
        return titles(self.get(self.list_path + "watched"))

    def movie_path(self, title):
        """Return the path of a movie on the watchlist or the watched list."""
        for page in (self.get(self.list_path), self.get(self.list_path + "watched")):
            for item in page.html.select(".movies > li"):
                if title in item.text:
                    return item.find("button", attrs={"formaction": True})["formaction"].rpartition("/")[0]
        raise AssertionError(f"no movie {title!r}")

    @property
    def is_logged_in(self):
        return self.get("/").location != self.app_url("/register")

    def app_url(self, path):
        return f"http://localhost{path}"


def follow_refusal(response):
    """Return the page after a refused form. Fails unless the response redirects to the path of the form."""
    assert (response.status_int, urlsplit(response.location).path) == (303, urlsplit(response.request.path).path)
    return response.follow()


def is_marked_invalid(page, name, problem):
    """Return whether this field alone has the focus, is announced as invalid, and has the message beside it."""
    invalid = page.html.main.select("[aria-invalid], [autofocus]")
    beside = page.html.find(id=f"{name}-problem")
    described_by = invalid[0].get("aria-describedby", "").split() if invalid else []
    return (
        [field["name"] for field in invalid] == [name]
        and invalid[0].has_attr("autofocus")
        and beside is not None
        and beside.text == problem
        and beside["id"] in described_by
    )


def titles(page):
    """Return the titles of the listed movies, in order."""
    return [title.text for title in page.html.select(".movies > li .title")]


def messages(page, queue=None):
    """Return the flash messages on the page, of one queue or of all, with plain spaces."""
    selector = f".message.{queue}" if queue else ".message"
    return [message.p.text.strip().replace("\N{NO-BREAK SPACE}", " ") for message in page.html.select(selector)]


def problems(page):
    """Return the errors below the fields of a refused form."""
    return [problem.text for problem in page.html.select(".problem")]


def wanted_page(response):
    """Return the page that opens after the log-in: `next` in the URL to which the login wall redirects."""
    location = urlsplit(response.location)
    assert location.path == "/register", location
    return parse_qs(location.query).get("next", [None])[0]


def rows_of(db, user_id):
    """Return all rows of a person."""
    tables = Base.metadata.tables
    of_user = ("login_sessions", "two_factor", "recovery_codes", "outbox")
    of_movies = select(Movie.id).where(Movie.owner_id == user_id)
    of_imports = select(Import.id).where(Import.owner_id == user_id)
    parts_of_imports = ("import_chunks", "import_rows", "import_snapshots")
    criteria = {
        "users": tables["users"].c.id == user_id,
        "movies": tables["movies"].c.owner_id == user_id,
        "changes": tables["changes"].c.owner_id == user_id,
        "imports": tables["imports"].c.owner_id == user_id,
        **{name: tables[name].c.import_id.in_(of_imports) for name in parts_of_imports},
        "viewings": tables["viewings"].c.movie_id.in_(of_movies),
        **{name: tables[name].c.user_id == user_id for name in of_user},
    }
    return {name: db.execute(select(tables[name]).where(own).order_by("id")).all() for name, own in criteria.items()}
