"""The two ini files start the site, with the documented commands."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.request
from configparser import ConfigParser
from pathlib import Path

import pytest
from alembic import command

from flicklist import migrations
from flicklist.services.passwords import MAX_PENDING_HASHES
from tests.conftest import SECRET
from tests.faults.conftest import free_port

BIN = Path(sys.executable).parent


def run(words, ini, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLICKLIST_")}
    return subprocess.run(
        [BIN / words[0], *words[1:], ini],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", ["development.ini", "production.ini"])
def test_waiting_log_ins_leave_threads_for_pages(root, name):
    ini = ConfigParser(interpolation=None)
    ini.read(root / name)
    assert ini.getint("server:main", "threads") == 16
    assert MAX_PENDING_HASHES <= 12


@pytest.fixture
def production(root):
    return root / "production.ini"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "Invalid setting: FLICKLIST_DATABASE_URL (flicklist.database_url) is missing"),
        ({"FLICKLIST_DATABASE_URL": "{url}"}, "Invalid setting: FLICKLIST_SECRET (flicklist.secret) is missing"),
        (
            {"FLICKLIST_DATABASE_URL": "{url}", "FLICKLIST_SECRET": SECRET},
            "Invalid setting: FLICKLIST_HOSTS (flicklist.hosts) must name at least one host",
        ),
        (
            {"FLICKLIST_DATABASE_URL": "{url}", "FLICKLIST_SECRET": SECRET, "FLICKLIST_HOSTS": "localhost"},
            "lacks migrations of this version. Run “flicklist migrate” with the settings of the site.",
        ),
    ],
)
def test_production_does_not_start_without_required_settings(production, empty_database_url, environment, said):
    migrations.upgrade(empty_database_url)
    command.downgrade(migrations.alembic_config(empty_database_url), "base")
    environment = {name: value.format(url=empty_database_url) for name, value in environment.items()}
    stopped = run(["pserve"], production, **environment)
    assert stopped.returncode == 1
    (line,) = stopped.stderr.splitlines()  # no warnings
    assert said in line


def test_production_starts_after_migration(production, empty_database_url, tmp_path):
    environment = {
        "FLICKLIST_DATABASE_URL": empty_database_url,
        "FLICKLIST_SECRET": SECRET,
        "FLICKLIST_HOSTS": "localhost",
    }
    migrated = run(["flicklist", "migrate"], production, **environment)
    assert (migrated.returncode, migrated.stdout, migrated.stderr) == (
        0,
        "The database is up to date.\n",
        "",
    )
    port = free_port()
    ini = tmp_path / "production.ini"
    ini.write_text(re.sub(r"(?m)^listen = .*$", f"listen = 127.0.0.1:{port}", production.read_text()))
    page, headers, printed = serve_and_get([BIN / "flicklist", "serve", ini], port, environment)
    assert "<h1>" in page
    assert re.search(r"__Host-flicklist=.*; Path=/; .*secure; HttpOnly; SameSite=Lax", headers["Set-Cookie"])
    assert "Warning" not in printed


def test_folder_with_special_characters(root, tmp_path):
    folder = tmp_path / "movies #1? 100%;%(x)s%20é"
    folder.mkdir()
    port, ini = free_port(), folder / "production.ini"
    text = re.sub(r"(?m)^listen = .*$", f"listen = 127.0.0.1:{port}", (root / "production.ini").read_text())
    log = "class = FileHandler\nargs = (r'%(here)s/log.txt',)"
    ini.write_text(text.replace("class = StreamHandler\nargs = (sys.stderr,)", log))
    (folder / "privacy.md").write_text("Nothing is stored.")
    environment = {
        "FLICKLIST_DATABASE_URL": f"sqlite:///{tmp_path}/flicklist.db",
        "FLICKLIST_SECRET": SECRET,
        "FLICKLIST_HOSTS": "localhost",
        "FLICKLIST_PRIVACY_PAGE": "privacy.md",
    }
    assert run(["flicklist", "migrate"], ini, **environment).stdout == "The database is up to date.\n"
    page, _, _ = serve_and_get([BIN / "flicklist", "serve", ini], port, environment)
    assert "/privacy" in page
    assert (folder / "log.txt").exists()


def test_development_creates_missing_database(root, tmp_path):
    port = free_port()
    ini = tmp_path / "development.ini"
    ini.write_text((root / "development.ini").read_text().replace("\nport = 6543\n", f"\nport = {port}\n"))
    page, headers, printed = serve_and_get([BIN / "flicklist", "serve", ini], port, {})
    assert "<h1>" in page
    assert "secure" not in headers["Set-Cookie"]
    assert (tmp_path / "flicklist.db").exists()
    assert "Warning" not in printed


def test_make_serve_prints_the_address_with_the_port(root, tmp_path):
    port = free_port()
    make = ["make", "--dry-run", "serve", f"PORT={port}", f"VENV={sys.prefix}"]
    outside_make = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    lines = subprocess.run(make, cwd=root, env=outside_make, capture_output=True, text=True, check=True).stdout
    environment = {"FLICKLIST_DATABASE_URL": f"sqlite:///{tmp_path}/flicklist.db"}
    page, _, printed = serve_and_get(shlex.split(lines.splitlines()[-1]), port, environment, cwd=root)
    assert "<h1>" in page
    assert re.search(rf"Serving on http://\S+:{port}\n", printed)
    assert "Warning" not in printed


def serve_and_get(command, port, environment, cwd=None):
    """Start the server, and return the registration page, its headers, and what the server printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLICKLIST_")}
    with tempfile.TemporaryFile("w+") as printed:
        server = subprocess.Popen(command, cwd=cwd, env=kept | environment, stdout=printed, stderr=subprocess.STDOUT)
        try:
            page, headers = get(f"http://localhost:{port}/register", server)
        finally:
            server.terminate()
            server.wait()
        printed.seek(0)
        return page, headers, printed.read()


def get(url, server):
    for _ in range(900):  # for 90 seconds, on a busy machine
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return response.read().decode(), response.headers
        except OSError:
            assert server.poll() is None, "the server stopped"
            time.sleep(0.1)
    raise AssertionError("the server did not answer")
