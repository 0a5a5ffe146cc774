"""A start that fails prints one line, which says what to fix. Each test runs the real command."""

import os
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from flicklist import main, migrations
from flicklist.db import connect_args, disposing, writing_engine
from flicklist.locks import Lock, lock_until_commit
from tests.conftest import POSTGRESQL_URL, SECRET, postgresql_database
from tests.faults.conftest import free_port

BIN = Path(sys.executable).parent
COMMANDS = {
    "migrate": [BIN / "flicklist", "migrate"],
    "serve": [BIN / "flicklist", "serve"],
    "processes": [BIN / "flicklist", "serve", "--processes", "2"],
    "pserve": [BIN / "pserve"],
}
SERVERS = ["serve", "pserve"]
MIGRATION_AND_START = ["migrate", "pserve"]


@pytest.fixture
def fail(root, tmp_path):
    """Return a function that runs a command with production.ini, and returns the one line that it prints."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()

    def run(command, database_url, listen="127.0.0.1:0", change=lambda text: text.encode(), **environment):
        ini = tmp_path / "production.ini"
        text = re.sub(r"(?m)^listen = .*$", f"listen = {listen}", (root / "production.ini").read_text())
        ini.write_bytes(change(text))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLICKLIST_")}
        settings = {"FLICKLIST_DATABASE_URL": database_url, "FLICKLIST_SECRET": SECRET, "FLICKLIST_HOSTS": "localhost"}
        failed = subprocess.run(
            [*COMMANDS[command], ini],
            env=kept | settings | environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (failed.returncode, failed.stdout) == (1, "")
        (line,) = failed.stderr.splitlines()
        return line

    yield run
    assert list(folder.iterdir()) == []


@pytest.fixture
def postgresql_url():
    if not POSTGRESQL_URL:
        pytest.skip("needs PostgreSQL")
    with postgresql_database(f"flicklist_start_{os.getpid()}") as url:
        yield url


@pytest.mark.parametrize("command", MIGRATION_AND_START)
def test_database_with_other_encoding(fail, command):
    if not POSTGRESQL_URL:
        pytest.skip("needs PostgreSQL")
    options = "TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'"
    with postgresql_database(f"flicklist_ascii_{os.getpid()}", options) as url:
        assert fail(command, url) == (
            f"The database flicklist_ascii_{os.getpid()} on {make_url(url).host} has the encoding SQL_ASCII. "
            "Create one with the encoding UTF-8."
        )


def test_role_that_may_not_create_tables(fail, postgresql_url):
    role = f"flicklist_poor_{os.getpid()}"
    engine = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
        try:
            url = make_url(postgresql_url).set(username=role, password="x").render_as_string(hide_password=False)
            line = fail("migrate", url)
        finally:
            connection.exec_driver_sql(f"DROP ROLE {role}")
    engine.dispose()
    assert re.fullmatch(r"The database flicklist_start_\d+ on \S+ cannot be migrated: permission denied .*", line)


def test_role_that_lacks_privileges(fail, postgresql_url):
    migrations.upgrade(postgresql_url)
    role = f"flicklist_reader_{os.getpid()}"
    url = make_url(postgresql_url).set(username=role, password="x").render_as_string(hide_password=False)
    engine = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
        try:
            connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
            line = fail("serve", url)
            connection.exec_driver_sql(f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
            connection.exec_driver_sql(f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}")
            line_without_sequences = fail("serve", url)
            connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
            migrations.require_newest(url)
        finally:
            connection.exec_driver_sql(f"DROP OWNED BY {role}")
            connection.exec_driver_sql(f"DROP ROLE {role}")
    engine.dispose()
    assert re.fullmatch(
        r"The database flicklist_start_\d+ on \S+ does not allow its role DELETE on changes\. "
        r"Grant SELECT, INSERT, UPDATE and DELETE on all tables\.",
        line,
    )
    assert line_without_sequences.endswith(
        "does not allow its role USAGE on the sequence of movies. Grant USAGE on all sequences."
    )


@pytest.fixture
def without_root(monkeypatch):
    """Let commands run without the capabilities with which root may write to any file."""
    if os.geteuid() == 0:
        lost = "-dac_override,-dac_read_search"
        for name in ("serve", "pserve", "processes"):
            command = ["setpriv", "--bounding-set", lost, "--inh-caps", lost, *COMMANDS[name]]
            monkeypatch.setitem(COMMANDS, name, command)


READ_ONLY = "The database {} is read-only. Let the user of the site write to the file and to its folder."


@pytest.mark.parametrize("command", [*SERVERS, "processes"])
@pytest.mark.parametrize("read_only", ["file", "folder"])
def test_sqlite_file_that_cannot_be_written(fail, tmp_path, without_root, command, read_only):
    """It was restored, so it is not in WAL mode."""
    folder = tmp_path / "data"
    folder.mkdir()
    file = folder / "flicklist.db"
    migrations.upgrade(f"sqlite:///{file}")
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    before = file.read_bytes()
    changed, mode = (file, 0o400) if read_only == "file" else (folder, 0o500)
    changed.chmod(mode)
    line = fail(command, f"sqlite:///{file}")
    changed.chmod(0o700)
    assert line == READ_ONLY.format(file)
    assert file.read_bytes() == before
    assert list(folder.iterdir()) == [file]


def test_sqlite_file_of_another_user(fail, tmp_path, without_root):
    """A backup that root has restored, for example."""
    file = tmp_path / "flicklist.db"
    migrations.upgrade(f"sqlite:///{file}")
    file.chmod(0o000)
    line = fail("serve", f"sqlite:///{file}")
    assert line == (
        f"The database {file} cannot be opened. "
        "Check the path, and let the user of the site write to the file and to its folder."
    )


def test_sqlite_file_in_use_that_cannot_be_written(fail, tmp_path, without_root):
    """Another user copied it there, as it was while the site ran."""
    file = tmp_path / "flicklist.db"
    migrations.upgrade(f"sqlite:///{file}")
    file.chmod(0o400)
    line = fail("serve", f"sqlite:///{file}")
    assert line == READ_ONLY.format(file)


def test_start_does_not_wait_for_a_writer_and_changes_nothing(empty_database_url):
    migrations.upgrade(empty_database_url)
    engine = writing_engine(empty_database_url)
    with engine.begin():
        begun = time.monotonic()
        migrations.require_newest(empty_database_url)
        assert time.monotonic() - begun < 3
    engine.dispose()


@pytest.mark.parametrize("command", ["migrate", "serve", "processes"])
def test_read_only_postgresql(fail, postgresql_url, command):
    migrations.upgrade(postgresql_url)
    name = make_url(postgresql_url).database
    engine = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    engine.dispose()
    line = fail(command, postgresql_url)
    assert line == (
        f"The database {name} on {make_url(postgresql_url).host} is read-only. "
        "Turn off default_transaction_read_only, or use the primary server."
    )
    migrations.require_newest(postgresql_url, only_reads=True)


@pytest.mark.parametrize("command", MIGRATION_AND_START)
def test_database_of_another_application(fail, empty_database_url, command):
    engine = create_engine(empty_database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql('CREATE TABLE "my\nusers" (id INTEGER)')
    line = fail(command, empty_database_url)
    assert "has tables of another application, such as my users. Give FlickList a database of its own." in line
    with engine.begin() as connection:
        connection.exec_driver_sql('DROP TABLE "my\nusers"')
    engine.dispose()


@pytest.mark.parametrize("command", MIGRATION_AND_START)
@pytest.mark.parametrize(
    ("stored", "shown"),
    [(["0003", "0005"], "0003, 0005"), (["0001\n2"], "0001 2")],
    ids=["several migrations", "line break"],
)
def test_migrations_of_another_application(fail, empty_database_url, command, stored, shown):
    engine = create_engine(empty_database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        for revision in stored:
            connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{revision}')")
    line = fail(command, empty_database_url)
    assert f"or to another application (migration {shown}). Update FlickList" in line
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    engine.dispose()


@pytest.mark.parametrize("command", MIGRATION_AND_START)
def test_view_with_the_migrations_of_another_application(fail, empty_database_url, command):
    engine = create_engine(empty_database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE VIEW alembic_version AS SELECT CAST('x' AS VARCHAR(9)) AS version_num")
    line = fail(command, empty_database_url, FLICKLIST_MIGRATE_AT_START="true")
    assert "or to another application (migration x). Update FlickList" in line
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP VIEW alembic_version")
    engine.dispose()


@pytest.mark.parametrize("command", MIGRATION_AND_START)
def test_file_that_is_no_database(fail, tmp_path, command):
    file = tmp_path / "notes.txt"
    file.write_text("Movies to watch\n" * 100)
    assert fail(command, f"sqlite:///{file}") == f"The database {file} does not answer: file is not a database"
    assert file.read_text() == "Movies to watch\n" * 100


def test_wrong_option_in_url_of_database(fail):
    line = fail("migrate", "postgresql+psycopg://localhost/flicklist?plugin=foo")
    assert line.startswith("The database flicklist on localhost cannot be opened with the options of its URL: ")


@pytest.mark.parametrize(
    ("command", "said"), [("migrate", "cannot be opened. Check the path, "), ("serve", "does not exist. ")]
)
def test_file_name_that_is_too_long(fail, tmp_path, command, said):
    assert fail(command, f"sqlite:///{tmp_path}/{'a' * 300}").startswith(f"The database {tmp_path}/{'a' * 300} {said}")


def test_postgresql_that_is_silent_is_not_waited_for_forever(fail):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql+psycopg://flicklist@127.0.0.1:{silent.getsockname()[1]}/flicklist"
        line = fail("migrate", f"{url}?connect_timeout=2")
    assert line == "The database flicklist on 127.0.0.1 does not answer: connection timeout expired"
    assert connect_args(url)["connect_timeout"] == "10"
    assert "connect_timeout" not in connect_args(f"{url}?connect_timeout=2")


@pytest.mark.parametrize(
    ("variable", "shown"), [("PGDATABASE", "The database movies on"), ("PGSERVICE", "The database on")]
)
def test_database_that_a_variable_names(fail, monkeypatch, variable, shown):
    monkeypatch.setenv(variable, "movies")
    assert fail("migrate", "postgresql+psycopg://127.0.0.1:1").startswith(f"{shown} 127.0.0.1 does not answer: ")


def test_ini_file_that_does_not_exist_is_reported_in_one_line(root, tmp_path):
    for command in ("migrate", "serve", "clean-up"):
        failed = subprocess.run(
            [BIN / "flicklist", command, tmp_path / "no.ini"], capture_output=True, text=True, timeout=60, check=False
        )
        assert (failed.returncode, failed.stdout) == (1, "")
        assert failed.stderr == f"Error: File '{tmp_path}/no.ini' does not exist.\n"


def test_file_name_with_line_break_is_shown_in_one_line(fail, tmp_path):
    line = fail("serve", f"sqlite:///{tmp_path}/a\nb.db")
    assert line.startswith(f"The database {tmp_path}/a b.db does not exist. ")


@pytest.mark.parametrize("command", SERVERS)
def test_relative_path_is_shown_as_it_was_understood(fail, tmp_path, command):
    """The migrated database is in another folder."""
    sqlite3.connect(tmp_path / "flicklist.db").close()
    line = fail(command, "sqlite:///flicklist.db")
    assert line.startswith(f"The database {tmp_path}/elsewhere/flicklist.db does not exist. Run “flicklist migrate”")


@pytest.mark.parametrize("command", SERVERS)
def test_port_in_use_stops_start_before_migrations(fail, tmp_path, command):
    file = tmp_path / "flicklist.db"
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        line = fail(command, f"sqlite:///{file}", listen=address, FLICKLIST_MIGRATE_AT_START="true")
    port = address.partition(":")[2]
    assert line == f"The server cannot listen on 127.0.0.1, port {port}: Address already in use."
    assert not file.exists()


@pytest.mark.parametrize("command", SERVERS)
def test_address_that_another_start_has_bound_too(fail, tmp_path, command):
    """Linux lets several sockets bind an address as long as none listens. Two starts at once come to this."""
    file = tmp_path / "flicklist.db"
    port = free_port()
    addresses = f"127.0.0.1:{port} *:{port}"
    line = fail(command, f"sqlite:///{file}", listen=addresses, FLICKLIST_MIGRATE_AT_START="true")
    assert re.fullmatch(rf"The server cannot listen on .*, port {port}: Address already in use\.", line)
    assert not file.exists()


@pytest.mark.parametrize("command", SERVERS)
def test_address_that_the_machine_lacks(fail, tmp_path, command):
    """It lacks ::1, to which localhost leads, if IPv6 is off."""
    line = fail(command, f"sqlite:///{tmp_path}/flicklist.db", listen="[2001:db8::1]:6543")
    assert re.fullmatch(
        r"The server cannot listen on 2001:db8::1, port 6543: .*\. "
        r"If IPv6 is off, listen on 127\.0\.0\.1 instead of localhost\.",
        line,
    )


@pytest.mark.parametrize("command", SERVERS)
def test_host_name_that_does_not_exist(fail, tmp_path, command):
    line = fail(command, f"sqlite:///{tmp_path}/flicklist.db", listen="no-such-host.invalid:6543")
    assert line.startswith("Invalid section [server:main]: ")


@pytest.mark.parametrize("command", ["migrate", "serve"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("[app:main]", "# é\n[app:main]").encode("latin-1"), "can't decode byte 0xe9"),
        (lambda text: text.replace("[app:main]", "app:main").encode(), "no section"),
        (lambda text: text.replace("[app:main]", "[app:main]\nuse = egg:a\nuse = egg:b").encode(), "already exists"),
    ],
    ids=["not-utf8", "no-section", "twice"],
)
def test_ini_file_that_cannot_be_read(fail, tmp_path, command, change, said):
    line = fail(command, f"sqlite:///{tmp_path}/flicklist.db", change=change)
    assert line.startswith(f"{tmp_path}/production.ini cannot be read: ")
    assert said in line


UNREADABLE = "{ini} cannot be read: "
LOGGING = "{ini} has a mistake in the sections for logging: "
INVALID = "Invalid setting: "


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[server:main]", "[server:other]", UNREADABLE + "No section 'main' (prefixed by 'server') found"),
        ("[server:main]\nuse =", "[server:main]\n#", UNREADABLE + "No loader given in section 'server:main'"),
        ("[server:main]\nuse = egg:flicklist", "[server:main]\nuse = egg:nosuch", UNREADABLE + "No package metadata"),
        ("[server:main]\nuse = egg:flicklist", "[server:main]\nuse = egg:", UNREADABLE),
        ("[server:main]\nuse = egg:flicklist", "[server:main]\nuse = call:flicklist:nosuch", UNREADABLE),
        ("[server:main]\nuse = egg:flicklist", "[server:main]\nuse = main", UNREADABLE),
        ("threads = 16", "threads = %(nope)s", UNREADABLE + "Error in file {ini}: Bad value substitution: option 'thr"),
        ("threads = 16", "get threads = nope", UNREADABLE + "'nope' is missing"),
        ("[app:main]\nuse = egg:flicklist", "[app:main]\nuse = egg:nosuch", UNREADABLE + "No package metadata"),
        ("[app:main]", "[pserve]\nopen_url = %(nope)s\n[app:main]", UNREADABLE + "Error in file {ini}: Bad value"),
        ("flicklist.hosts =", "pyramid.includes = nosuch", INVALID + "pyramid.includes: No module named 'nosuch'"),
        ("flicklist.hosts =", "pyramid.includes = json", INVALID + "pyramid.includes: module 'json' has no"),
        ("flicklist.hosts =", "pyramid.includes = json:dumps", INVALID + "pyramid.includes: Object of type Confi"),
        (
            "flicklist.hosts =",
            "retry.attempts = abc",
            INVALID + "retry.attempts must be a whole number from 1 to 100, ",
        ),
        ("flicklist.hosts =", "pyramid.includes = flicklist.db", INVALID + "pyramid.includes: "),
        ("flicklist.hosts =", "jinja2.input_encoding = nosuch", INVALID + "jinja2.input_encoding cannot be set"),
        ("class = StreamHandler", "class = Foo", LOGGING + "No module named 'Foo'"),
        ("level = WARNING", "level = LOUD", LOGGING + "Unknown level: 'LOUD'"),
        ("args = (sys.stderr,)", "args = (sys.nope,)", LOGGING + "module 'sys' has no attribute 'nope'"),
        ("args = (sys.stderr,)", "args = (", LOGGING),
        ("keys = console", "keys = console, file", LOGGING + "'handler_file' is missing"),
        ("%(message)s", "%(message)q", LOGGING + "unsupported format character 'q'"),
        ("%(message)s", "%(nope)s", LOGGING + "Formatting field not found in record: 'nope'"),
        ("class = StreamHandler\nargs = (sys.stderr,)", "class = FileHandler\nargs = ('/nowhere/a.log',)", LOGGING),
        ("args = (sys.stderr,)", "args = ('/tmp/a.log',)", LOGGING + "StreamHandler cannot write to '/tmp/a.log'"),
    ],
)
def test_mistake_in_ini_file(fail, tmp_path, old, new, said):
    line = fail("serve", f"sqlite:///{tmp_path}/flicklist.db", change=lambda text: text.replace(old, new, 1).encode())
    assert line.startswith(said.format(ini=tmp_path / "production.ini"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[server:main]\nuse = egg:flicklist", "[server:main]\nuse = egg:nosuch", UNREADABLE + "No package metadata"),
        ("flicklist.hosts =", "pyramid.includes = nosuch", INVALID + "pyramid.includes: No module named 'nosuch'"),
        ("level = WARNING", "level = LOUD", LOGGING + "Unknown level: 'LOUD'"),
    ],
)
def test_mistake_in_ini_file_with_several_processes(fail, tmp_path, old, new, said):
    database_url = f"sqlite:///{tmp_path}/flicklist.db"
    line = fail("processes", database_url, change=lambda text: text.replace(old, new, 1).encode())
    assert line.startswith(said.format(ini=tmp_path / "production.ini"))


def test_page_that_cannot_be_read_stops_several_processes(fail, tmp_path):
    """Each process would fail, and be started again and again."""
    line = fail("processes", f"sqlite:///{tmp_path}/flicklist.db", FLICKLIST_PRIVACY_PAGE="/nowhere/privacy.md")
    assert "names /nowhere/privacy.md, which cannot be read: No such file or directory" in line


def test_unix_socket_with_several_processes(fail, tmp_path):
    def change(text):
        return re.sub(r"(?m)^listen = .*$", f"unix_socket = {tmp_path}/flicklist.sock", text).encode()

    line = fail("processes", f"sqlite:///{tmp_path}/flicklist.db", change=change)
    assert line == "Several processes cannot listen on unix_socket. Set listen, in [server:main]."


def test_value_without_a_name_is_refused(root):
    failed = subprocess.run(
        [*COMMANDS["serve"], root / "production.ini", "6543"], capture_output=True, text=True, check=False
    )
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[-1] == "Error: '6543' is not NAME=VALUE."


def test_error_of_the_site_itself_keeps_its_traceback(monkeypatch):
    """Only a mistake in the ini file becomes one line."""
    monkeypatch.setattr(migrations, "includeme", lambda config: {}["nope"])
    with pytest.raises(KeyError):
        main({}, **{"flicklist.database_url": "sqlite:////nowhere/flicklist.db", "flicklist.secret": SECRET})


def run_code(code, tmp_path, *arguments):
    """Run code that changes Python and then runs `flicklist`."""
    environment = {"FLICKLIST_DATABASE_URL": f"sqlite:///{tmp_path}/flicklist.db"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


SEVERAL = ["--processes", "2"]
# Starts no thread whose name has its first argument, and runs `flicklist` with the others.
WITHOUT_THREADS = """
import sys, threading
from flicklist.cli import flicklist

