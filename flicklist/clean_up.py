"""Delete outdated rows from a thread of the server."""

from contextlib import suppress
from functools import partial

from pyramid.config import Configurator
from pyramid.events import ApplicationCreated
from sqlalchemy import Engine

from flicklist.services.clean_up import AlreadyRunning, delete_outdated_rows
from flicklist.threads import PeriodicThread, with_engine

FIRST_PAUSE_SECONDS = 300  # the first minutes are busy enough
PAUSE_SECONDS = 3600


def includeme(config: Configurator) -> None:
    """Start the thread with the application."""
    settings = config.registry.flicklist

    def clean_up(engine: Engine) -> None:
        with suppress(AlreadyRunning):  # the thread of another process does the work
            delete_outdated_rows(engine, settings)

    open_work = partial(with_engine, settings.database_url, clean_up)
    thread = PeriodicThread("clean-up", open_work, PAUSE_SECONDS, FIRST_PAUSE_SECONDS)
    config.registry.clean_up_thread = thread
    config.add_subscriber(lambda event: thread.start(), ApplicationCreated)
