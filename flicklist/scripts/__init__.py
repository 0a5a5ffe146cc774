"""The ``flicklist`` command, for the person who runs the site."""

import click
import plaster

from flicklist import migrations
from flicklist.settings import Settings


@click.group()
def flicklist() -> None:
    """Look after a FlickList site."""


@flicklist.command()
@click.argument("ini", type=click.Path(exists=True, dir_okay=False))
def migrate(ini: str) -> None:
    """Bring the database of INI to the newest migration."""
    migrations.upgrade(_settings(ini).database_url)
    click.echo("The database is at the newest migration.")


def _settings(ini: str) -> Settings:
    loader = plaster.get_loader(ini, protocols=["wsgi"])
    return Settings.read(loader.get_wsgi_app_settings())
