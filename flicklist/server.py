"""The web server: waitress, which listens before the site is made, and finishes requests when it stops.

The section ``[server:main]`` of an ini file names it with ``use = egg:flicklist``. Its other options are waitress's.
"""

import errno
import logging
import os
import re
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer, create_server

from flicklist.import_process import stop_process
from flicklist.proxies import read_ipv6_addresses
from flicklist.server_options import read_options
from flicklist.signals import StopSignals
from flicklist.text import one_line
from flicklist.threads import ThreadsRefusedError, starting_threads

# Requests that take longer are cut off. Their transactions are rolled back.
MAX_SHUTDOWN_SECONDS = 30
MAX_END_SECONDS = 3  # for the end of the process that works on imports, and the last lines of the log
PAUSE_SECONDS = 0.05
LONG_BLANKS = re.compile(rb"[ \t]{64,}")
ADDRESSES = ("host", "port", "listen", "unix_socket")


class CannotListenError(SystemExit):
    """The server cannot listen on its address. The message is one line. See `InvalidSettingError`."""


def make_server(global_config: dict[str, str], **options: Any) -> Callable[[Any], None]:
    """Listen on the addresses, and return a function that serves an application on them until one of `STOP_SIGNALS`.

    ``pserve`` calls this before it makes the site, so an address in use stops the start before any migration runs.
    """
    signals = StopSignals(react=_exit)
    sockets = _listen(options)
    options = {name: value for name, value in options.items() if name not in ADDRESSES} | {"sockets": sockets}

    def serve(app: Any) -> None:
        server = _create_server(app, options)
        for listener in _listeners(server):
            listener.channel_class = Channel
            listener.application = read_ipv6_addresses(listener.application)
            listener.maintenance = partial(_maintain, listener)
        signals.react = partial(_stop, server)
        server.print_listen("Serving on http://{}:{}")
        server.run()
        stop_process()
        logging.shutdown()
        os._exit(0)  # without waiting for the threads of libraries

    return serve


def _exit() -> None:
    stop_process()
    os._exit(0)


def _stop(server: Any) -> None:
    """Stop the server, so that the main thread ends the process. If that thread hangs, end the process here.

    It hangs, for example, if nobody reads what it writes to the log.
    """
    try:
        _shut_down(server)
        time.sleep(MAX_END_SECONDS)
    finally:
        _exit()


def _create_server(app: Any, options: Mapping[str, Any]) -> Any:
    """Return a server whose threads run. If the machine refuses them, end the process: pserve would exit with 0."""
    try:
        with starting_threads():
            return create_server(app, **options)
    except ThreadsRefusedError as error:
        sys.stderr.write(f"{error}\n")
        os._exit(1)


def free_address(options: Mapping[str, Any]) -> tuple[str, int]:
    """Return the only address in the options. Raises `CannotListenError` if it is in use, or not the only one."""
    if "unix_socket" in options:
        raise CannotListenError("Several processes cannot listen on unix_socket. Set listen, in [server:main].")
    sockets = _listen(options)
    addresses: list[tuple[Any, ...]] = [each.getsockname() for each in sockets]
    for each in sockets:
        each.close()
    if len(addresses) != 1:
        raise CannotListenError("Several processes listen on one address only. Set it with listen, in [server:main].")
    host, port, *_ = addresses[0]
    return host, port


def _listen(options: Mapping[str, Any]) -> list[socket.socket]:
    """Return a listening socket for each address. Raises `CannotListenError` or `InvalidServerOptionError`."""
    adjustments = read_options(options)
    backlog = adjustments.backlog
    if adjustments.unix_socket:
        return [_unix_socket(Path(adjustments.unix_socket), adjustments.unix_socket_perms, backlog)]
    return [_socket(family, kind, protocol, address, backlog) for family, kind, protocol, address in adjustments.listen]


def _unix_socket(path: Path, mode: int, backlog: int) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX)
    try:
        _remove_unused_socket(path)
        bound.bind(str(path))
        path.chmod(mode)
        bound.listen(backlog)
    except OSError as error:
        bound.close()
        raise CannotListenError(f"The server cannot listen on {one_line(path)}: {error.strerror or error}.") from None
    return bound


def _remove_unused_socket(path: Path) -> None:
    """Remove the socket that a server has left behind. Raises `OSError` if a server still listens on it."""
    if not (path.exists() and stat.S_ISSOCK(path.stat().st_mode)):
        return
    with socket.socket(socket.AF_UNIX) as client:
        if client.connect_ex(str(path)) == 0:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    path.unlink()


