"""Handlers of the signals that stop the server, or its start."""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from flicklist.threads import starting_threads

# A terminal that is closed sends SIGHUP. Windows has none.
STOP_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def handled_signals(*numbers: signal.Signals) -> list[signal.Signals]:
    """Return those of the signals that are not ignored. nohup lets its command ignore SIGHUP."""
    return [each for each in numbers if signal.getsignal(each) is not signal.SIG_IGN]


def handle_stop_signals(handler: Callable[..., None]) -> None:
    """Set the handler of SIGTERM and SIGHUP, if they are not ignored."""
    for each in handled_signals(*STOP_SIGNALS):
        signal.signal(each, handler)


def exit_on_signals_while_starting() -> Callable[[], None]:
    """Exit at once on SIGTERM, SIGHUP or Ctrl+C, until the server has its own handlers.

    Without a handler, process 1 of a container ignores these signals. A thread waits for them as well, because Python
    runs no handler while SQLite waits for a lock.

    Call the returned function before the server sets its handlers. It ends the thread, and gives Ctrl+C its handler
    back. A server may block signals in its own threads, and this thread would get them instead.
    """
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    for each in handled_signals(*STOP_SIGNALS, signal.SIGINT):
        signal.signal(each, _exit)
    receiver, sender = os.pipe()
    if os.name == "posix":  # where `set_wakeup_fd` needs that
        os.set_blocking(sender, False)
    signal.set_wakeup_fd(sender, warn_on_full_buffer=False)

    def wait() -> None:
        if os.read(receiver, 1):
            _exit()

    thread = threading.Thread(target=wait, daemon=True)
    with starting_threads():
        thread.start()

    def stop_waiting() -> None:
        signal.set_wakeup_fd(-1)
        os.close(sender)
        thread.join()
        os.close(receiver)
        signal.signal(signal.SIGINT, on_ctrl_c)

    return stop_waiting


def _exit(*_: Any) -> None:
    os._exit(0)
