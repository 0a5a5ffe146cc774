"""The access table: how every view responds to an anonymous visitor, a stranger and the owner.

A view that is missing from `TABLE` fails the tests, and so does a public view that is missing from `PUBLIC`.
"""

import pytest
from pyramid.interfaces import IExceptionResponse, IStaticURLInfo
from pyramid.security import NO_PERMISSION_REQUIRED
from sqlalchemy import select

from flicklist.models import Change, Import, LoginSession, Movie, User, Viewing
from tests.clients import Client, rows_of

BOUNDS_COLUMNS = 5
PASSWORD_FORM = "303 /account/#change-password"
WALL, OWN_LIST, LOG_IN = "303 /register", "303 own list", "303 /login"
RESET = "303 /password-reset/"

# (resource, view name, method): (anonymous, stranger, owner). A stranger is logged in to another account.
TABLE = {
    ("Root", "", "GET"): (WALL, OWN_LIST, OWN_LIST),
    ("Root", "register", "GET"): ("200", OWN_LIST, OWN_LIST),
    ("Root", "register", "POST"): (WALL, OWN_LIST, OWN_LIST),
    ("Root", "login", "GET"): ("200", OWN_LIST, OWN_LIST),
    ("Root", "login", "POST"): (LOG_IN, OWN_LIST, OWN_LIST),
    ("Root", "login-code", "GET"): (LOG_IN, OWN_LIST, OWN_LIST),
    ("Root", "login-code", "POST"): (LOG_IN, OWN_LIST, OWN_LIST),
    ("Root", "logout", "POST"): (LOG_IN, LOG_IN, LOG_IN),
    ("Root", "favicon.ico", "GET"): ("200", "200", "200"),
    ("Root", "robots.txt", "GET"): ("200", "200", "200"),
    ("Root", "manifest.webmanifest", "GET"): ("200", "200", "200"),
    ("Root", "privacy", "GET"): (WALL, "404", "404"),  # no site has these pages unless somebody writes them
    ("Root", "contact", "GET"): (WALL, "404", "404"),
    ("TouchIconResource", "", "GET"): ("200", "200", "200"),
    ("WellKnownResource", "change-password", "GET"): (PASSWORD_FORM, PASSWORD_FORM, PASSWORD_FORM),
    ("PasswordResetResource", "", "GET"): ("200", "200", "200"),
    ("PasswordResetResource", "", "POST"): (RESET, RESET, RESET),
    ("PasswordResetResource", "new", "GET"): (RESET, RESET, RESET),
    ("PasswordResetResource", "new", "POST"): (RESET, RESET, RESET),
    ("AccountResource", "", "GET"): (WALL, "200", "200"),
    ("AccountResource", "change-password", "POST"): (WALL, "400", "400"),
    ("AccountResource", "change-email", "POST"): (WALL, "400", "400"),
    ("AccountResource", "send-confirmation", "POST"): (WALL, "303", "303"),
    ("AccountResource", "confirm-email", "GET"): (WALL, "303", "303"),
    ("AccountResource", "confirm-email", "POST"): (WALL, "303", "303"),
    ("AccountResource", "export", "POST"): (WALL, "400", "400"),
    ("AccountResource", "delete", "POST"): (WALL, "400", "400"),
    ("TwoFactorResource", "", "GET"): (WALL, "303", "303"),
    ("TwoFactorResource", "qr", "GET"): (WALL, "404", "404"),
    ("TwoFactorResource", "start", "POST"): (WALL, "303", "303"),
    ("TwoFactorResource", "confirm", "POST"): (WALL, "303", "303"),
    ("TwoFactorResource", "renew-codes", "POST"): (WALL, "400", "400"),
    ("TwoFactorResource", "download-codes", "POST"): (WALL, "303", "303"),
    ("TwoFactorResource", "turn-off", "POST"): (WALL, "400", "400"),
    ("LoginSessionsResource", "end-others", "POST"): (WALL, "400", "400"),
    ("LoginSessionResource", "end", "POST"): (WALL, "404", "400"),
    ("WatchlistResource", "", "GET"): (WALL, "404", "200"),
    ("WatchlistResource", "watched", "GET"): (WALL, "404", "200"),
    ("Root", "suggestions", "GET"): (WALL, "200", "200"),
    ("WatchlistResource", "matches", "GET"): (WALL, "404", "200"),
    ("WatchlistResource", "removed", "GET"): (WALL, "404", "200"),
    ("WatchlistResource", "add", "POST"): (WALL, "404", "303"),
    ("WatchlistResource", "find", "POST"): (WALL, "404", "303"),
    ("WatchlistResource", "cross-off", "POST"): (WALL, "404", "303"),
    ("WatchlistResource", "move-to-watchlist", "POST"): (WALL, "404", "303"),
    ("WatchlistResource", "rate", "POST"): (WALL, "404", "303"),
    ("WatchlistResource", "remove", "POST"): (WALL, "404", "303"),
    ("WatchlistResource", "tag", "POST"): (WALL, "404", "303"),
    ("WatchlistResource", "untag", "POST"): (WALL, "404", "303"),
    ("WatchlistResource", "tags", "GET"): (WALL, "404", "200"),
    ("MovieResource", "", "GET"): (WALL, "404", "200"),
    ("MovieResource", "edit", "GET"): (WALL, "404", "200"),
    ("MovieResource", "edit", "POST"): (WALL, "404", "303"),
    ("MovieResource", "cross-off", "POST"): (WALL, "404", "303"),
    ("MovieResource", "move-to-watchlist", "POST"): (WALL, "404", "303"),
    ("MovieResource", "rate", "POST"): (WALL, "404", "303"),
    ("MovieResource", "rewatch", "POST"): (WALL, "404", "303"),
    ("MovieResource", "remove", "POST"): (WALL, "404", "303"),
    ("MovieResource", "restore", "POST"): (WALL, "404", "303"),
    ("ViewingsResource", "add", "POST"): (WALL, "404", "303"),
    ("ViewingResource", "", "GET"): (WALL, "404", "200"),
    ("ViewingResource", "edit", "POST"): (WALL, "404", "303"),
    ("ViewingResource", "change-date", "POST"): (WALL, "404", "303"),
    ("ViewingResource", "delete", "POST"): (WALL, "404", "303"),
    ("ChangesResource", "", "GET"): (WALL, "404", "200"),
    ("ChangeResource", "undo", "POST"): (WALL, "404", "303"),
    ("ImportsResource", "", "GET"): (WALL, "404", "200"),
    ("ImportsResource", "", "POST"): (WALL, "404", "303"),
    ("ImportResource", "", "GET"): (WALL, "404", "200"),
    ("ImportResource", "report.csv", "GET"): (WALL, "404", "200"),
    ("ImportResource", "answer", "POST"): (WALL, "404", "303"),
    ("ImportResource", "confirm", "POST"): (WALL, "404", "303"),
    ("ImportResource", "discard", "POST"): (WALL, "404", "303"),
    ("ImportResource", "take-back", "POST"): (WALL, "404", "303"),
}
NO_PERMISSION = {None, NO_PERMISSION_REQUIRED}
PUBLIC = {
    ("Root", "register", "GET"),
    ("Root", "register", "POST"),
    ("Root", "login", "GET"),
    ("Root", "login", "POST"),
    ("Root", "login-code", "GET"),
    ("Root", "login-code", "POST"),
    ("Root", "logout", "POST"),
    ("Root", "favicon.ico", "GET"),
    ("Root", "robots.txt", "GET"),
    ("Root", "manifest.webmanifest", "GET"),
    ("Root", "privacy", "GET"),
    ("Root", "contact", "GET"),
    ("TouchIconResource", "", "GET"),
    ("WellKnownResource", "change-password", "GET"),
    ("PasswordResetResource", "", "GET"),
    ("PasswordResetResource", "", "POST"),
    ("PasswordResetResource", "new", "GET"),
    ("PasswordResetResource", "new", "POST"),
}


