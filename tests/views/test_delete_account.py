"""Deleting the account: a request makes it unreachable, and the clean-up deletes what it had."""

import time
from itertools import pairwise

import pytest
from sqlalchemy import insert, select, update

from flicklist.db import writing_engine
from flicklist.models import Base, Change, Import, ImportChunk, ImportRow, ImportSnapshot, Mail, Movie, User, Viewing
from flicklist.models.meta import utc_now
from flicklist.models.outbox import MailKind
from flicklist.services import clean_up
from flicklist.services.clean_up import BATCH
from flicklist.services.imports import attempt, storage
from flicklist.services.imports.storage import BATCHES
from flicklist.services.mail import Sender
from flicklist.views import account
from tests.clients import NEW_PASSWORD, PASSWORD, Client, messages, rows_of, wanted_page
from tests.faults.conftest import wait_until
from tests.postbox import link_in

DELETED = ["Your account was deleted. Deleting all of its data can take a few minutes."]
UNKNOWN = "Error: No account has the email address alice@example.com.\n"
# The tables of which the request deletes rows. It changes one other row, that of the account.
DELETED_AT_ONCE = {"login_sessions", "two_factor", "recovery_codes", "outbox"}
MANY = {
    "movies": 2 * BATCH + 1,
    "import_rows": 2 * BATCHES[ImportRow] + 1,
    "import_chunks": 2 * BATCHES[ImportChunk] + 1,
}


def delete_account(person, **fields):
    return person.send("/account/delete", current_password=PASSWORD, word="delete", **fields).follow()


def id_of(db, person):
    db.rollback()
    return db.scalars(select(User.id).where(User.email == person.email)).one()


def rows_left(db, user_id):
    db.rollback()
    db.expire_all()
    return {name: len(rows) for name, rows in rows_of(db, user_id).items() if rows}


@pytest.fixture
def much(alice, db):
    """More rows of Alice, of most kinds, than one transaction of the clean-up deletes."""
    alice.add("Heat")
    alice.cross_off("Heat")
    user_id = id_of(db, alice)
    movie_import = Import(owner_id=user_id, file_name="list.txt", size=1, state="finished")
    movies = [Movie(title=f"Movie {number}", owner_id=user_id) for number in range(1, MANY["movies"])]
    db.add_all([movie_import, *movies, Mail(kind=MailKind.PASSWORD_CHANGED, recipient=alice.email, user_id=user_id)])
    db.add(Mail(kind=MailKind.PASSWORD_RESET, recipient=alice.email))
    db.flush()
    part = {"import_id": movie_import.id}
    row = {**part, "file": "", "line": 1, "title": "Heat", "outcome": "added", "reason": ""}
    db.execute(insert(Viewing), [{"movie_id": movie.id, "watched_on": "1999"} for movie in movies])
    db.execute(insert(ImportRow), [{**row, "number": number} for number in range(MANY["import_rows"])])
    db.execute(insert(ImportSnapshot), [{**part, "movie_id": movie.id, "before": {}} for movie in movies])
    db.execute(insert(Change), [{"owner_id": user_id, "outcome": "x", "before": []} for _ in range(BATCH)])
    chunks = range(MANY["import_chunks"])
    db.execute(insert(ImportChunk), [{**part, "number": number, "content": b"x"} for number in chunks])
    db.commit()
    return user_id


def test_request_deletes_only_what_makes_the_account_reachable(alice, much, db):
    code = alice.turn_on_two_factor().html.select_one(".codes code").text
    before = rows_left(db, much)
    assert set(before) == set(rows_of(db, much))
    assert messages(delete_account(alice, code=code), "success") == DELETED
    after = rows_left(db, much)
    assert after == {name: number for name, number in before.items() if name not in DELETED_AT_ONCE}
    assert db.scalars(select(Mail)).all() == []


