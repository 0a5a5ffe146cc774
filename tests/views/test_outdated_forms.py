"""Forms with a CSRF token from before the last login or log-out, sent from a page of this site."""

import pytest
from sqlalchemy import delete, select

from flicklist.models import LoginSession, Movie, TwoFactor, User, Viewing
from tests.clients import NEW_PASSWORD, PASSWORD, Client, messages

OURS = {"Origin": "http://localhost"}
SAVED_NOTHING = [
    "You probably logged in or out in another window. Nothing was saved yet. Please send the form once more."
]
CHANGED_NOTHING = ["You probably logged in or out in another window. Nothing was changed; please try again."]
LONG_NOTE = "The lights went out twice. " * 36 + "Ünd a 😀."


@pytest.fixture
def heat(alice):
    """Alice, who has watched Heat."""
    alice.add("Heat", "1995")
    alice.cross_off("Heat")
    return alice


def change_login(person):
    """Log out and in again, as in another tab."""
    person.log_out()
    person.log_in().follow()


def submit_outdated(form, status=400, headers=OURS):
    return form.submit(status=status, headers=headers)


def test_log_in_form_of_second_tab_says_who_is_logged_in(app, alice):
    person = Client(app, alice.email)
    form = person.get("/login").forms["log-in"]
    person.log_in()
    form["email"], form["password"] = "bob@example.com", PASSWORD
    page = submit_outdated(form, 303).follow()
    assert page.request.path == alice.list_path
    assert messages(page, "info") == [f"You’re already logged in as {alice.email}. Log out to use another account."]


def test_registration_form_of_second_tab_says_who_is_logged_in(app, alice, db):
    person = Client(app, alice.email)
    form = person.get("/register").forms["register"]
    person.log_in()
    page = submit_outdated(form, 303).follow()
    assert "already logged in" in messages(page, "info")[0]
    assert len(db.scalars(select(User)).all()) == 1


@pytest.mark.parametrize(("path", "form_id"), [("/login", "log-in"), ("/register", "register")])
def test_form_from_before_log_out_keeps_email_and_works_when_sent_again(app, alice, path, form_id):
    person = Client(app, alice.email)
    form = person.get(f"{path}?next=/account/").forms[form_id]
    person.log_in()
    person.list_path = alice.list_path
    person.log_out().follow()
    form["email"], form["password"] = "carol@example.com", NEW_PASSWORD
    page = submit_outdated(form)
    assert messages(page) == SAVED_NOTHING
    again = page.forms[form_id]
    assert (again["email"].value, again["password"].value, again["next"].value) == (
        "carol@example.com",
        "",
        "/account/",
    )
    assert NEW_PASSWORD not in page.text
    again["email"], again["password"] = alice.email, PASSWORD
    if form_id == "log-in":
        assert again.submit(status=303).location.endswith("/account/")
    else:
        again["email"], again["verify"] = "carol@example.com", PASSWORD
        again.submit(status=303)
    assert person.is_logged_in


def test_logging_out_twice_is_a_redirect(alice):
    form = alice.get(alice.list_path).forms["log-out"]
    alice.log_out()
    assert submit_outdated(form, 303).location.endswith("/login")


def test_outdated_log_out_button_leads_back(alice):
    form = alice.get("/account/").forms["log-out"]
    change_login(alice)
    page = submit_outdated(form, 303, {**OURS, "Referer": "http://localhost/account/"}).follow()
    assert page.request.path == "/account/"
    assert messages(page) == CHANGED_NOTHING
    assert alice.is_logged_in


def test_long_note_is_kept_and_saved_when_sent_again(heat, db):
    form = heat.get(heat.movie_path("Heat") + "/").forms["viewing"]
    change_login(heat)
    form["watched_on"], form["note"] = "2009-07", LONG_NOTE
    page = submit_outdated(form)
    assert messages(page) == SAVED_NOTHING
    assert db.scalars(select(Viewing.note)).all() == [""]
    again = page.forms["viewing"]
    assert (again["watched_on"].value, again["note"].value) == ("2009-07", LONG_NOTE)
    again.submit(status=303)
    db.rollback()
    assert set(db.scalars(select(Viewing.note))) == {"", LONG_NOTE}