_, refused, *arguments = sys.argv
start = threading.Thread.start

def start_some(thread):
    if refused in thread.name:
        raise RuntimeError("can't start new thread")
    start(thread)

threading.Thread.start = start_some
flicklist(arguments)
"""


@pytest.mark.parametrize(
    ("refused", "options"),
    [("_wait", []), ("flicklist-", []), ("waitress", []), ("_wait", SEVERAL), ("_watcher", SEVERAL)],
    ids=["signals", "site", "server", "signals-of-processes", "processes"],
)
def test_machine_that_refuses_threads(root, tmp_path, refused, options):
    failed = run_code(WITHOUT_THREADS, tmp_path, refused, "serve", *options, root / "development.ini", "port=0")
    assert failed.returncode == 1
    said = "The server cannot start another thread. Allow it more processes and memory, or set fewer threads."
    assert said in failed.stderr
    assert "Traceback" not in failed.stderr


# Starts no more than twenty threads at once in one process.
FEW_THREADS = """
import threading
from flicklist.cli import flicklist

start = threading.Thread.start

def start_some(thread):
    if threading.active_count() > 20:
        raise RuntimeError("can't start new thread")
    start(thread)

threading.Thread.start = start_some
flicklist()
"""


def test_machine_that_refuses_threads_to_the_processes(root, tmp_path):
    """Their parent tries so many at first. One of them that gets too few would not stop."""
    failed = run_code(FEW_THREADS, tmp_path, "serve", *SEVERAL, root / "development.ini", "port=0")
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line.startswith("The server cannot start another thread.")


ONE_FORK = """
import errno, os
from flicklist.cli import flicklist

