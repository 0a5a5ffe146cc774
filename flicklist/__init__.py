"""FlickList: a movie watchlist you own."""

from collections.abc import Mapping
from pathlib import Path

from pyramid.config import Configurator
from pyramid.router import Router

from flicklist.ini_files import explaining
from flicklist.settings import Settings
from flicklist.threads import starting_threads


def main(global_config: dict[str, str], **ini: str) -> Router:
    """Make the WSGI application from the ``[app:main]`` section of an ini file.

    Raises `flicklist.settings.InvalidSettingError` and others like it, whose one line says what to fix.
    """
    with make_configurator(global_config, ini) as config, starting_threads():
        config.include("flicklist.migrations")  # before everything that needs the tables
        config.include("flicklist.db")
        config.include("flicklist.security")
        config.include("flicklist.sanity")
        config.include("flicklist.security.rate_limits")
        config.include("flicklist.security.reauth")
        config.include("flicklist.mailer")
        config.include("flicklist.import_thread")
        config.include("flicklist.clean_up")
        config.include("flicklist.resources")
        config.include("flicklist.assets")
        config.include("flicklist.templates")
        config.scan("flicklist.views")
        return config.make_wsgi_app()


def make_configurator(global_config: Mapping[str, str], ini: Mapping[str, str]) -> Configurator:
    """Return a configurator, after everything in the section was checked. The database is not changed yet."""
    settings = Settings.read(ini, here=Path(global_config.get("here", "")))
    with explaining("Invalid setting: pyramid.includes", Exception):
        config = Configurator(settings=dict(ini))  # imports and calls them, so anything can be raised
    config.registry.flicklist = settings
    config.add_request_method(lambda request: settings, "settings", reify=True)
    config.include("flicklist.site_pages")
    return config
