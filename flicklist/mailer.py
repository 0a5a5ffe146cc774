"""Queue mail in a request's transaction, and send it from a thread of the server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyramid.config import Configurator
from pyramid.events import ApplicationCreated
from pyramid.request import Request

from flicklist.db import writing_engine
from flicklist.models import Mail
from flicklist.models.outbox import MailKind
from flicklist.services.mail import Sender
from flicklist.settings import Settings
from flicklist.threads import WorkingThread


@contextmanager
def _open_work(settings: Settings) -> Iterator[Callable[[], int]]:
    engine = writing_engine(settings.database_url)
    yield Sender(settings, engine).send_due
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
        config.registry.mail_thread = WorkingThread("flicklist-mail", lambda: _open_work(settings))
        config.add_subscriber(lambda event: event.app.registry.mail_thread.start(), ApplicationCreated)
