"""The addresses of clients, as a proxy sends them."""

import re
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv6Address
from typing import Any

FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
UNKNOWN = "unknown"  # as in RFC 7239; waitress fails with an address that is nothing but a port
IN_BRACKETS = re.compile(r'"?(\[[^\]"]*\])(:\d+)?"?')  # with a port or without


def read_ipv6_addresses(app: Any) -> Callable[[dict[str, Any], Any], Any]:
    """Return an application that gets IPv6 addresses in a form that waitress reads: in brackets, without a port.

    Of ``::ffff:192.0.2.1``, waitress takes what follows the last colon for a port. nginx writes all IPv4 addresses in
    this form if it listens with ``ipv6only=off``.
    """

    def reading(environ: dict[str, Any], start_response: Any) -> Any:
        if ":" in environ.get(FORWARDED_FOR, ""):
            environ[FORWARDED_FOR] = ", ".join(map(_bracket, environ[FORWARDED_FOR].split(",")))
        return app(environ, start_response)

    return reading


def _bracket(address: str) -> str:
    address = address.strip()
    if in_brackets := IN_BRACKETS.fullmatch(address):
        return in_brackets[1]
    with suppress(ValueError):  # not an IPv6 address
        return f"[{IPv6Address(_unquote(address))}]"
    return UNKNOWN if _unquote(address).startswith(":") else address


def _unquote(text: str) -> str:
    return text[1:-1] if text.startswith('"') and text.endswith('"') else text
