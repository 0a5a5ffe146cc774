"""Delete outdated rows from a thread of the server."""

from pyramid.config import Configurator
from pyramid.events import ApplicationCreated
from pyramid.request import Request

from flicklist.db import disposing, writing_engine
from flicklist.services.clean_up import delete_outdated_rows
from flicklist.threads import PeriodicThread, wake_after_commit

FIRST_PAUSE_SECONDS = 300  # the first minutes are busy enough
PAUSE_SECONDS = 3600


def wake_clean_up(request: Request) -> None:
    """Let the thread delete the rows of an account soon, not only after its pause."""
    wake_after_commit(request, request.registry.clean_up_thread)


def includeme(config: Configurator) -> None:
    """Start the thread with the application."""
    settings = config.registry.flicklist

    def clean_up() -> None:
        with disposing(writing_engine(settings.database_url)) as engine:
            delete_outdated_rows(engine, settings)

    thread = PeriodicThread("clean-up", clean_up, PAUSE_SECONDS, FIRST_PAUSE_SECONDS)
    config.registry.clean_up_thread = thread
    config.add_subscriber(lambda event: thread.start(), ApplicationCreated)
