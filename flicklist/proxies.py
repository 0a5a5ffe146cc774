"""The addresses of clients, as a proxy sends them."""

import re
from collections.abc import Callable
from typing import Any

FORWARDED_FOR = "HTTP_X_FORWARDED_FOR"
IN_BRACKETS = re.compile(r'"?(\[[^\]"]*\])(:\d+)?"?')  # with a port or without


def read_ipv6_addresses(app: Any) -> Callable[[dict[str, Any], Any], Any]:
    """Return an application that waitress's `proxy_headers_middleware` gives the right address of IPv6 clients.

    In ``::ffff:192.0.2.1``, waitress takes what follows the last colon for a port. That is how nginx writes all IPv4
    addresses if it listens with ``ipv6only=off``. In brackets and without a port, waitress reads all IPv6 addresses.
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
    return f"[{address}]" if address.count(":") > 1 else address