def test_edited_viewing_is_kept(heat, db):
    viewing_path = f"{heat.movie_path('Heat')}/viewings/{db.scalars(select(Viewing.id)).one()}/"
    form = heat.get(viewing_path).forms["viewing"]
    change_login(heat)
    form["note"] = LONG_NOTE
    page = submit_outdated(form)
    assert page.forms["viewing"]["note"].value == LONG_NOTE
    page.forms["viewing"].submit(status=303)
    db.rollback()
    assert db.scalars(select(Viewing.note)).all() == [LONG_NOTE]


@pytest.mark.parametrize("path", ["add", "find", "{movie}/edit", "{movie}/remove"])
def test_outdated_form_to_path_below_a_view_is_refused(heat, path):
    path = path.format(movie=heat.movie_path("Heat").rpartition("/")[2])
    headers = {"Origin": "http://localhost"}
    answer = heat.post(f"{heat.list_path}{path}/viewings/add", {"note": LONG_NOTE}, headers=headers, status="*")
    assert answer.status_int in {303, 400, 404}


def test_edited_movie_is_kept(heat, db):
    form = heat.get(heat.movie_path("Heat") + "/edit").forms["edit"]
    change_login(heat)
    notes = "One\nmore " + "line\n" * 900
    form["title"], form["notes"], form["why"] = "Heat!", notes, "Sam said so"
    page = submit_outdated(form)
    assert messages(page) == SAVED_NOTHING
    assert db.scalars(select(Movie.title)).one() == "Heat"
    again = page.forms["edit"]
    assert (again["title"].value, again["why"].value) == ("Heat!", "Sam said so")
    again.submit(status=303)
    db.rollback()
    assert db.execute(select(Movie.title, Movie.notes)).one() == ("Heat!", notes.strip())


def test_movie_to_add_is_kept(alice, db):
    form = alice.get(alice.list_path).forms["add"]
    change_login(alice)
    form["title"], form["why"] = "Ran (1985)", "because"
    page = submit_outdated(form)
    assert messages(page) == SAVED_NOTHING
    assert db.scalars(select(Movie)).all() == []
    again = page.forms["add"]
    assert [again[name].value for name in ("title", "why")] == ["Ran (1985)", "because"]
    again.submit(status=303)
    assert alice.watchlist() == ["Ran"]


def test_new_email_is_kept(alice):
    form = alice.get("/account/").forms["email"]
    change_login(alice)
    form["email"], form["current_password"] = "ally@example.com", PASSWORD
    page = submit_outdated(form)
    assert messages(page) == SAVED_NOTHING
    assert page.forms["email"]["email"].value == "ally@example.com"
    assert PASSWORD not in page.text
    page.forms["email"]["current_password"] = PASSWORD
    page.forms["email"].submit(status=303)


@pytest.mark.parametrize("form_id", ["password", "delete", "export", "start-two-factor"])
def test_account_form_is_shown_again(alice, form_id):
    form = alice.get("/account/").forms[form_id]
    change_login(alice)
    page = submit_outdated(form)
    assert messages(page) == SAVED_NOTHING
    assert form_id in page.forms


def test_key_of_two_factor_is_shown_again(alice):
    alice.begin_two_factor()
    form = alice.get("/account/two-factor/").forms["confirm"]
    change_login(alice)
    page = submit_outdated(form)
    assert messages(page) == SAVED_NOTHING
    assert page.html.select_one(".key")


def test_code_page_of_earlier_pending_login_is_shown_again(app, alice):
    totp = alice.begin_two_factor()
    alice.turn_on_two_factor(totp)
    person = Client(app, alice.email)
    form = person.log_in().follow().forms["code"]
    person.log_in()
    page = submit_outdated(form)
    assert messages(page) == SAVED_NOTHING
    assert page.forms["code"]