def test_number_of_statements_does_not_grow_with_the_list(alice, bob, much, statements):
    sent = []
    for person in (alice, bob):
        token = person.csrf_token()
        statements.clear()
        person.post("/account/delete", {"csrf_token": token, "current_password": PASSWORD, "word": "delete"})
        sent.append(list(statements))
    assert sent[0] == sent[1]
    deleted = {statement.split()[2] for statement in sent[0] if statement.startswith("DELETE")}
    assert deleted == DELETED_AT_ONCE


def test_clean_up_leaves_nothing_of_deleted_accounts_and_everything_of_others(alice, bob, much, db, run):
    bob.add("Ran")
    kept = rows_of(db, id_of(db, bob))
    delete_account(alice)
    other = Client(bob.app)
    other.register("carol@example.com")
    delete_account(other)
    assert run("clean-up").output.startswith("Deleted: deleted accounts: 2, removed movies: 0, changes: 0,")
    rows = {table.name: len(db.execute(select(table)).all()) for table in Base.metadata.sorted_tables}
    db.rollback()
    assert rows_of(db, id_of(db, bob)) == kept
    assert rows == dict.fromkeys(rows, 0) | {"users": 1, "login_sessions": 1, "movies": 1}
    assert run("clean-up").output.startswith("Deleted: deleted accounts: 0,")


def test_each_transaction_of_the_clean_up_is_small_and_a_killed_one_goes_on(alice, much, db, run, monkeypatch):
    """Between two transactions, the clean-up pauses. There it is killed, again and again."""
    delete_account(alice)
    steps = [rows_left(db, much)]

    class Killed(BaseException):
        pass

    def die(seconds):
        raise Killed

    monkeypatch.setattr(clean_up.time, "sleep", die)
    while steps[-1]:
        with pytest.raises(Killed):
            run("clean-up", catch_exceptions=False)
        steps.append(rows_left(db, much))
    largest = {
        name: max(before[name] - after.get(name, 0) for before, after in pairwise(steps) if name in before)
        for name in steps[0]
    }
    assert largest == {
        "users": 1,
        "imports": 1,
        "movies": BATCH,
        "viewings": BATCH,
        "changes": BATCH,
        "import_rows": BATCHES[ImportRow],
        "import_snapshots": BATCHES[ImportSnapshot],
        "import_chunks": BATCHES[ImportChunk],
    }
    assert set(steps[-2]) == {"users", "imports"}


def test_deletion_wakes_the_thread(make_app, alice, much, db):
    person = Client(make_app())
    person.log_in(alice.email)
    delete_account(person)
    wait_until(lambda: not rows_left(db, much), "the thread has deleted everything")


def test_account_is_unreachable_at_once(alice, bob, app, run, tmp_path, db):
    alice.add("Heat")
    reset_link = run("password-reset-link", alice.email).output.strip().removeprefix("http://localhost:6543")
    copied, opened = alice.copy(), Client(app)
    form = opened.get(reset_link).follow().forms["new-password"]
    db.execute(update(User).values(email_confirmed_at=utc_now()))
    db.commit()
    columns = [column for column in User.__table__.c if column.name not in {"id", "created_at"}]
    user_id = id_of(db, alice)
    own = select(*columns).where(User.id == user_id)
    before = db.execute(own).one()._asdict()
    delete_account(alice)
    db.rollback()
    after = db.execute(own).one()._asdict()
    assert [name for name in before if before[name] == after[name]] == []
    for person in (alice, copied):
        assert not person.is_logged_in
        assert wanted_page(person.get(alice.list_path, status=303)) == alice.list_path
    bob.get(alice.list_path, status=404)
    for slug in (after["watchlist_slug"], f"deleted%20{user_id}"):
        bob.get(f"/watchlists/{slug}/", status=404)
    alice.fail_to_log_in()
    form["password"] = form["verify"] = NEW_PASSWORD
    assert "This link has expired" in messages(form.submit(status=303).follow(), "error")[0]
    file = tmp_path / "list.txt"
    file.write_text("Ran")
    for command in ("password-reset-link", "end-login-sessions", "remove-two-factor", "export", "catalog fill"):
        for email in (alice.email, after["email_key"], after["email"]):
            assert "No account has the email address" in run(command, email).output, command
    assert run("import", alice.email, str(file)).output == UNKNOWN


