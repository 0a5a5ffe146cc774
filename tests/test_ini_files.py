"""The two ini files, started as a person would start them."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import SECRET

BIN = Path(sys.executable).parent


def run(command, ini, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLICKLIST_")}
    return subprocess.run(
        [BIN / command[0], *command[1:], ini],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def production(root):
    return root / "production.ini"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "FLICKLIST_DATABASE_URL (flicklist.database_url) is missing"),
        ({"FLICKLIST_DATABASE_URL": "{url}"}, "FLICKLIST_SECRET (flicklist.secret) is missing"),
        ({"FLICKLIST_DATABASE_URL": "{url}", "FLICKLIST_SECRET": SECRET}, "Run: flicklist migrate production.ini"),
    ],
)
def test_production_does_not_start_half_configured(production, empty_database_url, environment, said):
    environment = {name: value.format(url=empty_database_url) for name, value in environment.items()}
    stopped = run(["pserve"], production, **environment)
    assert stopped.returncode == 1
    (line,) = stopped.stderr.splitlines()  # and no warning
    assert line.startswith("FlickList cannot start: ")
    assert said in line


def test_production_starts_once_it_is_migrated(production, empty_database_url, tmp_path):
    environment = {"FLICKLIST_DATABASE_URL": empty_database_url, "FLICKLIST_SECRET": SECRET}
    migrated = run(["flicklist", "migrate"], production, **environment)
    assert (migrated.returncode, migrated.stdout) == (0, "The database is at the newest migration.\n")
    page, headers = serve_and_get(production, tmp_path, environment)
    assert "<h1>" in page
    assert re.search(r"__Host-flicklist=.*; Path=/; .*secure; HttpOnly; SameSite=Lax", headers["Set-Cookie"])


def test_development_starts_on_no_database_at_all(root, tmp_path):
    ini = tmp_path / "development.ini"
    ini.write_text((root / "development.ini").read_text())
    page, headers = serve_and_get(ini, tmp_path, {})
    assert "<h1>" in page
    assert "secure" not in headers["Set-Cookie"]
    assert (tmp_path / "flicklist.db").exists()


def serve_and_get(ini, folder, environment):
    """Start the server on a free port, and return the registration page and its headers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    copy = folder / f"served-{ini.name}"
    copy.write_text(re.sub(r"(?m)^listen = .*$", f"listen = 127.0.0.1:{port}", ini.read_text()))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLICKLIST_")}
    server = subprocess.Popen(
        [BIN / "pserve", copy], env=kept | environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/register", timeout=5) as response:
                    return response.read().decode(), response.headers
            except OSError:
                assert server.poll() is None, "the server stopped"
                time.sleep(0.1)
        raise AssertionError("the server did not answer")
    finally:
        server.terminate()
        server.wait()