def registered_views(app):
    """Return every view as (resource, name, method), with the permission that it requires."""
    views = {}
    for item in app.registry.introspector.get_category("views"):
        view = item["introspectable"]
        context = view["context"]
        is_for_errors = context is IExceptionResponse or (isinstance(context, type) and issubclass(context, Exception))
        if view["route_name"] is None and not is_for_errors:
            resource = context.__name__ if context else "anywhere"
            permission = view["derived_callable"].__permission__
            views[resource, view["name"], view["request_methods"]] = permission
    return views


def test_table_lists_every_view(app):
    assert set(registered_views(app)) == set(TABLE)


def test_urls_md_lists_every_view_once(app, root):
    rows = (root / "docs" / "urls.md").read_text(encoding="utf-8").splitlines()
    for item in app.registry.introspector.get_category("views"):
        view = item["introspectable"]
        if getattr(view["callable"], "__module__", "").startswith("flicklist.views") and not view["exception_only"]:
            module = view["callable"].__module__.rpartition(".")[2]
            name = f"| `{module}.{view['callable'].__name__}` | `{view['context'].__name__}` |"
            assert len([row for row in rows if name in row and f"| {view['request_methods']}" in row]) == 1, name


def test_bounds_md_lists_every_view_once(app, root):
    rows = (root / "docs" / "bounds.md").read_text(encoding="utf-8").splitlines()
    listed = [
        row.split("|")[1].strip() for row in rows if row.startswith("| `") and row.count("|") == BOUNDS_COLUMNS + 1
    ]
    views = [item["introspectable"] for item in app.registry.introspector.get_category("views")]
    expected = {
        f"`{view['callable'].__module__.rpartition('.')[2]}.{view['callable'].__name__}`"
        for view in views
        if getattr(view["callable"], "__module__", "").startswith("flicklist.views") and not view["exception_only"]
    }
    assert sorted(listed) == sorted(expected)


