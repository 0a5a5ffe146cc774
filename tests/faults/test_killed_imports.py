"""A server that is killed while it imports leaves all or nothing, and the next one goes on."""

import time

import pytest
from sqlalchemy import create_engine, func, select, update

from flicklist.models import Import, ImportSnapshot, Lease, Movie, Viewing
from flicklist.models.meta import utc_now
from tests.faults.conftest import Client, wait_until

ROWS = 5000
CONTENT = "".join(f"[x] Movie {number} ({1950 + number % 70})\n" for number in range(ROWS))
# Seconds between the button and the kill. Together they hit all phases: reading, planning, reporting and writing.
DELAYS = [0.05, 0.4, 0.8, 1.2, 1.6, 2.0, 2.4]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/flicklist.db"
    return request.getfixturevalue("postgresql").url


def test_server_killed_while_importing_leaves_all_or_nothing(make_server, database_url):
    server = make_server(database_url)
    server.start()
    engine = create_engine(database_url)
    client = Client(server).register("alice@example.com")
    path = client.upload(CONTENT)
    wait_until(lambda: state_of(engine) == "ready", "the preview is ready")
    assert client.post(f"{path}confirm").status == 303
    killed_while_working = 0
    for delay in DELAYS:
        time.sleep(delay)
        server.kill()
        counts, state = counts_of(engine), state_of(engine)
        assert counts == ((ROWS, ROWS) if state == "finished" else (0, 0)), (delay, state)
        killed_while_working += state == "confirmed"
        go_on(engine)
        server.start()
    assert killed_while_working >= 2
    wait_until(lambda: state_of(engine) == "finished", "the import is finished")
    assert counts_of(engine) == (ROWS, ROWS)
    assert f"{ROWS:,}" in client.get(path).text
    assert client.post(f"{path}take-back").status == 303
    time.sleep(0.1)
    server.kill()
    assert counts_of(engine) in {(ROWS, ROWS), (0, 0)}
    go_on(engine)
    server.start()
    wait_until(lambda: state_of(engine) == "taken back", "the import is taken back")
    assert counts_of(engine) == (0, 0)
    engine.dispose()


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