def test_password_reset_forms_are_shown_again(make_app, run, alice):
    site = make_app(smtp_url="smtp://127.0.0.1:9", public_url="https://movies.example")
    person = Client(site, alice.email)
    form = person.get("/password-reset/").forms["password-reset"]
    person.log_in()
    form["email"] = "ally@example.com"
    page = submit_outdated(form)
    assert page.forms["password-reset"]["email"].value == "ally@example.com"


def test_outdated_button_leads_back_and_changes_nothing(alice):
    alice.add("Heat")
    page = alice.get(alice.list_path)
    change_login(alice)
    button = page.html.find("button", attrs={"aria-label": "I watched it! Heat"})
    fields = {field["name"]: field.get("value", "") for field in button.find_parent("form").find_all("input")}
    answer = alice.post(button["formaction"], fields, headers=OURS, status=303)
    assert answer.location == f"http://localhost{alice.list_path}"
    assert messages(answer.follow()) == CHANGED_NOTHING
    assert alice.watchlist() == ["Heat"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "https://localhost"},
        {"Referer": "http://evil.example/localhost"},
        {"Origin": "http://evil.example", "Referer": "http://localhost/"},
    ],
)
def test_form_that_no_page_of_this_site_sent_gets_403(heat, headers, db):
    form = heat.get(heat.movie_path("Heat") + "/").forms["viewing"]
    change_login(heat)
    form["note"] = "Forged"
    page = heat.post(form.action, form.submit_fields(), headers=headers, status=403)
    assert page.html.h1.text == "Form not accepted"
    assert "Forged" not in page.text
    assert db.scalars(select(Viewing.note)).all() == [""]


def test_referer_is_enough(alice):
    form = alice.get("/account/").forms["email"]
    change_login(alice)
    submit_outdated(form, 400, {"Referer": "http://localhost/account/"})


def test_browser_without_cookies_is_told_so(app, alice, db):
    person = Client(app)
    form = person.get("/login").forms["log-in"]
    person.reset()
    form["email"], form["password"] = alice.email, PASSWORD
    page = submit_outdated(form)
    assert messages(page) == [
        "Your browser sent no cookie, and this site needs one. Nothing was saved yet. Please send the form once more."
    ]
    assert page.forms["log-in"]["email"].value == alice.email
    assert len(db.scalars(select(LoginSession)).all()) == 1


def test_recovery_codes_are_shown_again(alice):
    """They are on no other page."""
    page = alice.turn_on_two_factor()
    codes = [code.text for code in page.html.select(".codes code")]
    form = page.forms["download-codes"]
    alice.get("/account/").forms["log-out"].submit(status=303)
    login = alice.get("/login").forms["log-in"]
    login["email"], login["password"] = alice.email, PASSWORD
    second = login.submit(status=303).follow().forms["code"]
    second["code"] = codes[0]
    second.submit(status=303).follow()
    page = submit_outdated(form)
    assert messages(page) == ["You probably logged in or out in another window. Please press “Download” once more."]
    assert [code.text for code in page.html.select(".codes code")] == codes[1:]
    assert page.forms["download-codes"].submit(status=200).content_type == "text/plain"


def test_registration_of_an_invited_person_keeps_the_invitation(app, make_app, alice, run):
    link = run("invite", registration="invitation", public_url="http://localhost").output.split()[-1]
    person = Client(make_app(registration="invitation"))
    form = person.get(link.removeprefix("http://localhost")).follow().forms["register"]
    person.log_in(alice.email)
    person.list_path = alice.list_path
    person.log_out().follow()
    form["email"], form["password"], form["verify"] = "carol@example.com", NEW_PASSWORD, NEW_PASSWORD
    page = submit_outdated(form)
    assert messages(page) == SAVED_NOTHING
    again = page.forms["register"]
    assert again["email"].value == "carol@example.com"
    again["password"], again["verify"] = NEW_PASSWORD, "another"
    again = again.submit(status=303).follow().forms["register"]
    again["password"], again["verify"] = NEW_PASSWORD, NEW_PASSWORD
    again.submit(status=303)
    assert person.is_logged_in


