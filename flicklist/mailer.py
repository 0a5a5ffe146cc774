"""Queue mail in a request's transaction, and send it from a thread of the server."""

import logging
import threading

from pyramid.config import Configurator
from pyramid.events import ApplicationCreated
from pyramid.request import Request

from flicklist.db import writing_engine
from flicklist.models import Mail
from flicklist.models.outbox import MailKind
from flicklist.services.mail import Sender
from flicklist.settings import Settings

log = logging.getLogger(__name__)

PAUSE_SECONDS = 30


class SendingThread(threading.Thread):
    """Sends due mail when woken, and every half minute."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="flicklist-mail", daemon=True)
        self._settings = settings
        self._wake = threading.Event()
        self._stop_requested = False

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stop_requested = True
        self.wake()
        self.join()

    def run(self) -> None:
        engine = writing_engine(self._settings.database_url)
        sender = Sender(self._settings, engine)
        while not self._stop_requested:
            self._wake.clear()
            try:
                sender.send_due()
            except Exception:  # the database may be back later
                log.exception("The outbox could not be read")
            self._wake.wait(PAUSE_SECONDS)
        engine.dispose()


def queue_mail(request: Request, kind: MailKind, recipient: str, user_id: int | None = None) -> None:
    """Put a mail into the outbox, if the site sends mail. After the commit, wake the thread that sends it."""
    if not request.settings.sends_mail:
        return
    request.db.add(Mail(kind=kind, recipient=recipient, user_id=user_id))
    thread = request.registry.mail_thread
    request.tm.get().addAfterCommitHook(lambda is_committed: thread.wake())


def includeme(config: Configurator) -> None:
    """Start the thread with the application, if the site sends mail."""
    settings = config.registry.flicklist
    if settings.sends_mail:
        config.registry.mail_thread = SendingThread(settings)
        config.add_subscriber(lambda event: event.app.registry.mail_thread.start(), ApplicationCreated)
