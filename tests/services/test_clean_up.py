"""Outdated rows of everybody are deleted, by a command and by a thread of the server."""

import threading
import time
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from flicklist import clean_up
from flicklist.db import writing_engine
from flicklist.locks import Lock, lock_until_commit
from flicklist.models import Change, Invitation, LoginSession, Mail, Movie, User, Viewing
from flicklist.models.meta import utc_now
from flicklist.models.outbox import MailKind
from flicklist.services.clean_up import BATCH, delete_outdated_rows
from tests.clients import Client
from tests.faults.conftest import wait_until
from tests.races import in_background

NOTHING = (
    "Deleted: deleted accounts: 0, removed movies: 0, "
    "changes: 0, login sessions: 0, invitations: 0, unsent emails: 0.\n"
)


def age(db, column, criterion, **ago):
    """Move the times in a column into the past."""
    db.execute(update(column.class_).where(criterion).values({column.key: utc_now() - timedelta(**ago)}))
    db.commit()


@pytest.fixture
def aged(app, alice, bob, db):
    """Outdated rows of Alice and Bob, and rows that can still be used."""
    for person in (alice, bob):
        for title in ("Old", "Recent"):
            person.add(title)
            person.cross_off(title)
            person.send(f"{person.movie_path(title)}/remove")
        Client(app, person.email).log_in()
    age(db, Movie.removed_at, Movie.title == "Old", days=31)
    age(db, Movie.removed_at, Movie.title == "Recent", days=29)
    owner = select(User.id).where(User.email == bob.email).scalar_subquery()
    age(db, Change.created_at, Change.owner_id == owner, days=31)
    newest = select(func.max(LoginSession.id)).group_by(LoginSession.user_id)
    age(db, LoginSession.last_seen_at, LoginSession.id.in_(newest), days=31)
    for days in (-1, 1):
        db.add(Invitation(token_hash=bytes([days + 1]) * 32, expires_at=utc_now() + timedelta(days=days)))
        due_at = utc_now() - timedelta(days=7 - days)
        db.add(Mail(kind=MailKind.PASSWORD_RESET, recipient="a@example.com", due_at=due_at))
    db.commit()
    return db


def assert_only_usable_rows_are_left(db, alice, bob):
    db.rollback()
    assert set(db.scalars(select(Movie.title))) == {"Recent"}
    assert len(db.scalars(select(Viewing.id)).all()) == 2
    assert set(db.scalars(select(User.email).join(Change, Change.owner_id == User.id))) == {alice.email}
    assert len(db.scalars(select(LoginSession.id)).all()) == 2
    assert (alice.is_logged_in, bob.is_logged_in) == (True, True)
    assert db.scalars(select(Invitation.expires_at)).one() > utc_now()
    assert db.scalars(select(Mail.due_at)).one() > utc_now() - timedelta(days=7)


def test_command_deletes_outdated_rows_of_everybody(run, aged, alice, bob):
    assert run("clean-up").output == (
        "Deleted: deleted accounts: 0, removed movies: 2, "
        "changes: 4, login sessions: 2, invitations: 1, unsent emails: 1.\n"
    )
    assert_only_usable_rows_are_left(aged, alice, bob)
    assert run("clean-up").output == NOTHING


def test_more_rows_than_fit_in_a_transaction_are_deleted(run, alice, db):
    user_id = db.scalars(select(User.id)).one()
    for _ in range(2 * BATCH + 1):
        db.add(Change(owner_id=user_id, outcome="x", before=[], created_at=utc_now() - timedelta(days=31)))
    db.commit()
    assert "changes: 101," in run("clean-up").output
    assert db.scalars(select(Change)).all() == []


def test_thread_of_server_deletes_outdated_rows(make_app, aged, alice, bob, monkeypatch):
    monkeypatch.setattr(clean_up, "FIRST_PAUSE_SECONDS", 0)
    make_app()

    def is_done():
        aged.rollback()
        return len(aged.scalars(select(Mail.id)).all()) == 1

    wait_until(is_done, "the thread has deleted everything")
    assert_only_usable_rows_are_left(aged, alice, bob)


def test_thread_stops_at_once(make_app):
    begun = time.monotonic()
    thread = make_app().registry.clean_up_thread
    thread.stop()
    assert not thread.is_alive()
    assert time.monotonic() - begun < 5


def test_only_one_process_deletes_rows_at_a_time(run, aged, database_url, alice, bob):
    """The others wait for their turn, so that none of them leaves what a person has just deleted for an hour."""
    engine = writing_engine(database_url)
    waiting = threading.Thread(target=run, args=["clean-up"])
    with engine.begin() as connection:
        lock_until_commit(connection, Lock.CLEAN_UP)
        waiting.start()
        time.sleep(0.5)
        assert len(connection.scalars(select(Mail.id)).all()) == 2
    waiting.join()
    engine.dispose()
    assert_only_usable_rows_are_left(aged, alice, bob)


def test_movie_that_is_restored_meanwhile_is_kept(run, aged, engine):
    with engine.connect() as connection, ExitStack() as stack:
        connection.execute(update(Movie).where(Movie.title == "Old").values(removed_at=None))
        stack.enter_context(in_background(lambda: run("clean-up"), engine))
        connection.commit()
    aged.rollback()
    assert sorted(aged.scalars(select(Movie.title))) == ["Old", "Old", "Recent", "Recent"]


def test_concurrent_clean_ups_delete_each_row_once(aged, make_app, database_url, alice, bob):
    settings = make_app().registry.flicklist
    deleted = []

    def work():
        engine = writing_engine(database_url)
        deleted.append(sum(delete_outdated_rows(engine, settings).values()))
        engine.dispose()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(deleted), sum(deleted)) == (4, 10)
    assert_only_usable_rows_are_left(aged, alice, bob)