def test_invitation_of_the_form_counts_and_not_that_of_another_tab(make_app, run):
    links = [run("invite", registration="invitation", public_url="http://localhost").output.split()[-1] for _ in "ab"]
    site = make_app(registration="invitation")
    person, other = Client(site), Client(site)
    first, second = (
        each.get(link.removeprefix("http://localhost")).follow().forms["register"]
        for each, link in ((person, links[0]), (other, links[1]))
    )
    person.get(links[1].removeprefix("http://localhost"))
    second["email"], second["password"], second["verify"] = "bob@example.com", NEW_PASSWORD, NEW_PASSWORD
    second.submit(status=303)
    first["email"], first["password"], first["verify"] = "carol@example.com", NEW_PASSWORD, NEW_PASSWORD
    first.submit(status=303)
    assert person.is_logged_in


@pytest.mark.parametrize("registration", ["open", "invitation", "closed"])
def test_wrong_invitation_in_a_form_is_ignored(make_app, registration):
    """The session could not hold one that is too long."""
    person = Client(make_app(registration=registration))
    token = person.get("/register").forms["register"]["csrf_token"].value if registration == "open" else "x"
    fields = {"csrf_token": token, "invitation": "x" * 5000, "email": "carol@example.com", "password": "x"}
    person.post("/register", fields, status=303 if registration == "open" else 400, headers=OURS)


def test_registration_whose_invitation_was_used_meanwhile_does_not_ask_to_send_it_again(make_app, alice, run):
    link = run("invite", registration="invitation", public_url="http://localhost").output.split()[-1]
    site = make_app(registration="invitation")
    person, other = Client(site), Client(site)
    form, faster = (
        each.get(link.removeprefix("http://localhost")).follow().forms["register"] for each in (person, other)
    )
    faster["email"], faster["password"], faster["verify"] = "bob@example.com", NEW_PASSWORD, NEW_PASSWORD
    faster.submit(status=303)
    person.log_in(alice.email)
    person.list_path = alice.list_path
    person.log_out().follow()
    page = submit_outdated(form)
    assert messages(page) == ["You probably logged in or out in another window."]
    assert "register" not in page.forms


def test_outdated_button_to_turn_on_two_step_verification_that_is_on_says_so(alice):
    form = alice.get("/account/").forms["start-two-factor"]
    alice.turn_on_two_factor()
    page = submit_outdated(form)
    assert messages(page)[-1].endswith(" Two-step verification is already on.")


@pytest.mark.parametrize("is_on", [True, False])
def test_outdated_set_up_of_two_step_verification_that_is_not_pending_says_so(alice, db, is_on):
    alice.begin_two_factor()
    form = alice.get("/account/two-factor/").forms["confirm"]
    db.execute(delete(TwoFactor))
    db.commit()
    change_login(alice)
    if is_on:
        alice.turn_on_two_factor()
    page = submit_outdated(form, 303).follow()
    wanted = (
        "Two-step verification is already on." if is_on else "Two-step verification is off. To set it up, start again."
    )
    assert messages(page, "info") == [wanted]


@pytest.mark.parametrize("form_id", ["turn-off", "renew-codes"])
def test_form_of_two_step_verification_that_was_turned_off_says_so(alice, db, form_id):
    alice.turn_on_two_factor()
    form = alice.get("/account/").forms[form_id]
    db.execute(delete(TwoFactor))
    db.commit()
    change_login(alice)
    page = submit_outdated(form)
    assert messages(page) == ["You probably logged in or out in another window. Two-step verification is off."]
