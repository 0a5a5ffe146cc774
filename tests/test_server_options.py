"""A wrong option of the web server stops the start with one line. waitress accepts most of these."""

import socket

import pytest

from flicklist import server
from flicklist.server import free_address, make_server
from flicklist.server_options import read_options

pytestmark = pytest.mark.usefixtures("without_stop_signals")
GOOD = {"listen": "127.0.0.1:0"}
MALFORMED = [
    ({"listen": "nowhere.invalid:6543"}, "listen or host names a host or a port that cannot be found."),
    ({"threads": "0"}, "threads must be a whole number from 1 to 1000, not '0'."),
    ({"threads": "-1"}, "threads must be a whole number from 1 to 1000, not '-1'."),
    ({"threads": "many"}, "threads must be a whole number from 1 to 1000, not 'many'."),
    ({"threads": ""}, "threads must be a whole number from 1 to 1000, not ''."),
    ({"connection_limit": "2"}, "connection_limit must be a whole number from 10 to 100000, not '2'."),
    ({"channel_timeout": "0"}, "channel_timeout must be a whole number from 1 to 86400, not '0'."),
    ({"cleanup_interval": "5s"}, "cleanup_interval must be a whole number from 1 to 86400, not '5s'."),
    ({"max_request_body_size": "51M"}, "max_request_body_size must be a whole number from 1 to 1000000000000, not "),
    ({"trusted_proxy": "127.0.0.1", "trusted_proxy_count": "0"}, "trusted_proxy_count must be a whole number from 1 "),
    ({"trusted_proxy": "localhost"}, "trusted_proxy must be an IP address such as 127.0.0.1, not 'localhost'."),
    ({"trusted_proxy": "0:0::1"}, "trusted_proxy must be an IP address such as 127.0.0.1, not '0:0::1'."),
    ({"trusted_proxy": "127.0.0.1", "trusted_proxy_headers": "x-real-ip"}, "Received unknown trusted_proxy_headers "),
    ({"trusted_proxy_headers": "forwarded"}, "trusted_proxy_headers has no meaning without setting trusted_proxy"),
    ({"clear_untrusted_proxy_headers": "ture"}, "clear_untrusted_proxy_headers must be true or false, not 'ture'."),
    ({"url_scheme": "htps"}, "url_scheme must be http or https, not 'htps'."),
    ({"ident": "a “b”"}, "ident must be ASCII, not 'a “b”'."),
    ({"ident": "a\nb"}, "ident must be ASCII, not 'a\\nb'."),
    ({"url_prefix": "/é"}, "url_prefix must be a path in ASCII such as /movies, not '/é'."),
    ({"thread": "16"}, "Unknown adjustment 'thread'"),
    ({"listen": ""}, "listen is empty."),
    ({"listen": "127.0.0.1:72752"}, "listen must be like 127.0.0.1:6543, with a port up to 65535, not "),
    ({"listen": "127.0.0.1:0 [::1]:99999"}, "listen must be like 127.0.0.1:6543, with a port up to 65535, not '[::1]"),
    ({"listen": "127.0.0.1:"}, "listen must be like 127.0.0.1:6543, with a port up to 65535, not '127.0.0.1:'."),
    ({"listen": ":6543"}, "listen must be like 127.0.0.1:6543, with a port up to 65535, not ':6543'."),
    ({"listen": None, "host": ""}, "host is empty."),
    ({"listen": None, "host": "127.0.0.1", "port": "72752"}, "port must be a whole number from 0 to 65535, not "),
    ({"listen": None, "sockets": "3"}, "sockets cannot be set in an ini file. Use listen or unix_socket."),
    ({"listen": None, "unix_socket": ""}, "unix_socket is empty."),
    ({"listen": None, "unix_socket": "a\0b"}, "unix_socket has a NUL character."),
    ({"unix_socket": "/run/flicklist.sock"}, "unix_socket may not be set if listen is set"),
    ({"listen": None, "unix_socket": "s", "unix_socket_perms": "rw"}, "unix_socket_perms must be a mode such as 660"),
    (
        {"listen": None, "unix_socket": "s", "trusted_proxy": "127.0.0.1"},
        "trusted_proxy must be localhost with unix_socket, not '127.0.0.1'.",
    ),
]


@pytest.fixture
def without_stop_signals(monkeypatch):
    """Let signals act on the tests as before, although a server is started in their process."""
    monkeypatch.setattr(server, "StopSignals", lambda react: None)


@pytest.mark.parametrize(("options", "said"), MALFORMED)
@pytest.mark.parametrize("prepare", [lambda options: make_server({}, **options), free_address], ids=["one", "several"])
def test_malformed_option_is_one_line(prepare, options, said):
    if prepare is free_address and "unix_socket" in options:
        pytest.skip("several processes cannot listen on a Unix socket")
    options = {name: value for name, value in (GOOD | options).items() if value is not None}
    with pytest.raises(SystemExit) as stopped:
        prepare(options)
    assert str(stopped.value).startswith(f"Invalid section [server:main]: {said}")
    assert "\n" not in str(stopped.value)


@pytest.mark.parametrize(
    "options",
    [
        {"trusted_proxy": "*", "trusted_proxy_headers": "forwarded"},
        {"trusted_proxy": "::1", "trusted_proxy_headers": "x-forwarded-for x-forwarded-proto"},
        {"clear_untrusted_proxy_headers": "No"},
        {"listen": "localhost:0"},
        {"ident": "", "url_prefix": "", "connection_limit": "10"},
        {"ident": "FlickList (test)", "url_prefix": "/movies/"},
        {"listen": None, "host": "127.0.0.1", "port": "0"},
    ],
)
def test_valid_options_are_accepted(options):
    assert read_options({name: value for name, value in (GOOD | options).items() if value is not None}).listen


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing/flicklist.sock", "No such file or directory."),
        ("folder", "Address already in use."),
        ("file", "Address already in use."),
        ("used.sock", "Address already in use."),
        ("a" * 200, "AF_UNIX path too long."),
        ("a" * 300, "File name too long."),
    ],
)
def test_unix_socket_that_cannot_be_made(tmp_path, name, said):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "used.sock"))
        other.listen()
        with pytest.raises(SystemExit) as stopped:
            make_server({}, unix_socket=str(tmp_path / name))
    assert str(stopped.value) == f"The server cannot listen on {tmp_path / name}: {said}"


def test_unix_socket_with_a_line_break_is_shown_in_one_line(tmp_path):
    with pytest.raises(SystemExit) as stopped:
        make_server({}, unix_socket=f"{tmp_path}/missing\na/b")
    assert str(stopped.value) == f"The server cannot listen on {tmp_path}/missing a/b: No such file or directory."


def test_several_processes_refuse_a_unix_socket(tmp_path):
    """Without this, they would listen on waitress's default, port 8080 of all addresses."""
    with pytest.raises(SystemExit) as stopped:
        free_address({"unix_socket": str(tmp_path / "flicklist.sock")})
    assert str(stopped.value) == ("Several processes cannot listen on unix_socket. Set listen, in [server:main].")
