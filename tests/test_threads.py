"""The threads of the server."""

import threading

from flicklist import threads
from flicklist.threads import PeriodicThread


def test_work_that_failed_is_tried_again_soon(monkeypatch, caplog):
    """The pause of the clean-up is an hour."""
    monkeypatch.setattr(threads, "MAX_PAUSE_AFTER_FAILURE", 0.01)
    attempts, done = [], threading.Event()

    def fail_once():
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("the database is busy")
        done.set()

    thread = PeriodicThread("test", fail_once, pause_seconds=3600)
    thread.start()
    assert done.wait(10)
    thread.stop()
    assert len(attempts) == 2
    assert "the database is busy" in caplog.text
