"""Queue mail in a request's transaction, and send it from a thread of the server."""

from pyramid.config import Configurator
from pyramid.events import ApplicationCreated
from pyramid.request import Request

from flicklist.db import disposing, writing_engine
from flicklist.models import Mail
from flicklist.models.outbox import MailKind
from flicklist.services.mail import Sender
from flicklist.threads import PeriodicThread, wake_after_commit

PAUSE_SECONDS = 30


def queue_mail(request: Request, kind: MailKind, recipient: str, user_id: int | None = None) -> None:
    """Put a mail into the outbox, if the site sends mail. After the commit, wake the thread that sends it."""
    if not request.settings.sends_mail:
        return
    request.db.add(Mail(kind=kind, recipient=recipient, user_id=user_id))
    wake_after_commit(request, request.registry.mail_thread)


def includeme(config: Configurator) -> None:
    """Start the thread with the application, if the site sends mail."""
    settings = config.registry.flicklist

    def send_mail() -> None:
        with disposing(writing_engine(settings.database_url)) as engine:
            Sender(settings, engine).send_due()

    if settings.sends_mail:
        config.registry.mail_thread = PeriodicThread("mail", send_mail, PAUSE_SECONDS)
        config.add_subscriber(lambda event: event.app.registry.mail_thread.start(), ApplicationCreated)
