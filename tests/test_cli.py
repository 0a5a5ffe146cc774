"""The ``flicklist`` commands, and the links that they print."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from zipfile import is_zipfile

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from flicklist.models import Import, Invitation, Mail, RecoveryCode, TwoFactor, User
from flicklist.models.meta import utc_now
from flicklist.models.outbox import MailKind
from flicklist.services import leases
from flicklist.services.imports import attempt, importer, planning
from flicklist.services.imports.rows import Option, ParsedUpload, Question
from flicklist.services.passwords import PasswordHasher
from flicklist.services.tokens import password_reset_tokens
from tests.clients import (
    NEW_PASSWORD,
    OUTDATED_RESET_LINK,
    PASSWORD,
    Client,
    follow_refusal,
    is_marked_invalid,
    messages,
    problems,
)
from tests.conftest import SECRET
from tests.postbox import running_postbox

INVALID_INVITATION = (
    "This invitation link has expired or was already used. If you’ve just registered with it, log in. "
    "Ask the person who runs this site for a new one."
)


def path_of(result):
    """Return the path and query of the link in the output of a command."""
    link = urlsplit(result.output.strip())
    assert (link.scheme, link.netloc) == ("https", "movies.example")
    return f"{link.path}?{link.query}"


def test_command_in_a_deleted_folder_fails_with_one_line(run, tmp_path, monkeypatch):
    folder = tmp_path / "deleted"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    result = run("serve")
    assert (result.exit_code, result.output) == (
        1,
        "Error: The current folder cannot be used: No such file or directory.\n",
    )


@pytest.mark.parametrize(
    ("command", "refused"), [("invite", "invitations.create"), ("clean-up", "delete_outdated_rows")]
)
def test_refusal_of_the_database_is_one_line(run, monkeypatch, command, refused):
    def refuse(*_):
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    monkeypatch.setattr(f"flicklist.cli.{refused}", refuse)
    result = run(command, registration="invitation")
    assert (result.exit_code, result.output) == (1, "Error: The database refused this: database is locked.\n")


def test_refusal_of_the_disk_is_one_line(run, alice):
    result = run("export", alice.email, "x" * 300)
    assert result.exit_code == 1
    assert result.output.startswith("Error: [Errno 36] File name too long: ")
    assert result.output.count("\n") == 1


@pytest.fixture
def invited(make_app):
    return make_app(registration="invitation", public_url="https://movies.example/")


@pytest.fixture
def invitation(run, invited):
    return path_of(run("invite", registration="invitation", public_url="https://movies.example/"))


def register(person, page, email="alice@example.com"):
    form = person.get(page).maybe_follow().forms["register"]
    form["email"], form["password"], form["verify"] = email, PASSWORD, PASSWORD
    return form.submit(status=303)


def test_send_mail_command_sends_due_mail(run, alice, db):
    with running_postbox() as postbox:
        settings = {"smtp_url": postbox.url, "public_url": "https://movies.example"}
        assert run("send-mail", **settings).output == "Emails sent: 0.\n"
        db.add(Mail(kind=MailKind.PASSWORD_RESET, recipient=alice.email))
        db.commit()
        assert run("send-mail", **settings).output == "Emails sent: 1.\n"
        assert postbox.wait_for(1)["To"] == alice.email
    assert "No mail is sent" in run("send-mail").output


def test_send_mail_command_refuses_outdated_database(run, empty_database_url):
    settings = {"smtp_url": "smtp://127.0.0.1:9", "public_url": "https://movies.example"}
    result = run("send-mail", database_url=empty_database_url, **settings)
    assert "Run “flicklist migrate”" in str(result.exception)


def test_invitation_registers_one_account(invited, invitation, db):
    register(Client(invited), invitation)
    page = Client(invited).get(invitation).follow()
    assert "register" not in page.forms
    assert INVALID_INVITATION in page.html.main.text
    assert db.scalars(select(Invitation)).all() == []


def test_failed_registration_keeps_invitation_valid(invited, invitation):
    person = Client(invited)
    page = follow_refusal(register(person, invitation, email="nobody"))
    form = page.forms["register"]
    form["email"], form["password"], form["verify"] = "alice@example.com", PASSWORD, PASSWORD
    form.submit(status=303)


def test_email_taken_in_race_keeps_invitation_valid(invited, invitation, db, monkeypatch):
    original = PasswordHasher.hash

    def register_somebody_else(hasher, password):
        db.add(User(email="alice@example.com", email_key="alice@example.com", password_hash="x"))
        db.commit()
        return original(hasher, password)

    monkeypatch.setattr(PasswordHasher, "hash", register_somebody_else)
    page = follow_refusal(register(Client(invited), invitation))
    assert is_marked_invalid(page, "email", "An account with that email address already exists. If it’s yours, log in.")
    assert len(db.scalars(select(Invitation)).all()) == 1


def test_invitation_expires(invited, invitation, db):
    db.execute(update(Invitation).values(expires_at=utc_now()))
    db.commit()
    page = Client(invited).get(invitation).follow()
    assert "register" not in page.forms
    assert INVALID_INVITATION in page.html.main.text


def test_invitation_that_expires_while_form_is_open_is_reported(invited, invitation, db):
    form = Client(invited).get(invitation).follow().forms["register"]
    db.execute(update(Invitation).values(expires_at=utc_now()))
    db.commit()
    form["email"], form["password"], form["verify"] = "alice@example.com", PASSWORD, PASSWORD
    assert messages(follow_refusal(form.submit()), "error") == [INVALID_INVITATION]


def test_second_click_on_register_says_that_the_person_can_log_in(invited, invitation, db):
    person = Client(invited)
    form = person.get(invitation).follow().forms["register"]
    form["email"], form["password"], form["verify"] = "alice@example.com", PASSWORD, PASSWORD
    cookies = list(person.cookiejar)
    form.submit(status=303)
    person.cookiejar.clear()  # the browser sends the second click before it has read the response to the first one
    for cookie in cookies:
        person.cookiejar.set_cookie(cookie)
    page = follow_refusal(form.submit(status=303))
    assert messages(page, "error") == [INVALID_INVITATION]
    person.log_in("alice@example.com")


def test_invitation_opened_while_logged_in_says_why_it_is_not_used(invited, invitation, db):
    person = Client(invited)
    register(person, invitation)
    person.get("/").maybe_follow()
    page = person.get("/register?invitation=x", status=303).follow()
    assert messages(page, "info") == ["You’re logged in. Log out to register somebody else with the invitation."]


def test_invalid_invitation_does_not_replace_valid_one(invited, invitation):
    person = Client(invited)
    person.get(invitation)
    register(person, "/register?invitation=x")


def test_registration_needs_invitation(invited, db):
    visitor = Client(invited)
    fields = {"email": "alice@example.com", "password": PASSWORD, "verify": PASSWORD}
    only_by_invitation = "Registration is by invitation only. Ask the person who runs this site for a link."
    for link, problem in (
        ("/register", only_by_invitation),
        ("/register?invitation=", only_by_invitation),
        ("/register?invitation=x", INVALID_INVITATION),
    ):
        assert problem in visitor.get(link).maybe_follow().html.main.text
        page = follow_refusal(visitor.send("/register", **fields))
        assert messages(page, "error") == [problem]
    assert db.scalars(select(User)).all() == []


def test_closed_site_refuses_registration_and_links_to_log_in(make_app, db):
    visitor = Client(make_app(registration="closed"))
    page = visitor.get("/watchlists/x/", status=303).follow()
    assert "Registration is closed." in page.html.main.text
    assert page.forms[0].submit().request.path_qs == "/login?next=%2Fwatchlists%2Fx%2F"
    page = follow_refusal(visitor.send("/register", email="alice@example.com", password=PASSWORD, verify=PASSWORD))
    assert messages(page, "error") == ["Registration is closed. Ask the person who runs this site for an account."]
    assert db.scalars(select(User)).all() == []


def test_invite_command_fails_if_registration_is_open(run):
    result = run("invite")
    assert result.exit_code == 1
    assert "Invitations are off. Set FLICKLIST_REGISTRATION=invitation first." in result.output


@pytest.fixture
def link(run, alice):
    return path_of(run("password-reset-link", "ALICE@example.com", public_url="https://movies.example"))


def set_password(page, password=NEW_PASSWORD):
    form = page.forms["new-password"]
    form["password"] = form["verify"] = password
    return form.submit(status=303)


def test_reset_link_works_once_and_ends_all_login_sessions(app, alice, link):
    visitor = Client(app)
    form = visitor.get(link, status=303).follow()
    assert "for the account of alice@example.com" in form.html.main.text
    page = set_password(form).follow()
    assert messages(page, "success") == ["Your password was changed. Log in with the new one."]
    assert not alice.is_logged_in
    visitor.fail_to_log_in("alice@example.com")
    visitor.log_in("alice@example.com", NEW_PASSWORD)
    again = Client(app).get(link, status=303).follow()
    assert again.request.path == "/password-reset/"
    assert messages(again, "error") == [OUTDATED_RESET_LINK]


def test_using_reset_link_logs_out_another_person(alice, bob, db):
    user = db.scalars(select(User).where(User.email == alice.email)).one()
    token = password_reset_tokens(SECRET).make(user.id, "", user.email_key, user.password_hash)
    copied = bob.copy()
    form = bob.get(f"/password-reset/new?token={token}").follow().forms["new-password"]
    form["password"] = form["verify"] = NEW_PASSWORD
    form.submit(status=303)
    assert not bob.is_logged_in
    assert not copied.is_logged_in


def test_invitation_token_is_removed_from_url(invited, invitation):
    person = Client(invited)
    answer = person.get(invitation, status=303)
    assert answer.location == "http://localhost/register"
    token = urlsplit(invitation).query.partition("=")[2]
    links = [link.get("href", "") + link.get("action", "") for link in answer.follow().html.find_all(["a", "form"])]
    assert not [link for link in links if token in link]


def test_reset_token_is_removed_from_url(app, link):
    response = Client(app).get(link, status=303)
    assert response.location == "http://localhost/password-reset/new"


def test_refused_password_keeps_reset_link_valid(app, link):
    visitor = Client(app)
    page = follow_refusal(set_password(visitor.get(link).follow(), "short"))
    assert problems(page) == ["A password needs at least 8 characters."]
    set_password(page)


def test_reset_link_expires_after_an_hour(app, link, monkeypatch):
    later = time.time() + 3601
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert Client(app).get(link, status=303).location.endswith("/password-reset/")


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-1], lambda t: "A" + t, lambda t: "", lambda t: "x.y.z", lambda t: "\a", lambda t: t * 20]
)
def test_malformed_token_is_refused(app, link, spoil):
    token = link.partition("=")[2]
    visitor = Client(app)
    assert visitor.get("/password-reset/new", {"token": spoil(token)}, status=303).location.endswith("/password-reset/")
    assert visitor.get("/password-reset/new", status=303).location.endswith("/password-reset/")


def test_changing_email_invalidates_reset_link(app, alice, link):
    alice.send("/account/change-email", email="ally@example.com", current_password=PASSWORD)
    assert Client(app).get(link, status=303).location.endswith("/password-reset/")


def test_reset_link_command_fails_for_unknown_email(run):
    for email in ("nobody@example.com", "nobody"):
        result = run("password-reset-link", email)
        assert (result.exit_code, result.output) == (1, f"Error: No account has the email address {email}.\n")


def test_log_out_command_ends_sessions_of_one_person_or_all(run, app, alice, bob):
    phone = Client(app)
    phone.log_in("alice@example.com")
    assert run("end-login-sessions", "alice@example.com").output == "Login sessions ended: 2.\n"
    assert (alice.is_logged_in, phone.is_logged_in, bob.is_logged_in) == (False, False, True)
    assert run("end-login-sessions", "--all").output == "Login sessions ended: 1.\n"
    assert not bob.is_logged_in
    assert run("end-login-sessions").exit_code == 2


def test_command_turns_off_two_factor_after_loss_of_app_and_codes(run, alice, app, db):
    user_id = db.scalars(select(User.id)).one()
    db.add(TwoFactor(user_id=user_id, confirmed_at=utc_now()))
    db.add(RecoveryCode(user_id=user_id, code_hash=b"x" * 32))
    db.commit()
    visitor = Client(app)
    visitor.log_in("alice@example.com")
    assert not visitor.is_logged_in
    settings = {"smtp_url": "smtp://127.0.0.1:9", "public_url": "https://movies.example"}
    done = run("remove-two-factor", "ALICE@example.com", **settings)
    assert done.output == "Two-step verification is off for alice@example.com.\n"
    assert db.execute(select(Mail.kind, Mail.recipient)).all() == [("two-factor-off", "alice@example.com")]
    visitor.log_in("alice@example.com")
    assert visitor.is_logged_in
    assert run("remove-two-factor", "nobody@example.com").exit_code == 1


def test_export_command_writes_the_same_file_as_the_account_page(run, alice, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    alice.add("Amélie", "2001")
    alice.cross_off("Amélie")
    download = alice.send("/account/export", current_password=PASSWORD, status=200).body
    file, size = Path("flicklist-export.zip"), f"({len(download):,} bytes)"
    result = run("export", "ALICE@example.com")
    assert result.output == f"Wrote the data of alice@example.com to flicklist-export.zip {size}.\n"
    assert file.read_bytes() == download
    result = run("export", alice.email, "-")
    assert (result.stdout_bytes, result.stderr) == (download, f"Wrote the data of alice@example.com {size}.\n")
    assert run("export", alice.email, "other.zip").exit_code == 0
    assert Path("other.zip").read_bytes() == download


def test_export_command_overwrites_file_only_with_force(run, alice, tmp_path):
    file = tmp_path / "data.zip"
    file.write_text("precious")
    refused = run("export", alice.email, str(file))
    assert (refused.exit_code, file.read_text()) == (1, "precious")
    assert refused.output == f"Error: {file} already exists. Use --force to overwrite it.\n"
    assert run("export", alice.email, str(file), "--force").exit_code == 0
    assert is_zipfile(file)


def test_failed_export_command_says_why_and_leaves_no_file(run, alice, tmp_path):
    file = tmp_path / "data.zip"
    unknown = run("export", "nobody@example.com", str(file))
    assert (unknown.exit_code, unknown.output) == (1, "Error: No account has the email address nobody@example.com.\n")
    assert not file.exists()
    lost = tmp_path / "lost" / "data.zip"
    assert run("export", alice.email, str(lost)).output == (
        f"Error: {lost} cannot be written: No such file or directory.\n"
    )


def movies_of(person):
    return (person.watchlist(), person.watched())


def test_import_command_imports_file(run, alice, tmp_path, db):
    file = tmp_path / "list.txt"
    file.write_text(f"[x] Heat (1995)\nRan (1985)\n{'x' * 300}\n", encoding="utf-8")
    result = run("import", alice.email, str(file), "--dry-run")
    assert "Movies that would be added: 2. Changed: 0. Viewings added: 1." in result.output
    assert movies_of(alice) == ([], [])
    assert db.scalars(select(Import)).all() == []
    result = run("import", alice.email.upper(), str(file))
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "Movies added: 2. Changed: 0. Viewings added: 1.",
        "Rows: 2 added, 0 changed a movie, 0 already on the list, 1 not imported.",
    ]
    assert movies_of(alice) == (["Ran"], ["Heat"])
    import_path = f"{alice.list_path}imports/{db.scalars(select(Import.id)).one()}/"
    alice.get(import_path).forms["take-back"].submit(status=303)


@pytest.mark.parametrize("option", [[], ["--dry-run"]])
def test_import_command_keeps_import_that_was_confirmed_in_a_browser(
    run, alice, tmp_path, monkeypatch, work_on_imports, option
):
    file = tmp_path / "list.txt"
    file.write_text("Heat")
    read_file = importer.Importer.read_file

    def read_and_confirm(*arguments):
        movie_import = read_file(*arguments)
        alice.send(f"{alice.list_path}imports/{movie_import.id}/confirm")
        return movie_import

    monkeypatch.setattr(importer.Importer, "read_file", read_and_confirm)
    result = run("import", alice.email, str(file), *option)
    assert option or result.output == f"Error: list.txt was not imported. {importer.CHANGED}\n"
    work_on_imports()
    assert movies_of(alice) == (["Heat"], [])


def test_import_command_refuses_with_one_line(run, alice, tmp_path, db, monkeypatch):
    file = tmp_path / "list.txt"
    file.write_bytes(b"\x89PNG\r\n\x1a\n\0\xff")
    result = run("import", alice.email, str(file))
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
    assert result.output.startswith("Error: list.txt was not imported. ")
    result = run("import", alice.email, str(file), max_upload_size="1000")
    assert result.exit_code == 1
    file.write_bytes(b"x" * 1001)
    assert "It is larger than 0.001 MB." in run("import", alice.email, str(file), max_upload_size="1000").output
    assert "No account has the email address" in run("import", "x@example.com", str(file)).output
    question = Question("kind", "Watched?", [Option("a", "Watched"), Option("b", "To watch")])
    monkeypatch.setattr(attempt, "read_upload", lambda *_, **__: ParsedUpload("CSV", (), (), [question]))
    result = run("import", alice.email, str(file))
    assert "Watched? Choose one: --answer kind=a (Watched), --answer kind=b (To watch)." in result.output
    assert run("import", alice.email, str(file), "--answer", "kind=a").exit_code == 0
    assert len(db.scalars(select(Import)).all()) == 1


def test_import_command_shows_questions_with_their_answers(run, alice, tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("Title,WatchedDate\nHeat,\nRan,2020-07-14\n")
    question = "“Heat” (line 2) has no date and no rating. Did you watch it?"
    choices = "--answer letterboxd_import=watched (Yes, I watched it)"
    assert f"{question} No answer. Choose one: {choices}" in run("import", alice.email, str(file), "--dry-run").output
    result = run("import", alice.email, str(file), "--answer", "letterboxd_import=watched", "--dry-run")
    assert f"{question} Yes, I watched it" in result.output
    wrong = run("import", alice.email, str(file), "--answer", "watched")
    assert (wrong.exit_code, "'watched' is not NAME=VALUE." in wrong.output) == (2, True)


def test_import_command_that_is_interrupted_says_that_the_server_tries_again(
    run, alice, tmp_path, monkeypatch, work_on_imports, end_pauses
):
    file = tmp_path / "list.txt"
    file.write_text("Heat\nRan")
    monkeypatch.setattr(planning, "MAX_WRITES_SIZE", 1)
    write, calls = attempt.write_movies, []

    def fail_second(*arguments):
        calls.append(arguments)
        return 1 / 0 if len(calls) == 2 else write(*arguments)

    monkeypatch.setattr(attempt, "write_movies", fail_second)
    result = run("import", alice.email, str(file))
    assert (result.exit_code, result.output.splitlines()[-1]) == (
        1,
        f"Error: list.txt was not imported. {importer.INTERRUPTED}",
    )
    busy = "Error: Another import is not finished yet. Try again later.\n"
    assert run("import", alice.email, str(file)).output == busy
    end_pauses()
    work_on_imports()
    assert sorted(alice.watchlist()) == ["Heat", "Ran"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("step", ["read_upload", "write_movies", "take_back"])
def test_import_command_that_is_stopped_leaves_nothing(run, alice, tmp_path, monkeypatch, db, step, number):
    """Neither in the middle of a transaction, nor if it is stopped again while it takes back what it has written."""
    file = tmp_path / "list.txt"
    file.write_text("Heat\nRan\nAlien")
    monkeypatch.setattr(planning, "MAX_WRITES_SIZE", 1)

    def stop_in(name):
        do_step = getattr(attempt, name)

        def stop(*arguments, **options):
            os.kill(os.getpid(), number)
            return do_step(*arguments, **options)

        patched.setattr(attempt, name, stop)

    with monkeypatch.context() as patched:
        stop_in(step)
        if step == "take_back":
            stop_in("write_movies")
        result = run("import", alice.email, str(file))
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == f"Error: list.txt was not imported. {attempt.CANCELED}"
    assert alice.watchlist() == []
    assert run("import", alice.email, str(file)).exit_code == 0
    assert sorted(alice.watchlist()) == ["Alien", "Heat", "Ran"]


WAIT_FOR_SIGNALS = """
from flicklist.cli import _catching_stop_signals

