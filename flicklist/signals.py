"""Signals that stop the server, also while it starts."""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from flicklist.threads import starting_threads

# A terminal that is closed sends SIGHUP. Windows has none.
STOP_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


def handle_stop_signals(handler: Callable[..., None]) -> None:
    """Set the handler of the signals that stop the server, except of SIGHUP under nohup, which ignores it."""
    _handle(STOP_SIGNALS, handler)


def stop_start_on_signals() -> Callable[[], None]:
    """Stop at once on a signal, from now until the server has its own handlers. Ctrl+C sends one, too.

    Process 1 of a container would ignore SIGTERM without a handler. A thread waits for the signals, too, because the
    main one runs no handler while SQLite waits for a lock.

    The function that this returns ends the thread, and must be called before the server starts to handle signals: the
    server may block them in its own threads, and this thread would get them instead.
    """
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    _handle([*STOP_SIGNALS, signal.SIGINT], _exit)
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

    def end() -> None:
        signal.set_wakeup_fd(-1)
        os.close(sender)
        thread.join()
        os.close(receiver)
        signal.signal(signal.SIGINT, on_ctrl_c)

    return end


def _handle(numbers: list[signal.Signals], handler: Callable[..., None]) -> None:
    for each in numbers:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, handler)


def _exit(*_: Any) -> None:
    os._exit(0)
