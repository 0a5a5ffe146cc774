"""Read ini files as UTF-8, with or without a byte order mark.

PasteDeploy reads them in the encoding of the locale, so ``pserve`` does too. ``flicklist`` uses the `Loader` below.
"""

import logging
from collections.abc import Mapping
from logging.config import fileConfig
from pathlib import Path
from typing import Any

import plaster
from paste.deploy import loadwsgi
from plaster_pastedeploy import ConfigDict
from plaster_pastedeploy import Loader as PasteDeployLoader

ENCODING = "utf-8-sig"
# The package and the entry point of `Loader` in setup.py. Under the name "ini", pserve would find two loaders.
SCHEME = "flicklist+utf8ini"


class _IniFile(loadwsgi.ConfigLoader):
    """PasteDeploy's reader, except for the encoding."""

    def __init__(self, filename: str) -> None:
        path = Path(filename).absolute()
        self.filename = str(path)
        self.parser = loadwsgi.NicerConfigParser(
            self.filename, defaults={"here": str(path.parent), "__file__": self.filename}
        )
        self.parser.optionxform = str  # keys keep their case
        self.parser.read_string(path.read_text(ENCODING), source=self.filename)


class Loader(PasteDeployLoader):
    """A plaster loader for ini files in UTF-8."""

    def get_wsgi_app(self, name: str | None = None, defaults: Mapping[str, str] | None = None) -> Any:
        return self._context(loadwsgi.APP, name, defaults).create()

    def get_wsgi_server(self, name: str | None = None, defaults: Mapping[str, str] | None = None) -> Any:
        return self._context(loadwsgi.SERVER, name, defaults).create()

    def get_wsgi_app_settings(self, name: str | None = None, defaults: Mapping[str, str] | None = None) -> ConfigDict:
        config = self._context(loadwsgi.APP, name, defaults).config()
        return ConfigDict(config.local_conf, config.global_conf, self)

    def get_wsgi_server_options(
        self, name: str | None = None, defaults: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Return the options of the server, without the name of the server itself."""
        return dict(self._context(loadwsgi.SERVER, name, defaults).local_conf)

    def setup_logging(self, defaults: Mapping[str, str] | None = None) -> None:
        if "loggers" in self.get_sections():
            fileConfig(self.uri.path, self._get_defaults(defaults), disable_existing_loggers=False, encoding=ENCODING)
        else:
            logging.basicConfig()

    def _get_parser(self, defaults: Mapping[str, str] | None = None) -> Any:
        file = _IniFile(self.uri.path)
        file.update_defaults(self._get_defaults(defaults))
        return file.parser

    def _context(self, kind: Any, name: str | None, defaults: Mapping[str, str] | None) -> Any:
        file, values = _IniFile(self.uri.path), self._get_defaults(defaults)
        file.update_defaults(values, overwrite=False)
        return file.get_context(kind, self._maybe_get_default_name(name) or "main", values)


def ini_uri(path: str) -> str:
    """Return the URI with which plaster, and so ``pserve``, reads an ini file with `Loader`."""
    return f"{SCHEME}://{Path(path).absolute()}"


def get_loader(path: str) -> Loader:
    return plaster.get_loader(ini_uri(path), protocols=["wsgi"])


def read_app_settings(path: str) -> Mapping[str, str]:
    """Return the section ``[app:main]`` of an ini file."""
    return get_loader(path).get_wsgi_app_settings()
