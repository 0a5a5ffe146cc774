"""The web server: waitress, which binds its addresses before the site is made, and finishes requests when it stops.

The section ``[server:main]`` of an ini file names it with ``use = egg:flicklist``. Its other options are waitress's.
"""

import errno
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server

# Requests that take longer are cut off. Their transactions are rolled back.
MAX_SHUTDOWN_SECONDS = 30
PAUSE_SECONDS = 0.05
ADDRESSES = ("host", "port", "listen")


class CannotListenError(SystemExit):
    """The server cannot listen on its address. The message is one line. See `InvalidSettingError`."""


def make_server(global_config: dict[str, str], **options: Any) -> Callable[[Any], None]:
    """Bind the addresses, and return a function that serves an application on them until SIGTERM.

    ``pserve`` calls this before it makes the site, so an address in use stops the start before any migration runs.
    """
    if "unix_socket" not in options:
        sockets = _bind(options)
        options = {name: value for name, value in options.items() if name not in ADDRESSES} | {"sockets": sockets}

    def serve(app: Any) -> None:
        server = create_server(app, **options)
        shutdown = threading.Thread(target=_shut_down, args=(server,), daemon=True)

        def stop(*_: Any) -> None:
            if not shutdown.ident:  # this is the first signal
                shutdown.start()

        signal.signal(signal.SIGTERM, stop)  # for process 1 of a container, too, which has no default handler
        server.print_listen("Serving on http://{}:{}")
        server.run()
        if shutdown.ident:
            logging.shutdown()
            os._exit(0)  # without waiting for the threads of libraries

    return serve


def free_address(options: Mapping[str, Any]) -> tuple[str, int]:
    """Return the only address in the options. Raises `CannotListenError` if it is in use, or not the only one."""
    sockets = _bind(options)
    addresses: list[tuple[Any, ...]] = [each.getsockname() for each in sockets]
    for each in sockets:
        each.close()
    if len(addresses) != 1:
        raise CannotListenError("Several processes listen on one address only. Set it with listen, in [server:main].")
    host, port, *_ = addresses[0]
    return host, port


def _bind(options: Mapping[str, Any]) -> list[socket.socket]:
    """Return a socket for each address in the options. Raises `CannotListenError`."""
    try:
        addresses = Adjustments(**options).listen
    except ValueError as error:
        raise CannotListenError(f"Invalid section [server:main]: {error}") from None
    return [_bound_socket(family, kind, protocol, address) for family, kind, protocol, address in addresses]


def _bound_socket(family: int, kind: int, protocol: int, address: tuple[Any, ...]) -> socket.socket:
    try:
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
    except OSError as error:
        lacks_ipv6 = family == socket.AF_INET6 and error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
        hint = " If IPv6 is off, listen on 127.0.0.1 instead of localhost." if lacks_ipv6 else ""
        raise CannotListenError(
            f"The server cannot listen on {address[0]}, port {address[1]}: {error.strerror}.{hint}"
        ) from None
    return bound


def _shut_down(server: Any) -> None:
    """Stop accepting connections, wait until all requests are answered, and end waitress's loop.

    The loop ends when it has nothing left to watch. It runs in the main thread, so everything is closed there.
    """
    watched: dict[int, Any] = getattr(server, "map", None) or server._map  # noqa: SLF001 - with one or many sockets
    listeners = [each for each in watched.values() if isinstance(each, BaseWSGIServer)]
    deadline = time.monotonic() + MAX_SHUTDOWN_SECONDS
    while watched:
        is_late = time.monotonic() > deadline
        _run_in_loop(listeners[0], partial(_close, watched, listeners, is_late=is_late))
        time.sleep(PAUSE_SECONDS)


def _run_in_loop(listener: BaseWSGIServer, work: Callable[[], None]) -> None:
    """Run a function in the thread of waitress's loop, and wait until it has returned."""
    is_done = threading.Event()

    def run() -> None:
        try:
            work()
        finally:
            is_done.set()

    listener.trigger.pull_trigger(run)
    is_done.wait()


def _close(watched: dict[int, Any], listeners: list[BaseWSGIServer], *, is_late: bool) -> None:
    """Close the listening sockets and the connections without a request, and at last the triggers."""
    for listener in listeners:
        if listener.accepting:
            listener.accepting = False
            listener.del_channel()
            listener.socket.close()
    connections = [each for each in watched.values() if isinstance(each, HTTPChannel)]
    for connection in connections:
        if is_late or not (connection.requests or connection.total_outbufs_len):
            connection.handle_close()
    if not connections:
        for listener in listeners:
            listener.trigger.close()