def test_login_that_waits_for_its_code_fails(alice, app):
    code = alice.turn_on_two_factor().html.select(".codes code")
    pending = Client(app)
    page = pending.log_in(alice.email).follow()
    delete_account(alice, code=code[0].text)
    form = page.forms["code"]
    form["code"] = code[1].text
    assert messages(form.submit(status=303).follow(), "error") == ["Enter your password again."]
    assert not pending.is_logged_in


def test_email_address_is_free_at_once(alice, app, run):
    alice.add("Heat")
    delete_account(alice)
    again = Client(app)
    again.register(alice.email)
    again.add("Ran")
    again.log_out()
    again.log_in()
    assert again.list_path != alice.list_path
    delete_account(again)
    again.register()
    again.add("Ran")
    run("clean-up")
    assert again.watchlist() == ["Ran"]
    assert run("end-login-sessions", alice.email).output == "Login sessions ended: 1.\n"


def test_demo_account_can_be_created_again(run, app):
    password = run("demo").output.split()[-1]
    person = Client(app)
    person.log_in("demo@example.com", password)
    person.send("/account/delete", current_password=password, word="delete")
    assert run("demo").output.startswith("The demo account is ready.")


def test_link_that_confirms_an_address_does_nothing_after_deletion(mailing_site, postbox):
    person = Client(mailing_site)
    person.register("carol@example.com")
    link = link_in(postbox.wait_for(1))
    delete_account(person)
    person.register()
    page = person.get(link, status=303).follow()
    assert messages(page, "error") == ["This link belongs to another account. Log in to that account to use it."]


def test_mail_that_is_being_sent_is_not_sent_to_deleted_account(mailing_site, alice, postbox, db, monkeypatch):
    mailing_site.registry.mail_thread.stop()
    mailing_site.registry.clean_up_thread.stop()
    db.add(Mail(kind=MailKind.PASSWORD_CHANGED, recipient=alice.email, user_id=id_of(db, alice)))
    db.commit()
    compose = Sender._compose  # noqa: SLF001 - it runs between the transactions

    def delete_and_compose(sender, mail):
        delete_account(alice)
        return compose(sender, mail)

    monkeypatch.setattr(Sender, "_compose", delete_and_compose)
    engine = writing_engine(mailing_site.registry.flicklist.database_url)
    assert Sender(mailing_site.registry.flicklist, engine).send_due() == 0
    engine.dispose()
    assert postbox.mails == []


def test_email_address_that_is_confirmed_meanwhile_is_not_taken(mailing_site, postbox, db, app, monkeypatch):
    """The request that confirms the address was under way when the account was deleted."""
    if db.get_bind().dialect.name == "sqlite":
        pytest.skip("on SQLite, the deletion waits for the other request")
    mailing_site.registry.clean_up_thread.stop()
    person = Client(mailing_site)
    person.register("carol@example.com")
    postbox.wait_for(1)
    person.send("/account/change-email", current_password=PASSWORD, email="caroline@example.com")
    form = person.get(link_in(postbox.wait_for(2))).follow().forms["confirm"]
    other, email_to_confirm = person.copy(), account.accounts.email_to_confirm

    def delete_and_read(*arguments, **options):
        delete_account(other)  # later it would wait, because reading locks the account
        return email_to_confirm(*arguments, **options)

    monkeypatch.setattr(account.accounts, "email_to_confirm", delete_and_read)
    form.submit(status=303)
    Client(app).register("caroline@example.com")
    assert "caroline@example.com" not in db.scalars(select(User.email).where(User.deleted_at.is_not(None))).all()


@pytest.fixture
def upload(alice, work_on_imports):
    """Return a function that uploads a file and brings the import to the state before some work."""

    def upload_and_press(*buttons):
        page = alice.upload("Heat\n[x] Ran")
        for button in buttons:
            work_on_imports()
            page = alice.get(page.request.path).forms[button].submit(status=303).follow()

    return upload_and_press


