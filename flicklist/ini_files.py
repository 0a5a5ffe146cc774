"""Read ini files as UTF-8, with or without a byte order mark.

PasteDeploy reads them in the encoding of the locale, so ``pserve`` does too. ``flicklist`` uses the `Loader` below.
"""

import configparser
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from logging.config import fileConfig
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import plaster
from paste.deploy import loadwsgi
from plaster_pastedeploy import ConfigDict
from plaster_pastedeploy import Loader as PasteDeployLoader
from pyramid.exceptions import ConfigurationExecutionError

from flicklist.text import one_line

ENCODING = "utf-8-sig"
# The package and the entry point of `Loader` in setup.py. Under the name "ini", pserve would find two loaders.
SCHEME = "flicklist+utf8ini"
PATHS = frozenset({"here", "__file__"})  # what PasteDeploy adds to the section [DEFAULT]
# What PasteDeploy raises for a wrong ini file. RecursionError: a section that uses itself.
WRONG_FILE = (OSError, ImportError, LookupError, ValueError, AttributeError, RecursionError, configparser.Error)


class InvalidIniFileError(SystemExit):
    """An ini file cannot be read, or a section of it is wrong. The message is one line. See `InvalidSettingError`."""


@contextmanager
def explaining(message: str, *kinds: type[Exception]) -> Iterator[None]:
    """Report exceptions of some kinds in one line, after a message.

    Wrap only what reads the ini file, and nothing of the site itself, so that its own errors keep their tracebacks.
    """
    try:
        yield
    except kinds as error:
        raise InvalidIniFileError(f"{one_line(message)}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """Return what an exception says, in one line."""
    if isinstance(error, ConfigurationExecutionError):
        error = error.evalue
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return one_line(error) or type(error).__name__


class _IniFile(loadwsgi.ConfigLoader):
    """PasteDeploy's reader, except for the encoding."""

    def __init__(self, filename: str) -> None:
        path = Path(filename).absolute()
        self.filename = str(path)
        self.parser = loadwsgi.NicerConfigParser(
            self.filename, defaults=_escaped({"here": str(path.parent), "__file__": self.filename})
        )
        self.parser.optionxform = str  # keys keep their case
        self.parser.read_string(path.read_text(ENCODING), source=self.filename)


def _escaped(values: Mapping[str, str]) -> dict[str, str]:
    """Return values for the section ``[DEFAULT]``, in which a percent sign in a path is doubled."""
    return {name: value.replace("%", "%%") if name in PATHS else value for name, value in values.items()}


class Loader(PasteDeployLoader):
    """A plaster loader for ini files in UTF-8."""

    def __init__(self, uri: plaster.PlasterURL) -> None:
        path = os.fsdecode(unquote_to_bytes(uri.path))
        super().__init__(plaster.PlasterURL(uri.scheme, path, uri.options, uri.fragment))

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

    def get_settings(self, section: str | None = None, defaults: Mapping[str, str] | None = None) -> ConfigDict:
        with self._reading():
            return super().get_settings(section, defaults)

    def setup_logging(self, defaults: Mapping[str, str] | None = None) -> None:
        if "loggers" not in self.get_sections():
            logging.basicConfig()
            return
        # `class` and `args` are evaluated as Python, so anything can be raised.
        existing = _handlers()
        with explaining(f"{self.uri.path} has a mistake in the sections for logging", Exception):
            fileConfig(
                self.uri.path, _escaped(self._get_defaults(defaults)), disable_existing_loggers=False, encoding=ENCODING
            )
            _try(_handlers() - existing)

    def _get_parser(self, defaults: Mapping[str, str] | None = None) -> Any:
        with self._reading():
            file = _IniFile(self.uri.path)
            file.update_defaults(_escaped(self._get_defaults(defaults)))
            return file.parser

    def _context(self, kind: Any, name: str | None, defaults: Mapping[str, str] | None) -> Any:
        """Return what a section names, and its options. This does not run what it names."""
        with self._reading():
            file, values = _IniFile(self.uri.path), self._get_defaults(defaults)
            file.update_defaults(values, overwrite=False)
            return file.get_context(kind, self._maybe_get_default_name(name) or "main", values)

    def _reading(self) -> Any:
        return explaining(f"{self.uri.path} cannot be read", *WRONG_FILE)


def ini_uri(path: str) -> str:
    """Return the URI with which plaster, and so ``pserve``, reads an ini file with `Loader`."""
    return f"{SCHEME}://{quote(bytes(Path(path).absolute()))}"


def get_loader(path: str) -> Loader:
    return plaster.get_loader(ini_uri(path), protocols=["wsgi"])


def read_app_settings(path: str, values: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """Return the section ``[app:main]`` of an ini file. `values` replace those of the section ``[DEFAULT]``."""
    return get_loader(path).get_wsgi_app_settings(defaults=values)


def _handlers() -> set[logging.Handler]:
    loggers = (logging.root, *logging.root.manager.loggerDict.values())
    return {handler for logger in loggers for handler in getattr(logger, "handlers", ())}


def _try(handlers: Iterable[logging.Handler]) -> None:
    """Raise `ValueError` for what Python notices only when it writes a message: the names in a format, and the stream.

    Handlers of other libraries are left out, because they may add names before they format a message.
    """
    for handler in handlers:
        if type(handler).__module__.partition(".")[0] != "logging":
            continue
        record = logging.getLogRecordFactory()("flicklist", logging.INFO, "", 0, "message", (), None)
        if handler.filter(record):
            handler.format(record)
        stream = getattr(handler, "stream", None)  # a file is opened when something is written to it, if `delay` is on
        if isinstance(stream, type) or (stream is not None and not hasattr(stream, "write")):
            raise ValueError(f"{type(handler).__name__} cannot write to {stream!r}")
