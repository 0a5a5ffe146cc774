"""Delete outdated rows from a thread of the server."""

from contextlib import suppress

from pyramid.config import Configurator
from pyramid.events import ApplicationCreated

from flicklist.db import disposing, writing_engine
from flicklist.services.clean_up import AlreadyRunning, delete_outdated_rows
from flicklist.threads import PeriodicThread

FIRST_PAUSE_SECONDS = 300  # the first minutes are busy enough
PAUSE_SECONDS = 3600


def includeme(config: Configurator) -> None:
    """Start the thread with the application."""
    settings = config.registry.flicklist

    def clean_up() -> None:
        # If it is running already, the thread of another process does the work.
        with disposing(writing_engine(settings.database_url)) as engine, suppress(AlreadyRunning):
            delete_outdated_rows(engine, settings)

    thread = PeriodicThread("clean-up", clean_up, PAUSE_SECONDS, FIRST_PAUSE_SECONDS)
    config.registry.clean_up_thread = thread
    config.add_subscriber(lambda event: thread.start(), ApplicationCreated)
