"""The signals that stop the server: SIGTERM, Ctrl+C, and SIGHUP, which a terminal sends when it is closed."""

import os
import signal
import threading
from collections.abc import Callable

from flicklist.threads import starting_threads

STOP_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)]


def handled_stop_signals() -> list[signal.Signals]:
    """Return those that are not ignored. nohup lets its command ignore SIGHUP."""
    return [each for each in STOP_SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]


class StopSignals:
    """Calls `react` for each signal, in a thread of its own, until `end` is called.

    The handlers in the main thread do nothing. They could interrupt each other anywhere, and Python runs none while
    SQLite waits for a lock. But without handlers, process 1 of a container would ignore the signals.
    """

    def __init__(self, react: Callable[[], object]) -> None:
        self.react = react
        self._receiver, self._sender = os.pipe()
        if os.name == "posix":  # where `set_wakeup_fd` needs that
            os.set_blocking(self._sender, False)
        signal.set_wakeup_fd(self._sender, warn_on_full_buffer=False)
        for each in handled_stop_signals():
            signal.signal(each, _do_nothing)
        self._thread = threading.Thread(target=self._wait, daemon=True)
        with starting_threads():
            self._thread.start()

    def _wait(self) -> None:
        if hasattr(signal, "pthread_sigmask"):  # not on Windows
            signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # other threads get the signals, also after the end
        while os.read(self._receiver, 1):
            self.react()

    def end(self) -> None:
        """End the thread. A caller that has blocked the signals before loses none, and can wait for them itself."""
        signal.set_wakeup_fd(-1)
        os.close(self._sender)
        self._thread.join()
        os.close(self._receiver)


def _do_nothing(*_: object) -> None:
    pass