def _socket(family: int, kind: int, protocol: int, address: tuple[Any, ...], backlog: int) -> socket.socket:
    try:
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        bound.listen(backlog)  # of two servers that start at once, both can bind
    except OSError as error:
        lacks_ipv6 = family == socket.AF_INET6 and error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
        hint = " If IPv6 is off, listen on 127.0.0.1 instead of localhost." if lacks_ipv6 else ""
        raise CannotListenError(
            f"The server cannot listen on {address[0]}, port {address[1]}: {error.strerror}.{hint}"
        ) from None
    return bound


class RequestParser(HTTPRequestParser):
    """A parser of waitress that does not wait for a body that the request does not have, and shortens long blanks.

    waitress sends 100 Continue to every request that expects it, and then waits for more. For blanks before a value, it
    takes time that grows as the square of their number, in the only thread that reads requests.
    """

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(LONG_BLANKS.sub(b" ", header_plus))

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data)
        if self.completed:
            self.expect_continue = False
        return consumed


class Channel(HTTPChannel):
    """A connection whose requests are read by `RequestParser`, and which is closed if its client stops reading.

    waitress would keep the temporary file of the response, and a thread if the client has sent another request.
    """

    parser_class = RequestParser
    _unsent_before = (0.0, 0)

    def is_stalled(self, now: float) -> bool:
        """Return whether the client has read nothing of a response for `channel_timeout`, nor since the last call.

        The beginning of a response can be about to be sent, after a request that took longer than that.
        """
        before, self._unsent_before = self._unsent_before, (self.last_activity, self.total_outbufs_len)
        has_not_moved = self.total_outbufs_len > 0 and self._unsent_before == before
        return has_not_moved and self.last_activity < now - self.adj.channel_timeout


def _close_stalled_connections(listener: BaseWSGIServer, now: float) -> None:
    for connection in list(listener.active_channels.values()):
        if connection.is_stalled(now):
            connection.handle_close()


def _maintain(listener: BaseWSGIServer, now: float) -> None:
    """Close connections that nobody uses. waitress calls this every `cleanup_interval` seconds.

    Those that are stalled are closed by the trigger, because waitress is about to look at all connections.
    """
    BaseWSGIServer.maintenance(listener, now)
    listener.trigger.pull_trigger(partial(_close_stalled_connections, listener, now))


def _listeners(server: Any) -> list[BaseWSGIServer]:
    return [each for each in _watched(server).values() if isinstance(each, BaseWSGIServer)]


def _watched(server: Any) -> dict[int, Any]:
    """Return everything that waitress's loop watches, whether it has one socket or many."""
    return getattr(server, "map", None) or server._map  # noqa: SLF001


def _shut_down(server: Any) -> None:
    """Stop accepting connections, wait until all requests are answered, and end waitress's loop.

    The loop ends when it has nothing left to watch. It runs in the main thread, so everything is closed there.
    """
    watched, listeners = _watched(server), _listeners(server)
    deadline = time.monotonic() + MAX_SHUTDOWN_SECONDS
    has_run = True
    while watched and has_run:
        is_late = time.monotonic() > deadline
        seconds = max(deadline - time.monotonic(), 1)
        has_run = _run_in_loop(listeners[0], partial(_close, watched, listeners, is_late=is_late), seconds)
        time.sleep(PAUSE_SECONDS)


def _run_in_loop(listener: BaseWSGIServer, work: Callable[[], None], seconds: float) -> bool:
    """Run a function in the thread of waitress's loop. Return whether it has returned after so many seconds."""
    is_done = threading.Event()

    def run() -> None:
        try:
            work()
        finally:
            is_done.set()

    listener.trigger.pull_trigger(run)
    return is_done.wait(seconds)


def _close(watched: dict[int, Any], listeners: list[BaseWSGIServer], *, is_late: bool) -> None:
    """Close the listening sockets and the connections without a request, and at last the triggers.

    A request is under way as soon as its headers are complete. Its body may still arrive.
    """
    for listener in listeners:
        if listener.accepting:
            listener.accepting = False
            listener.del_channel()
            listener.socket.close()
    connections = [each for each in watched.values() if isinstance(each, HTTPChannel)]
    for connection in connections:
        is_receiving_body = connection.request is not None and connection.request.headers_finished
        if is_late or not (is_receiving_body or connection.requests or connection.total_outbufs_len):
            connection.handle_close()
    if not connections:
        for listener in listeners:
            listener.trigger.close()
