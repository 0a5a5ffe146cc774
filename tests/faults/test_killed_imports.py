"""If a server is killed while it imports, the next one goes on, and in the end, no movie is lost or there twice."""

import time

import pytest
from sqlalchemy import create_engine, func, select, update

from flicklist.models import Import, ImportSnapshot, Lease, Movie, Viewing
from flicklist.models.meta import utc_now
from tests.faults.conftest import Client, wait_until

ROWS = 10_000  # which are written in several transactions
CONTENT = "".join(f"[x] Movie {number} ({1950 + number % 70})\n" for number in range(ROWS))
SECONDS = 60  # for each piece of work, on a busy machine
DELAYS = [0.05, 0.8, 1.6]  # seconds until the server is killed while it reads or plans


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/flicklist.db"
    return request.getfixturevalue("postgresql").url


def test_import_of_killed_server_is_finished_by_the_next_one(make_server, database_url):
    server = make_server(database_url)
    server.start()
    engine = create_engine(database_url)
    client = Client(server).register("alice@example.com")
    path = client.upload(CONTENT)
    wait_until(lambda: state_of(engine) == "ready", "the preview is ready", SECONDS)
    assert client.post(f"{path}confirm").status == 303
    for delay in DELAYS:
        time.sleep(delay)
        server.kill()
        assert state_of(engine) == "confirmed"
        go_on(engine)
        server.start()
    for _ in range(2):
        kill_when_partly_done(server, engine, "confirmed")
    wait_until(lambda: state_of(engine) == "finished", "the import is finished", SECONDS)
    assert counts_of(engine) == (ROWS, ROWS)
    assert shows_all_rows(client.get(path))
    assert client.post(f"{path}take-back").status == 303
    kill_when_partly_done(server, engine, "taking back")
    wait_until(lambda: state_of(engine) == "taken back", "the import is taken back", SECONDS)
    assert counts_of(engine) == (0, 0)
    assert shows_all_rows(client.get(path))
    engine.dispose()


def shows_all_rows(page):
    assert page.status == 200, page.text
    return f"{ROWS:,}" in page.text


def kill_when_partly_done(server, engine, state):
    """Kill the server when some of the movies are on the list, and start it again."""
    wait_until(lambda: 0 < counts_of(engine)[0] < ROWS, "some movies are on the list", SECONDS)
    server.kill()
    assert state_of(engine) == state
    assert 0 < counts_of(engine)[0] < ROWS
    go_on(engine)
    server.start()


def state_of(engine):
    with engine.connect() as connection:
        return connection.scalar(select(Import.state))


def counts_of(engine):
    """Return the numbers of movies and viewings."""
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(ImportSnapshot)) == 0
        return tuple(connection.scalar(select(func.count()).select_from(model)) for model in (Movie, Viewing))


def go_on(engine):
    """Let the next server go on at once, as if the lease of the killed one had expired. Forget its attempts."""
    with engine.begin() as connection:
        connection.execute(update(Lease).values(expires_at=utc_now()))
        connection.execute(update(Import).values(attempts=0))