fork, forked = os.fork, []

def fork_once():
    if forked:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    forked.append(True)
    return fork()

os.fork = fork_once
flicklist()
"""


def test_machine_that_refuses_a_second_process(root, tmp_path):
    """The first one is ended, instead of waited for."""
    failed = run_code(ONE_FORK, tmp_path, "serve", *SEVERAL, root / "development.ini", "port=0")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == "Error: [Errno 11] Resource temporarily unavailable."
    assert "Traceback" not in failed.stderr
    assert failed.stdout == ""


def test_machine_that_allows_too_few_open_files(root, tmp_path):
    environment = {"FLICKLIST_DATABASE_URL": f"sqlite:///{tmp_path}/flicklist.db"}
    command = [*COMMANDS["serve"], root / "development.ini", "port=0", "--processes", "2"]
    limited = ["bash", "-c", 'ulimit -n 8; exec "$@"', "bash", *command]
    failed = subprocess.run(
        limited, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == "Error: [Errno 24] Too many open files."
    assert "Traceback" not in failed.stderr


def test_concurrent_migrations_of_empty_database_all_succeed(root, empty_database_url):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLICKLIST_")}
    settings = {
        "FLICKLIST_DATABASE_URL": empty_database_url,
        "FLICKLIST_SECRET": SECRET,
        "FLICKLIST_HOSTS": "localhost",
    }
    begun = [
        subprocess.Popen(
            [*COMMANDS["migrate"], root / "production.ini"],
            env=kept | settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for _ in range(4)
    ]  # fmt: skip
    assert [each.communicate(timeout=60)[0] for each in begun] == ["The database is up to date.\n"] * 4
    assert [each.returncode for each in begun] == [0] * 4


def test_connections_that_switch_a_new_sqlite_file_to_wal_at_once_all_succeed(tmp_path):
    """SQLite refuses some of them without waiting: about one in eight of four processes."""
    begin = threading.Barrier(4)

    def connect(file):
        begin.wait()
        with disposing(writing_engine(f"sqlite:///{file}")) as engine, engine.begin() as connection:
            return connection.scalar(text("PRAGMA journal_mode"))

    with ThreadPoolExecutor(4) as pool:
        for number in range(40):
            assert list(pool.map(connect, [tmp_path / f"{number}.db"] * 4)) == ["wal"] * 4


def test_migration_waits_for_another_one(root, empty_database_url):
    """The second one waits. In the test above, the processes may happen to run one after the other."""
    if empty_database_url.startswith("sqlite"):
        sqlite3.connect(make_url(empty_database_url).database).close()
    engine = writing_engine(empty_database_url)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLICKLIST_")}
    settings = {
        "FLICKLIST_DATABASE_URL": empty_database_url,
        "FLICKLIST_SECRET": SECRET,
        "FLICKLIST_HOSTS": "localhost",
    }
    with engine.begin() as connection:
        lock_until_commit(connection, Lock.MIGRATION)
        waiting = subprocess.Popen([*COMMANDS["migrate"], root / "production.ini"], env=kept | settings)
        time.sleep(3)
        assert waiting.poll() is None
    assert waiting.wait(timeout=60) == 0
    engine.dispose()


def test_new_sqlite_file_is_private(root, tmp_path):
    database = tmp_path / "flicklist.db"
    settings = {
        "FLICKLIST_DATABASE_URL": f"sqlite:///{database}",
        "FLICKLIST_SECRET": SECRET,
        "FLICKLIST_HOSTS": "localhost",
    }
    subprocess.run([*COMMANDS["migrate"], root / "production.ini"], env=os.environ | settings, check=True, umask=0o022)
    connection = sqlite3.connect(database)
    connection.execute("DELETE FROM users")  # writes -wal and -shm
    files = list(tmp_path.iterdir())
    assert {file.name for file in files} == {"flicklist.db", "flicklist.db-wal", "flicklist.db-shm"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    connection.close()
