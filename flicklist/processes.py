"""Serve the site in several processes, with granian, from the same ini file as with `flicklist.server`.

Each process makes the site for itself. So none shares a database connection or a thread with another one.
"""

import logging
import multiprocessing
import multiprocessing.util
import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from waitress.adjustments import Adjustments
from waitress.proxy_headers import proxy_headers_middleware

from flicklist import make_configurator, migrations
from flicklist.db import allowed_connections, connections_of_process
from flicklist.import_process import stop_process
from flicklist.ini_files import get_loader
from flicklist.proxies import read_ipv6_addresses
from flicklist.server import MAX_SHUTDOWN_SECONDS, PAUSE_SECONDS, free_address
from flicklist.server_options import read_options
from flicklist.settings import Settings
from flicklist.signals import STOP_SIGNALS, StopSignals, handled_stop_signals
from flicklist.threads import require_threads, starting_threads

log = logging.getLogger(__name__)

OTHER_THREADS = 6  # of a process: its main one, those of the site and of granian, and one that its parent has for it


class GranianMissingError(SystemExit):
    """The extra with granian is not installed. The message is one line. See `InvalidSettingError`."""


def serve(ini: str, values: Mapping[str, str], processes: int) -> None:
    """Serve the site of an ini file until one of `STOP_SIGNALS`, with the options of waitress in ``[server:main]``."""
    stop_signals = StopSignals(react=partial(os._exit, 0))
    try:
        from granian import Granian  # noqa: PLC0415 - an extra
        from granian.constants import HTTPModes, Interfaces  # noqa: PLC0415
        from granian.http import HTTP1Settings  # noqa: PLC0415
        from granian.log import LogLevels  # noqa: PLC0415
    except ImportError:
        raise GranianMissingError("Several processes need granian. Install it with '.[processes]'.") from None
    loader = get_loader(ini)
    loader.setup_logging(values)
    options = loader.get_wsgi_server_options(defaults=values)
    address, port = free_address(options)
    adjustments = read_options(options)
    app_settings = loader.get_wsgi_app_settings(defaults=values)
    settings = make_configurator(app_settings.global_conf, app_settings).registry.flicklist
    prepare(settings, processes, adjustments.threads)
    server = Granian(
        "flicklist",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=processes,
        blocking_threads=adjustments.threads,
        backpressure=adjustments.connection_limit,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=adjustments.channel_timeout * 1000),
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=MAX_SHUTDOWN_SECONDS,
    )
    host = f"[{address}]" if ":" in address else address
    log.info("Serving on http://%s:%s in %s processes", host, port, processes)
    signals = handled_stop_signals()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # also in the threads and processes that follow
    stop_signals.end()
    with starting_threads():
        threading.Thread(target=_stop_on_signal, args=(server, signals), daemon=True).start()
        try:
            server.serve(target_loader=partial(make_app, ini, values, adjustments), wrap_loader=False)
        except SystemExit:
            if not server.interrupt_signal:  # it is a failure if a process ended, unless all of them were told to stop
                raise
        finally:
            _end_processes(server)


def _stop_on_signal(server: Any, signals: Collection[signal.Signals]) -> None:
    """Wait for a signal, and stop granian. Its own handlers made it hang if several signals came at once.

    They are never called, because all threads block the signals.
    """
    signal.sigwait(signals)
    while True:  # granian misses it while it replaces a process
        server.signal_handler_interrupt()
        time.sleep(PAUSE_SECONDS)


def _end_processes(server: Any) -> None:
    """End the processes that granian leaves behind if it cannot start another one. This one would wait for them."""
    for each in server.wrks:
        each.interrupt_by_parent = True  # so that granian does not report their end
    processes = multiprocessing.active_children()
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + MAX_SHUTDOWN_SECONDS
    for process in processes:
        process.join(max(0, deadline - time.monotonic()))
        process.kill()


def _stop_on_sigterm_only() -> None:
    """Stop this process only on SIGTERM, which its parent sends. The parent has blocked the signals.

    A terminal sends SIGINT and SIGHUP to all processes. After one of those and SIGTERM, granian often hung.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGINT, signal.SIGHUP})


def prepare(settings: Settings, processes: int, threads: int) -> None:
    """Check what would keep each process from starting, once, and warn about what they cannot share."""
    require_threads(processes * (threads + OTHER_THREADS))
    prepare_database = migrations.upgrade if settings.migrate_at_start else migrations.require_newest
    prepare_database(settings.database_url)
    if settings.rate_limit_storage.startswith("memory://"):
        log.warning("Each process counts attempts by itself. Set FLICKLIST_RATE_LIMIT_STORAGE to a Redis URL.")
    needed, allowed = processes * connections_of_process(threads), allowed_connections(settings.database_url)
    if allowed is not None and needed > allowed:
        log.warning(
            "%s processes with %s threads need up to %s connections, and PostgreSQL allows %s. "
            "Raise max_connections, or use fewer processes or threads.",
            processes,
            threads,
            needed,
            allowed,
        )


def make_app(ini: str, values: Mapping[str, str], adjustments: Adjustments) -> Any:
    """Make the site, in one of the processes. It accepts the same proxy headers as with waitress."""
    _stop_on_sigterm_only()
    multiprocessing.util.Finalize(None, stop_process, exitpriority=1)  # such a process does not call what atexit has
    loader = get_loader(ini)
    loader.setup_logging(values)
    app = proxy_headers_middleware(
        limit_bodies(loader.get_wsgi_app(defaults=values), adjustments.max_request_body_size),
        trusted_proxy=adjustments.trusted_proxy,
        trusted_proxy_count=adjustments.trusted_proxy_count,
        trusted_proxy_headers=adjustments.trusted_proxy_headers,
        clear_untrusted=adjustments.clear_untrusted_proxy_headers,
    )
    return start_early(read_ipv6_addresses(app))


def start_early(app: Any) -> Callable[[dict[str, Any], Any], Any]:
    """Return an application that has a status before its body is read, because granian sends 200 otherwise.

    waitress refuses a malformed header of a proxy with a generator, which begins only when its body is read.
    """

    def started(environ: dict[str, Any], start_response: Any) -> Any:
        statuses: list[str] = []

        def start(status: str, *others: Any) -> Any:
            statuses.append(status)
            return start_response(status, *others)

        body = app(environ, start)
        return body if statuses else list(body)

    return started


def limit_bodies(app: Any, max_size: int) -> Callable[[dict[str, Any], Any], Any]:
    """Return an application that refuses larger bodies, and ignores those without a length. waitress does the first.

    granian passes on bodies of any size, and a part of Pyramid would write them to the disk.
    """

    def limited(environ: dict[str, Any], start_response: Any) -> Any:
        environ.pop("wsgi.input_terminated", None)
        if int(environ.get("CONTENT_LENGTH") or 0) > max_size:
            start_response("413 Content Too Large", [("Content-Type", "text/plain")])
            return [b"The request is too large.\n"]
        return app(environ, start_response)

    return limited