with _catching_stop_signals() as is_stopped:
    print("ready", flush=True)
    input()
    assert is_stopped()
"""


def test_import_command_survives_several_signals_at_once():
    pipe, command = subprocess.PIPE, [sys.executable, "-c", WAIT_FOR_SIGNALS]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP] * 2000:
            process.send_signal(number)
        process.stdin.write(b"\n")
        process.stdin.flush()
        try:
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def test_import_command_that_is_killed_after_it_was_stopped_imports_nothing_later(
    run, alice, tmp_path, monkeypatch, work_on_imports, end_pauses
):
    file = tmp_path / "list.txt"
    file.write_text("Heat\nRan\nAlien")
    monkeypatch.setattr(planning, "MAX_WRITES_SIZE", 1)
    write = attempt.write_movies

    def stop(*arguments):
        os.kill(os.getpid(), signal.SIGINT)
        return write(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(attempt, "write_movies", stop)
        patched.setattr(attempt, "take_back", lambda *_: 1 / 0)
        assert f"{attempt.CANCELED} {importer.NOT_TAKEN_BACK}" in run("import", alice.email, str(file)).output
    assert alice.watchlist() == ["Heat"]
    end_pauses()
    work_on_imports()
    assert alice.watchlist() == []
    assert attempt.CANCELED in alice.get(f"{alice.list_path}imports/").click("list.txt")


def test_import_command_whose_lease_was_taken_says_so(run, alice, tmp_path, monkeypatch):
    """This happens if the computer sleeps for minutes while the server runs on another one."""
    file = tmp_path / "list.txt"
    file.write_text("Heat")

    def lose_lease(*_, **__):
        raise leases.LeaseLost

    monkeypatch.setattr(attempt, "read_upload", lose_lease)
    assert run("import", alice.email, str(file)).output == f"Error: list.txt was not imported. {importer.TAKEN_OVER}\n"


def test_import_command_that_cannot_go_on_leaves_no_preview(run, alice, tmp_path, monkeypatch, db):
    """Another process can work on imports between the preview and the import."""
    file = tmp_path / "list.txt"
    file.write_text("Heat")
    read_file = importer.Importer.read_file

    def read_and_lose_lease(*arguments):
        movie_import = read_file(*arguments)
        leases.acquire(db, attempt.LEASE, "the server", timedelta(minutes=1))
        db.commit()
        return movie_import

    monkeypatch.setattr(importer.Importer, "read_file", read_and_lose_lease)
    assert (
        run("import", alice.email, str(file)).output == "Error: Another import is not finished yet. Try again later.\n"
    )
    assert "list.txt" not in alice.get(f"{alice.list_path}imports/")


def test_import_command_waits_for_no_other_process(run, alice, tmp_path, db):
    file = tmp_path / "list.txt"
    file.write_text("Heat")
    leases.acquire(db, attempt.LEASE, "the server", timedelta(minutes=1))
    db.commit()
    result = run("import", alice.email, str(file))
    assert (result.exit_code, result.output) == (1, "Error: Another import is not finished yet. Try again later.\n")
    assert db.scalars(select(Import)).all() == []
