"""The thread of the server that starts a process for each import that waits."""

from functools import partial

from pyramid.config import Configurator
from pyramid.events import ApplicationCreated
from pyramid.request import Request

from flicklist.import_process import run_imports
from flicklist.threads import PeriodicThread, wake_after_commit

PAUSE_SECONDS = 30


def wake_importer(request: Request) -> None:
    """Wake the thread that works on imports, after the commit. Without one, another process does the work."""
    thread = request.registry.import_thread
    if thread is not None:
        wake_after_commit(request, thread)


def includeme(config: Configurator) -> None:
    """Start the thread with the application, unless a setting leaves imports to other processes."""
    settings = config.registry.flicklist
    ini = {key: value for key, value in config.get_settings().items() if key.startswith("flicklist.")}
    config.registry.import_thread = None
    if settings.runs_imports:
        config.registry.import_thread = PeriodicThread("imports", partial(run_imports, settings, ini), PAUSE_SECONDS)
        config.add_subscriber(lambda event: event.app.registry.import_thread.start(), ApplicationCreated)
