"""Fixtures: the real application on a real database, with real commits.

Every test runs on SQLite. If FLICKLIST_TEST_POSTGRESQL_URL names a server that allows creating a database, every test
also runs on PostgreSQL. Each test starts with an empty database.
"""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import settings
from jinja2 import Environment
from sqlalchemy import create_engine, delete, event, make_url, text, update
from sqlalchemy.orm import Session

from flicklist import main
from flicklist.cli import flicklist
from flicklist.importer import open_importer
from flicklist.models import Base, Import
from flicklist.models.meta import utc_now
from flicklist.models.movie_import import RETRY_PAUSE
from flicklist.services.imports.importer import Result
from flicklist.settings import Settings
from tests.clients import Client
from tests.postbox import running_postbox

# The same examples in every run. pytest --hypothesis-profile=default tries others.
settings.register_profile("flicklist", derandomize=True, database=None, deadline=None)
settings.load_profile("flicklist")

POSTGRESQL_URL = os.environ.get("FLICKLIST_TEST_POSTGRESQL_URL")
LIMITS = [
    "rate_limit_passwords",
    "rate_limit_log_in",
    "rate_limit_log_in_per_account",
    "rate_limit_two_factor",
    "rate_limit_register",
    "rate_limit_mail",
    "rate_limit_mail_per_client",
    "rate_limit_changes",
    "rate_limit_searches",
    "rate_limit_completions",
    "rate_limit_downloads",
    "rate_limit_read_seconds",
    "rate_limit_uploads",
]
DATABASES = ["sqlite", "postgresql"] if POSTGRESQL_URL else ["sqlite"]
SECRET = "a secret that is long enough and used in tests only, 0123456789abcdef"


@pytest.fixture(scope="session")
def root():
    """The root of the repository."""
    return Path(__file__).parent.parent


def pytest_terminal_summary(terminalreporter):
    if not POSTGRESQL_URL:
        terminalreporter.write_line("PostgreSQL was left out: FLICKLIST_TEST_POSTGRESQL_URL is not set.")


@pytest.fixture(scope="session", autouse=True)
def compiled_templates():
    """Compile each template once. Hundreds of tests make the site again, which would take twice as long."""
    compile_template, compiled = Environment.compile, {}

    def compile_once(environment, *template):
        if template not in compiled:
            compiled[template] = compile_template(environment, *template)
        return compiled[template]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "compile", compile_once)
        yield


@pytest.fixture(scope="session", params=DATABASES)
def database_url(request, tmp_path_factory):
    """The URL of a database that only this run uses."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('database')}/flicklist.db"
    else:
        with postgresql_database(f"flicklist_test_{os.getpid()}") as url:
            yield url


@contextmanager
def postgresql_database(name, options=""):
    server = create_engine(POSTGRESQL_URL, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name} {options}"))
        yield make_url(POSTGRESQL_URL).set(database=name).render_as_string(hide_password=False)
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def empty_database_url(database_url, tmp_path):
    """The URL of a database without tables."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path}/empty.db"
    else:
        with postgresql_database(f"flicklist_empty_{os.getpid()}") as url:
            yield url


@pytest.fixture(scope="session")
def ini(database_url):
    """The settings of the site, as read from an ini file."""
    return {
        "flicklist.database_url": database_url,
        "flicklist.migrate_at_start": "true",
        "flicklist.secret": SECRET,
        "flicklist.https": "false",
        "flicklist.bcrypt_cost": "4",
        "flicklist.max_concurrent_hashes": "8",
        "flicklist.runs_imports": "false",  # tests do the work themselves, see `work_on_imports`
        **{f"flicklist.{name}": "" for name in LIMITS},
    }


@pytest.fixture(scope="session")
def session_app(ini):
    app = main({}, **ini)
    app.registry.clean_up_thread.stop()  # tests do the work themselves, with `run("clean-up")`
    yield app
    dispose(app)


def dispose(app):
    app.registry.clean_up_thread.stop()
    if app.registry.flicklist.sends_mail:
        app.registry.mail_thread.stop()
    if app.registry.flicklist.runs_imports:
        app.registry.import_thread.stop()
    for engine in app.registry.engines:
        engine.dispose()


@pytest.fixture(scope="session")
def engine(session_app, database_url):
    """An engine of the tests' own, separate from those of the site."""
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def app(session_app, engine):
    """The site on an empty database."""
    with engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(delete(table))
    yield session_app
    assert [engine.pool.checkedout() for engine in session_app.registry.engines] == [0, 0], "a connection was kept"


@pytest.fixture
def make_app(app, ini):
    """Return a function that makes the site again with other settings, on the same database."""
    made = []

    def make(**settings):
        changed = {f"flicklist.{name}": value for name, value in settings.items()}
        made.append(main({}, **{**ini, **changed}))
        return made[-1]

    yield make
    for each in made:
        dispose(each)


@pytest.fixture
def postbox():
    """A mail server that keeps the mails it receives."""
    with running_postbox() as box:
        yield box


@pytest.fixture
def mailing_site(postbox, make_app):
    """The site with a mail server. The server comes first, so that it stops after the site, which sends mail to it."""
    return make_app(smtp_url=postbox.url, public_url="https://movies.example", mail_from="FlickList <f@movies.example>")


@pytest.fixture
def db(engine, app):
    """A session that sees only committed data."""
    with Session(engine) as session:
        yield session


@pytest.fixture
def visitor(app):
    return Client(app)


@pytest.fixture
def alice(app):
    person = Client(app)
    person.register("alice@example.com")
    return person


@pytest.fixture
def bob(app):
    person = Client(app)
    person.register("bob@example.com")
    return person


@pytest.fixture
def statements(app):
    """A live list of the statements that the site sends."""
    sent = []

    def note(connection, cursor, statement, parameters, context, executemany):
        sent.append(statement)

    for engine in app.registry.engines:
        event.listen(engine, "before_cursor_execute", note)
    yield sent
    for engine in app.registry.engines:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def work_on_imports(app, ini):
    """Return a function that does all work on imports that waits, and returns on how many."""
    with open_importer(Settings.read(ini, {})) as importer:

        def work():
            number = 0
            while importer.next_import_id() is not None:
                if importer.run_next() is not Result.DONE:
                    return number
                number += 1
            importer.run_next()  # deletes what has expired meanwhile
            return number

        yield work


@pytest.fixture
def end_pauses(engine):
    """Return a function that lets each import that failed be tried again now."""

    def end():
        with engine.begin() as connection:
            connection.execute(update(Import).values(waiting_since=utc_now() - RETRY_PAUSE))

    return end


@pytest.fixture
def run(app, ini, tmp_path):
    """Return a function that runs a ``flicklist`` command on the site's database."""
    file = tmp_path / "site.ini"

    def run_with(command, *arguments, catch_exceptions=True, **settings):
        changed = {f"flicklist.{name}": value for name, value in settings.items()}
        lines = [f"{key} = {value.replace('%', '%%')}" for key, value in {**ini, **changed}.items()]
        file.write_text("\n".join(["[app:main]", "use = egg:flicklist", *lines]))
        return CliRunner().invoke(
            flicklist, [*command.split(), str(file), *arguments], catch_exceptions=catch_exceptions
        )

    return run_with