# The work of the importer: the buttons that were pressed before it, and functions that it calls before and in the
# transaction that writes the movies.
WORK = {"read": (), "write": ["confirm"], "take back": ["confirm", "take-back"]}
FUNCTIONS = {
    "read": ("read_upload", None),
    "write": ("read_upload", "write_movies"),
    "take back": ("plan_taking_back", "take_back"),
}


@pytest.mark.parametrize("buttons", WORK.values(), ids=WORK.keys())
def test_waiting_import_of_deleted_account_is_not_begun(alice, upload, work_on_imports, run, db, buttons):
    upload(*buttons)
    user_id = id_of(db, alice)
    delete_account(alice)
    before = rows_left(db, user_id)
    assert storage.next_import_id(db) is None  # otherwise the next line would never end
    assert work_on_imports() == 0
    assert rows_left(db, user_id) == before
    run("clean-up")
    assert rows_left(db, user_id) == {}


def delete_before(name, monkeypatch, delete):
    """Let something be deleted just before the importer calls a function for the first time."""
    original, is_called = getattr(attempt, name), []

    def delete_first(*arguments, **options):
        if not is_called:
            is_called.append(True)
            delete()
        return original(*arguments, **options)

    monkeypatch.setattr(attempt, name, delete_first)


@pytest.mark.parametrize("is_cleaned_up", [False, True], ids=["marked", "cleaned up"])
@pytest.mark.parametrize(("work", "name"), [(work, name) for work, (name, _) in FUNCTIONS.items()])
def test_import_stops_when_its_account_is_deleted(
    alice, upload, work_on_imports, run, db, monkeypatch, caplog, work, name, is_cleaned_up
):
    """The account is deleted while the importer plans, outside its transactions."""
    upload(*WORK[work])
    user_id, left = id_of(db, alice), []

    def delete():
        delete_account(alice)
        if is_cleaned_up:
            run("clean-up")
        left.append(rows_left(db, user_id))

    delete_before(name, monkeypatch, delete)
    assert work_on_imports() == 1
    assert left == [rows_left(db, user_id)]
    assert caplog.text == ""
    run("clean-up")
    assert rows_left(db, user_id) == {}


@pytest.mark.parametrize("work", ["write", "take back"])
def test_import_writes_nothing_when_its_account_is_deleted_in_the_last_moment(
    alice, upload, work_on_imports, run, db, monkeypatch, caplog, work
):
    """The transaction that writes the movies has begun."""
    if db.get_bind().dialect.name == "sqlite":
        pytest.skip("on SQLite, the deletion waits for this transaction")
    upload(*WORK[work])
    user_id = id_of(db, alice)
    movies = rows_left(db, user_id).get("movies")
    delete_before(FUNCTIONS[work][1], monkeypatch, lambda: delete_account(alice))
    assert work_on_imports() == 1
    assert rows_left(db, user_id).get("movies") == movies
    assert caplog.text == ""
    run("clean-up")
    assert rows_left(db, user_id) == {}


@pytest.mark.parametrize("name", ["read_upload", "write_movies"])
def test_import_command_stops_when_the_account_is_deleted(alice, run, tmp_path, db, monkeypatch, name):
    if name == "write_movies" and db.get_bind().dialect.name == "sqlite":
        pytest.skip("on SQLite, the deletion waits for this transaction")
    file = tmp_path / "list.txt"
    file.write_text("Heat")
    user_id = id_of(db, alice)
    delete_before(name, monkeypatch, lambda: delete_account(alice))
    result = run("import", alice.email, str(file))
    reason = "It was deleted meanwhile, perhaps with the account."
    assert (result.exit_code, result.output) == (1, f"Error: list.txt was not imported. {reason}\n")
    assert "movies" not in rows_left(db, user_id)


def test_clean_up_lets_others_write(alice, much, db, run, monkeypatch):
    """Between two transactions, it waits about as long as one took."""
    delete_account(alice)
    pauses = []
    monkeypatch.setattr(clean_up.time, "sleep", pauses.append)
    begun = time.monotonic()
    run("clean-up")
    assert len(pauses) > 10
    assert all(pauses)
    assert sum(pauses) < time.monotonic() - begun