def test_only_registration_and_log_in_views_are_public(app):
    assert {view for view, permission in registered_views(app).items() if permission in NO_PERMISSION} == PUBLIC


def test_every_other_view_requires_permission_granted_by_some_acl(app):
    permissions = {permission for permission in registered_views(app).values() if permission not in NO_PERMISSION}
    assert permissions == {"view", "edit"}


def test_views_that_change_data_require_more_than_view_permission(app):
    for (resource, name, method), permission in registered_views(app).items():
        if method == "POST" and permission not in NO_PERMISSION and name not in {"export", "find", "download-codes"}:
            assert permission == "edit", (resource, name)


def test_every_sensitive_view_requires_reauth(app):
    items = app.registry.introspector.get_category("views")
    views = [item["introspectable"] for item in items]
    found = {(view["context"].__name__, view["name"]): view.get("require_reauth") for view in views if view["context"]}
    assert {view: option for view, option in found.items() if option} == {
        ("AccountResource", "change-password"): True,
        ("AccountResource", "change-email"): True,
        ("AccountResource", "export"): True,
        ("AccountResource", "delete"): True,
        ("LoginSessionsResource", "end-others"): True,
        ("LoginSessionResource", "end"): True,
        ("TwoFactorResource", "confirm"): "password",
        ("TwoFactorResource", "renew-codes"): True,
        ("TwoFactorResource", "turn-off"): True,
    }


def test_only_static_files_have_routes(app):
    routes = [item["introspectable"]["name"] for item in app.registry.introspector.get_category("routes") or []]
    assert len(routes) == 1
    assert routes[0].startswith("__static/")
    assert app.registry.getUtility(IStaticURLInfo)


@pytest.fixture
def people(app, alice, bob, work_on_imports):
    alice.add("Heat")
    alice.cross_off("Heat")
    alice.upload("Ran (1985)")
    work_on_imports()
    Client(app, alice.email).log_in()
    visitor = Client(app)
    return {"anonymous": visitor, "stranger": bob, "owner": alice}


