"""FlickList: a movie watchlist you own."""

from pathlib import Path

from pyramid.config import Configurator
from pyramid.router import Router

from flicklist.settings import Settings


def main(global_config: dict[str, str], **ini: str) -> Router:
    """Make the WSGI application from the ``[app:main]`` section of an ini file.

    Raises `flicklist.settings.InvalidSettingError`, whose one line says what to mend.
    """
    settings = Settings.read(ini, here=Path(global_config.get("here", "")))
    with Configurator(settings=ini) as config:
        config.registry.flicklist = settings
        config.add_request_method(lambda request: settings, "settings", reify=True)
        config.include("flicklist.site_pages")  # before the database is changed, because it can stop the start
        config.include("flicklist.migrations")  # before everything that needs the tables
        config.include("flicklist.db")
        config.include("flicklist.security")
        config.include("flicklist.sanity")
        config.include("flicklist.security.rate_limits")
        config.include("flicklist.security.reauth")
        config.include("flicklist.mailer")
        config.include("flicklist.importer")
        config.include("flicklist.clean_up")
        config.include("flicklist.resources")
        config.include("flicklist.assets")
        config.include("flicklist.templates")
        config.scan("flicklist.views")
        return config.make_wsgi_app()
