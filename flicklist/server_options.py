"""Check the options of waitress in the section ``[server:main]`` of an ini file.

waitress checks few of them. It takes any word that it does not know for no, and a port modulo 65536.
"""

import re
import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from waitress.adjustments import Adjustments, asbool

from flicklist.text import one_line

MAX_PORT = 65_535
MAX_BYTES = 1_000_000_000_000
MAX_BUFFER_BYTES = 10_000_000
DAY_SECONDS = 86_400
NUMBERS = {
    "port": (0, MAX_PORT),  # 0 is any free port
    "threads": (1, 1000),
    "trusted_proxy_count": (1, 100),
    "backlog": (1, MAX_PORT),
    "recv_bytes": (1, MAX_BUFFER_BYTES),
    "send_bytes": (1, MAX_BUFFER_BYTES),
    "outbuf_overflow": (1, MAX_BYTES),
    "outbuf_high_watermark": (1, MAX_BYTES),
    "inbuf_overflow": (1, MAX_BYTES),
    "connection_limit": (10, 100_000),  # waitress counts its own sockets, too
    "cleanup_interval": (1, DAY_SECONDS),
    "channel_timeout": (1, DAY_SECONDS),
    "max_request_header_size": (1, MAX_BUFFER_BYTES),
    "max_request_body_size": (1, MAX_BYTES),
    "asyncore_loop_timeout": (1, DAY_SECONDS),
    "channel_request_lookahead": (0, 1000),
}
YES_OR_NO = frozenset(name for name, read in Adjustments._params if read is asbool)  # noqa: SLF001
WORDS = frozenset({"true", "t", "yes", "y", "on", "1", "false", "f", "no", "n", "off", "0"})
PORT = r"[0-9]{1,5}|[A-Za-z][A-Za-z0-9-]*"  # or the name of a service
ANY_PROXY = "*"
UNIX_CLIENT = "localhost"  # the address of all clients of a Unix socket


class InvalidServerOptionError(SystemExit):
    """An option in ``[server:main]`` is unknown or malformed. The message is one line. See `InvalidSettingError`."""


def read_options(options: Mapping[str, Any]) -> Adjustments:
    """Return the options of waitress. Raises `InvalidServerOptionError`."""
    try:
        _check(options)
        return Adjustments(**options)
    except ValueError as problem:
        is_unknown_host = isinstance(problem.__context__, socket.gaierror)
        text = "listen or host names a host or a port that cannot be found." if is_unknown_host else one_line(problem)
        raise InvalidServerOptionError(f"Invalid section [server:main]: {text}") from None


def _check(options: Mapping[str, Any]) -> None:
    """Raise `ValueError` for what waitress would accept, or refuse without the name of the option."""
    for name, value in options.items():
        text = str(value).strip()
        if "\0" in text:
            raise ValueError(f"{name} has a NUL character.")
        if name in NUMBERS:
            _check_number(name, text, *NUMBERS[name])
        elif name in YES_OR_NO and text.lower() not in WORDS:
            raise ValueError(f"{name} must be true or false, not {text!r}.")
    if "sockets" in options:
        raise ValueError("sockets cannot be set in an ini file. Use listen or unix_socket.")
    _check_addresses(options)
    _check_proxy(options)
    _check_text(options, "unix_socket_perms", "0?[0-7]{3}", "a mode such as 660")
    _check_text(options, "url_scheme", "https?", "http or https")
    _check_text(options, "ident", "[ -~]*", "ASCII")
    _check_text(options, "url_prefix", "[!-~]*", "a path in ASCII such as /movies")


def _check_number(name: str, text: str, minimum: int, maximum: int) -> None:
    if not (re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) and minimum <= int(text) <= maximum):
        raise ValueError(f"{name} must be a whole number from {minimum} to {maximum}, not {text!r}.")


def _check_addresses(options: Mapping[str, Any]) -> None:
    for name in ("host", "listen", "unix_socket"):
        if name in options and not str(options[name]).strip():
            raise ValueError(f"{name} is empty.")
    for address in str(options.get("listen", "")).split():
        host, colon, port = address.rpartition(":")
        has_port = colon and "]" not in port
        if has_port and not (host and re.fullmatch(PORT, port, re.ASCII) and _is_port(port)):
            raise ValueError(f"listen must be like 127.0.0.1:6543, with a port up to {MAX_PORT}, not {address!r}.")


def _is_port(port: str) -> bool:
    return not port.isdigit() or int(port) <= MAX_PORT


def _check_proxy(options: Mapping[str, Any]) -> None:
    """Refuse the address of a proxy that no client can have: the headers of the proxy would be ignored."""
    proxy = str(options.get("trusted_proxy", "")).strip()
    if proxy in {"", ANY_PROXY}:
        return
    if "unix_socket" in options:
        if proxy != UNIX_CLIENT:
            raise ValueError(f"trusted_proxy must be {UNIX_CLIENT} with unix_socket, not {proxy!r}.")
    elif not _is_ip_address(proxy):
        raise ValueError(f"trusted_proxy must be an IP address such as 127.0.0.1, not {proxy!r}.")


def _is_ip_address(text: str) -> bool:
    """Return whether this is an IP address as the system writes it. Others would never be equal to that of a client."""
    try:
        return str(ip_address(text)) == text
    except ValueError:
        return False


def _check_text(options: Mapping[str, Any], name: str, pattern: str, meaning: str) -> None:
    text = str(options.get(name, "")).strip()
    if name in options and not re.fullmatch(pattern, text, re.ASCII):
        raise ValueError(f"{name} must be {meaning}, not {text!r}.")