@pytest.mark.parametrize("who", ["anonymous", "stranger", "owner"])
@pytest.mark.parametrize("view", TABLE, ids="-".join)
def test_every_view_answers_each_person_as_in_table(people, view, who, db):
    resource, name, method = view
    alice, person = people["owner"], people[who]
    path = path_of(resource, alice, db) + name
    before = alices_rows(db, alice)
    fields = {"title": "Ran", "movie": str(db.scalars(select(Movie.id)).one()), "rating": "3"}
    response = person.get(path, status="*") if method == "GET" else person.send(path, status="*", **fields)
    assert outcome(response, person) == TABLE[view][["anonymous", "stranger", "owner"].index(who)]
    if who != "owner" or method == "GET":
        assert alices_rows(db, alice) == before


@pytest.mark.parametrize("view", [view for view in TABLE if view[2] == "POST"], ids="-".join)
def test_every_change_needs_the_csrf_token(people, view, db):
    resource, name, _ = view
    alice = people["owner"]
    path = path_of(resource, alice, db) + name
    before = alices_rows(db, alice)
    others_token = people["stranger"].csrf_token()
    for fields in ({}, {"csrf_token": ""}, {"csrf_token": "x"}, {"csrf_token": others_token}):
        page = alice.post(path, {"title": "Ran", "rating": "1", **fields}, status=403)
        assert "Form not accepted" in page
        alice.post(path, {"title": "Ran", **fields}, headers={"Origin": "http://localhost"}, status=(303, 400))
    alice.post(f"{path}?csrf_token={alice.csrf_token()}", status=403)
    assert alices_rows(db, alice) == before
    assert alice.is_logged_in


@pytest.mark.parametrize("view", [view for view in TABLE if view[2] == "POST"], ids="-".join)
def test_form_without_fields_causes_no_server_error(people, view, db):
    resource, name, _ = view
    for person in people.values():
        path = path_of(resource, people["owner"], db) + name
        assert person.send(path, status="*").status_int in {200, 303, 400, 404}


def path_of(resource, alice, db):
    """Return the path of Alice's resource of a type, or of the root."""
    movie_path = alice.movie_path("Heat")
    viewing_id, change_id = db.scalars(select(Viewing.id)).one(), db.scalars(select(Change.id)).one()
    others = select(LoginSession.id).join(User).where(User.email == alice.email).order_by(LoginSession.id.desc())
    login_session_id = db.scalars(others).first()
    return {
        "Root": "/",
        "TouchIconResource": "/apple-touch-icon.png",
        "WellKnownResource": "/.well-known/",
        "PasswordResetResource": "/password-reset/",
        "AccountResource": "/account/",
        "TwoFactorResource": "/account/two-factor/",
        "LoginSessionsResource": "/account/login-sessions/",
        "LoginSessionResource": f"/account/login-sessions/{login_session_id}/",
        "WatchlistResource": alice.list_path,
        "MovieResource": f"{movie_path}/",
        "ViewingsResource": f"{movie_path}/viewings/",
        "ViewingResource": f"{movie_path}/viewings/{viewing_id}/",
        "ChangesResource": f"{alice.list_path}changes/",
        "ChangeResource": f"{alice.list_path}changes/{change_id}/",
        "ImportsResource": f"{alice.list_path}imports/",
        "ImportResource": f"{alice.list_path}imports/{db.scalars(select(Import.id)).one()}/",
    }[resource]


def alices_rows(db, alice):
    """Return all rows of Alice, except login sessions, which logging in and out changes."""
    db.expire_all()
    db.rollback()
    rows = rows_of(db, db.scalars(select(User.id).where(User.email == alice.email)).one())
    del rows["login_sessions"]
    return rows


def outcome(response, person):
    if response.status_int != 303:
        return str(response.status_int)
    path = response.location.removeprefix("http://localhost")
    if person.list_path and path == person.list_path and response.request.path.count("/") == 1:
        return OWN_LIST
    places = {"/login": LOG_IN, "/register": WALL, "/password-reset/": RESET, PASSWORD_FORM[4:]: PASSWORD_FORM}
    return places.get(path.partition("?")[0], "303")
