"""All settings of FlickList.

A field of `Settings` called ``bcrypt_cost`` is the ini key ``flicklist.bcrypt_cost`` and the environment
variable ``FLICKLIST_BCRYPT_COST``; the environment wins.
"""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, field, fields
from email.message import EmailMessage
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import SplitResult, parse_qs, quote, urlsplit
from zoneinfo import ZoneInfo

import limits
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from flicklist.models.user import ascii_email
from flicklist.services.catalog import DEFAULT_PATH
from flicklist.text import one_line

UTC = ZoneInfo("UTC")
HOST_NAME = r"[a-z0-9._-]+|\[[0-9a-f:.]+\]"  # in the Host header
# The options in the URL of Redis that are plain values. Others are objects, such as retry.
REDIS_OPTION = (
    r"db|username|password|client_name|protocol|health_check_interval|max_connections|retry_on_timeout"
    r"|socket_(timeout|connect_timeout|keepalive)|ssl_(ca_certs|ca_path|certfile|keyfile|cert_reqs|check_hostname)"
)
Limits = tuple[limits.RateLimitItem, ...]
REGISTRATION = ("open", "invitation", "closed")
MIN_SECRET_LENGTH = 64
MIN_SECRET_VARIETY = 10
MAX_CONTACT_LENGTH = 200
MAX_ATTEMPTS = 100
YEAR_SECONDS = 366 * 86_400
DEVELOPMENT_SECRET_PREFIX = "development"  # noqa: S105 - a prefix, not a secret


class InvalidSettingError(SystemExit):
    """A setting is missing, malformed or unknown. The message is one line for the person who starts the site.

    It is a `SystemExit`, so that ``pserve`` and other WSGI servers print that line and no traceback.
    """


class Contact(NamedTuple):
    """How to reach the person who runs the site. The link is empty for a text that is no address or URL."""

    text: str
    link: str


def _database_url(text: str) -> str:
    try:
        dialect = make_url(text).get_backend_name()
    except (ArgumentError, ValueError):  # such as a port of letters
        raise ValueError("is not a database URL such as sqlite:////srv/flicklist/flicklist.db") from None
    if dialect not in {"sqlite", "postgresql"}:
        raise ValueError(f"must be a URL of sqlite or postgresql, not {dialect!r}")
    if dialect == "sqlite" and make_url(text).database in {None, "", ":memory:"}:
        raise ValueError("must name a file: a database in memory is lost at every restart")
    if dialect == "postgresql" and not _names_database(make_url(text)):
        raise ValueError("must name a database, as in postgresql+psycopg://flicklist@localhost/flicklist")
    if dialect == "sqlite" and make_url(text).query:
        raise ValueError("can have no options after “?”: the site sets those of SQLite itself")
    _require_driver(text)
    if make_url(text).get_dialect().is_async:
        raise ValueError(
            f"names a driver for asyncio, {make_url(text).drivername!r}; use sqlite:// or postgresql+psycopg://"
        )
    return text


def _names_database(url: URL) -> bool:
    """Return whether a URL of PostgreSQL names a database. Otherwise it would be the one with the name of the role."""
    name = url.database or ""
    others = [url.query.get("dbname"), url.query.get("service"), *map(os.environ.get, ("PGDATABASE", "PGSERVICE"))]
    return "\0" not in name and bool(name or any(others))  # PostgreSQL would take what is before the null character


def _require_driver(url: str) -> None:
    try:
        make_url(url).get_dialect().import_dbapi()
    except (NoSuchModuleError, ImportError):
        raise ValueError(
            f"names a driver that is not installed, {make_url(url).drivername!r}; "
            "for PostgreSQL, use postgresql+psycopg:// and install '.[postgresql]'"
        ) from None


def _secret(text: str) -> str:
    if len(text) < MIN_SECRET_LENGTH or len(set(text)) < MIN_SECRET_VARIETY:
        raise ValueError(
            f"must have at least {MIN_SECRET_LENGTH} characters, {MIN_SECRET_VARIETY} of them different; "
            "generate one with: python3 -c 'import secrets; print(secrets.token_urlsafe(64))'"
        )
    return text


def _yes_or_no(text: str) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.lower() not in words:
        raise ValueError(f"must be true or false, not {text!r}")
    return words[text.lower()]


def _whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and minimum <= int(text) <= maximum):
            raise ValueError(f"must be a whole number from {minimum} to {maximum}, not {text!r}")
        return int(text)

    return read


def _absolute_path(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute():
        raise ValueError(f"must be an absolute path, not {text!r}")
    return path


def _optional_path(text: str) -> Path | None:
    return Path(text) if text else None


def _contact(text: str) -> Contact:
    if len(text) > MAX_CONTACT_LENGTH or not text.isprintable():
        raise ValueError(f"must be one line of at most {MAX_CONTACT_LENGTH} characters")
    if re.match(r"https?:", text, re.IGNORECASE):
        if not (re.fullmatch(r"https?://[!-~]+", text, re.ASCII | re.IGNORECASE) and urlsplit(text).hostname):
            raise ValueError(f"must be like https://example.com/contact, not {text!r}")
        return Contact(text, text)
    with suppress(ValueError):
        return Contact(text, f"mailto:{quote(ascii_email(text), safe='@')}")
    return Contact(text, "")


def _time_zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, KeyError):  # ZoneInfo raises any of them, depending on the text
        raise ValueError(f"must be a time zone such as Europe/Vienna, not {text!r}") from None


def _registration(text: str) -> str:
    if text not in REGISTRATION:
        raise ValueError(f"must be open, invitation or closed, not {text!r}")
    return text


def _public_url(text: str) -> str:
    with suppress(ValueError):  # malformed brackets or port
        parts = urlsplit(text)
        has_more = "?" in text or "#" in text
        if re.fullmatch(r"https?://[!-~]+", text, re.ASCII) and parts.hostname and parts.port != 0 and not has_more:
            return text.rstrip("/")
    raise ValueError(f"must be like https://movies.example.com, not {text!r}")


def _mail_from(text: str) -> str:
    addresses = _addresses(text)
    if len(addresses) != 1 or not addresses[0].domain or not addresses[0].addr_spec.isascii():
        raise ValueError(f"must be like FlickList <movies@example.com>, not {text!r}")
    return text


def _addresses(text: str) -> tuple[Any, ...]:
    """Return the addresses in a From header. There are none if it is malformed."""
    message = EmailMessage()
    try:
        message["From"] = text
        return message["From"].addresses
    except (ValueError, LookupError, AttributeError, TypeError):  # the parser raises any of them, depending on the text
        return ()


def _smtp_url(text: str) -> str:
    if text and not (re.fullmatch(r"smtps?://[!-~]+", text, re.ASCII) and _names_a_server(text)):
        raise ValueError(
            "must be like smtp://user:password@host:587 or smtps://host:465; "
            "in the user and the password, special characters are percent-encoded, such as %23 for # and %40 for @"
        )
    return text


def _names_a_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        rest = parts.path.strip("/") or parts.query or parts.fragment
        return bool(parts.hostname) and parts.port != 0 and not rest
    except ValueError:  # malformed brackets or port
        return False


def _limits(text: str) -> Limits:
    with suppress(ValueError):
        parsed = tuple(limits.parse_many(text)) if text else ()
        has_zero = not all(int(number) for number in re.findall(r"\d+", text))
        if not has_zero and all(limit.get_expiry() <= YEAR_SECONDS for limit in parsed):
            return parsed
    raise ValueError(
        f"must be like 5 per minute, or 5 per minute; 100 per day, with numbers from 1 and at most a year, not {text!r}"
    )


def _storage_url(text: str) -> str:
    if not text.startswith(("memory://", "redis://", "rediss://")):
        raise ValueError(f"must be memory:// or start with redis://, not {text!r}")
    if not text.startswith("memory:"):
        _require_redis(text)
    return text


def _require_redis(url: str) -> None:
    """Check the library and the URL. Redis itself may be down, so the connection is made, but does not connect."""
    if find_spec("redis") is None:
        raise ValueError("needs redis, which is not installed; install '.[redis]'")
    from redis import ConnectionPool, RedisError  # noqa: PLC0415 - an extra

    parts = _redis_url(url)
    for name in parse_qs(parts.query, keep_blank_values=True):
        if not re.fullmatch(REDIS_OPTION, name, re.ASCII):
            raise ValueError(f"has the unknown option {name!r}")
    try:
        ConnectionPool.from_url(url).make_connection()
    except (ValueError, TypeError, RedisError) as problem:
        raise ValueError(f"has a wrong option: {one_line(problem)}") from None


def _redis_url(url: str) -> SplitResult:
    """Return the parts of the URL. The message does not repeat them, because they may contain the password."""
    with suppress(ValueError):  # malformed brackets or port
        parts = urlsplit(url)
        if parts.port != 0 and re.fullmatch(r"/?[0-9]*", parts.path, re.ASCII) and not parts.fragment:
            return parts
    raise ValueError("must be like redis://host:6379 or redis://:password@host:6379/0; in the password, %2F is a slash")


def _hosts(text: str) -> frozenset[str]:
    hosts = frozenset(host.removesuffix(".") for host in text.lower().replace(",", " ").split())
    if not hosts:
        raise ValueError("must name at least one host, such as movies.example.com")
    for host in hosts:
        if not re.fullmatch(HOST_NAME, host, re.ASCII):
            raise ValueError(f"must be host names without scheme and port, such as movies.example.com, not {host!r}")
    return hosts


# The settings of Pyramid and `pyramid_retry` that an ini file can have. FlickList sets the others, and those of
# `pyramid_tm` and `pyramid_jinja2`, or relies on their defaults.
PYRAMID_SETTINGS: Mapping[str, Callable[[str], Any]] = {
    "pyramid.includes": str,
    "retry.attempts": _whole_number(1, MAX_ATTEMPTS),
    **dict.fromkeys(
        (
            "pyramid.debug_all",
            "pyramid.debug_authorization",
            "pyramid.debug_notfound",
            "pyramid.debug_routematch",
            "pyramid.debug_templates",
            "pyramid.prevent_cachebust",
            "pyramid.prevent_http_cache",
            "pyramid.reload_all",
            "pyramid.reload_assets",
            "pyramid.reload_resources",
            "pyramid.reload_templates",
        ),
        _yes_or_no,
    ),
}
PYRAMID_PREFIXES = ("pyramid.", "retry.", "tm.", "jinja2.")


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _setting(read: Callable[[str], Any], meaning: str, default: Any = MISSING) -> Any:
    return field(default=default, metadata={"read": read, "meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a site, typed and validated."""

    database_url: str = _setting(
        _database_url, "the SQLAlchemy URL of the SQLite file, without options, or of the PostgreSQL database"
    )
    secret: str = _setting(
        _secret,
        "the key that signs the session cookie and the links in emails; at least 64 characters, 10 of them different; "
        "set it in the environment, never in a shared file",
    )
    allow_development_secret: bool = _setting(
        _yes_or_no, "accept a secret that starts with “development”; for development only", default=False
    )
    migrate_at_start: bool = _setting(
        _yes_or_no,
        "run pending migrations at start; otherwise, the site does not start if the database is outdated",
        default=False,
    )
    https: bool = _setting(
        _yes_or_no, "the site is served over https: the cookie is Secure and named `__Host-flicklist`", default=True
    )
    hosts: frozenset[str] = _setting(
        _hosts,
        "host names of the site, separated by spaces, without port; required by `production.ini`; "
        "without this setting, any host is accepted",
        default=frozenset(),
    )
    bcrypt_cost: int = _setting(
        _whole_number(4, 16),
        "the cost of a password hash, from 4 to 16; each step doubles the work; use 4 only in tests",
        default=12,
    )
    registration: str = _setting(
        _registration, "who may register: open, invitation (see `flicklist invite`) or closed", default="open"
    )
    public_url: str = _setting(
        _public_url, "the URL of the site, for links that are emailed or printed", default="http://localhost:6543"
    )
    smtp_url: str = _setting(
        _smtp_url,
        "the mail server, such as smtp://user:password@host:587 "
        "(requires STARTTLS, except on this machine) or smtps://host:465; empty sends no mail",
        default="",
    )
    mail_from: str = _setting(_mail_from, "the sender of emails", default="FlickList <flicklist@localhost>")
    contact: Contact = _setting(
        _contact,
        "how to reach the person who runs the site, for people who cannot register or log in: an email address, a URL "
        "or a text",
        default=Contact("", ""),
    )
    privacy_page: Path | None = _setting(
        _optional_path,
        "a Markdown file in UTF-8 that is shown at /privacy and linked on every page; a relative path starts at the "
        "folder of the ini file",
        default=None,
    )
    contact_page: Path | None = _setting(_optional_path, "the same, at /contact", default=None)
    min_password_length: int = _setting(
        _whole_number(8, 64), "the minimum length of a new password, from 8 to 64 characters", default=8
    )
    max_concurrent_hashes: int = _setting(
        _whole_number(1, 64),
        "password hashes computed at the same time; others wait, up to 12 requests in all and 8 of one client, "
        "2 of the 12 only of owners of accounts, and the rest get a 503",
        default=max(1, (os.cpu_count() or 1) - 1),
    )
    rate_limit_passwords: Limits = _setting(
        _limits,
        "passwords, right or wrong, from one client, or from one person who is logged in; a client is an IPv4 "
        "address or an IPv6 network of 64 bits; separate several limits with ;, empty means no limit",
        default=_limits("60 per minute; 300 per hour"),
    )
    rate_limit_log_in: Limits = _setting(
        _limits,
        "failed logins to one account from one client, or from one browser that has logged in to it before",
        default=_limits("5 per minute"),
    )
    rate_limit_log_in_per_account: Limits = _setting(
        _limits,
        "failed logins to one account from all other browsers, or from one that has logged in to it before",
        default=_limits("100 per hour"),
    )
    rate_limit_two_factor: Limits = _setting(
        _limits,
        "wrong codes for one account; a login session, and a browser that has logged in before, have their own",
        default=_limits("5 per 5 minutes; 50 per day"),
    )
    rate_limit_register: Limits = _setting(
        _limits, "registrations from one client, including failed ones", default=_limits("100 per hour")
    )
    rate_limit_mail: Limits = _setting(
        _limits,
        "emails to one address that reset a password, those that one client has sent to confirm it, and those that "
        "confirm a new address of one account, each counted alone",
        default=_limits("3 per hour"),
    )
    rate_limit_mail_per_client: Limits = _setting(
        _limits,
        "emails that reset a password, and those that confirm an address, from one client, each counted alone; "
        "and those that confirm an address, to one address",
        default=_limits("30 per hour"),
    )
    rate_limit_changes: Limits = _setting(_limits, "changes by one person", default=_limits("120 per minute"))
    rate_limit_searches: Limits = _setting(
        _limits,
        "filtered pages of lists, pages of recent changes and pages of imports, requested by one person",
        default=_limits("120 per minute"),
    )
    rate_limit_completions: Limits = _setting(
        _limits,
        "requests of one person for what is offered while they type; each pause in typing sends two",
        default=_limits("1200 per minute"),
    )
    rate_limit_downloads: Limits = _setting(
        _limits, "exports and reports of imports that one person downloads", default=_limits("30 per hour")
    )
    rate_limit_read_seconds: Limits = _setting(
        _limits,
        "seconds that the searches, completions and downloads of one person take together, without those that take "
        "less than a tenth of a second",
        default=_limits("20 per minute; 100 per 10 minutes"),
    )
    rate_limit_uploads: Limits = _setting(
        _limits, "files that one person uploads to import them", default=_limits("30 per hour")
    )
    max_movies: int = _setting(
        _whole_number(1, 10_000_000), "movies per person, including removed ones", default=100_000
    )
    max_upload_size: int = _setting(
        _whole_number(1_000, 1_000_000_000), "bytes of a file that a person imports", default=50_000_000
    )
    max_upload_entries: int = _setting(
        _whole_number(1, 1_000_000), "files in a ZIP file that a person imports", default=1_000
    )
    max_unpacked_entry_size: int = _setting(
        _whole_number(1_000, 10_000_000_000), "bytes of each of these files, unpacked", default=100_000_000
    )
    max_unpacked_size: int = _setting(
        _whole_number(1_000, 10_000_000_000), "bytes of all of these files together, unpacked", default=500_000_000
    )
    max_import_rows: int = _setting(
        _whole_number(1, 10_000_000),
        "rows of a file that a person imports, and viewings in all of these rows together",
        default=200_000,
    )
    runs_imports: bool = _setting(
        _yes_or_no,
        "this process works on imports; one process at a time does, and at least one must be allowed to",
        default=True,
    )
    rate_limit_storage: str = _setting(
        _storage_url,
        "where to count attempts: memory:// for one process; redis://host:6379 for several (install .[redis]); "
        "while Redis does not answer, each process counts in its memory",
        default="memory://",
    )
    login_session_idle_days: int = _setting(
        _whole_number(1, 400), "days without a visit after which a login session ends, from 1 to 400", default=30
    )
    login_session_days: int = _setting(
        _whole_number(1, 400), "days after which a login session always ends, from 1 to 400", default=90
    )
    time_zone: ZoneInfo = _setting(
        _time_zone,
        "the time zone that decides when a day begins, such as Europe/Vienna; "
        "with JavaScript, the date of a viewing is that of the browser",
        default=UTC,
    )
    catalog_path: Path = _setting(
        _absolute_path,
        "the file with the catalog of films that are suggested; see `flicklist catalog update`",
        default=DEFAULT_PATH,
    )
    terrible_movies: tuple[str, ...] = _setting(
        _lines,
        "titles that cannot be added by hand, one per line; empty refuses none; an import can have them",
        default=(
            "Gigli",
            "Star Wars Episode 1: Attack of the Clones",
            "Star Wars: Episode II – Attack of the Clones",
            "Paul Blart: Mall Cop 2",
            "Nine Lives",
            "Starship Troopers",
        ),
    )

    @property
    def sends_mail(self) -> bool:
        return bool(self.smtp_url)

    @classmethod
    def read(cls, ini: Mapping[str, str], environ: Mapping[str, str] = os.environ, *, here: Path = Path()) -> Self:
        """Read all settings. Raises `InvalidSettingError` if one is missing, malformed or unknown.

        Relative paths start at `here`, the folder of the ini file.
        """
        settings_by_key = {ini_key(setting): setting for setting in fields(cls)}
        for key in ini:
            if key.startswith("flicklist.") and key not in settings_by_key:
                raise InvalidSettingError(f"Invalid setting: the ini file has the unknown setting {key}.")
        values = {setting.name: _value(setting, ini, environ) for setting in settings_by_key.values()}
        paths = {name: here / value for name, value in values.items() if isinstance(value, Path)}
        settings = cls(**{**values, **paths})
        if settings.smtp_url and settings.public_url == cls.public_url:
            raise InvalidSettingError(
                "Invalid setting: FLICKLIST_PUBLIC_URL (flicklist.public_url) is missing, but emails need it."
            )
        if settings.secret.startswith(DEVELOPMENT_SECRET_PREFIX) and not settings.allow_development_secret:
            raise InvalidSettingError("Invalid setting: FLICKLIST_SECRET is the public development secret.")
        if "pyramid_debugtoolbar" in ini.get("pyramid.includes", "") and not settings.allow_development_secret:
            raise InvalidSettingError(
                "Invalid setting: pyramid_debugtoolbar executes code from visitors; use it only for development."
            )
        _check_pyramid_settings(ini)
        return settings


def _check_pyramid_settings(ini: Mapping[str, str]) -> None:
    """Raise `InvalidSettingError` for a setting of Pyramid or an add-on that is malformed, or not left to the ini file.

    With a wrong one, the site would fail at its start or at every request, or ignore it.
    """
    for key, text in ini.items():
        if key.startswith(PYRAMID_PREFIXES):
            if key not in PYRAMID_SETTINGS:
                raise InvalidSettingError(f"Invalid setting: {key} cannot be set in the ini file. Remove it.")
            try:
                PYRAMID_SETTINGS[key](text.strip())
            except ValueError as problem:
                raise InvalidSettingError(f"Invalid setting: {key} {one_line(problem)}.") from None


def ini_key(setting: Field[Any]) -> str:
    return f"flicklist.{setting.name}"


def environment_name(setting: Field[Any]) -> str:
    return f"FLICKLIST_{setting.name.upper()}"


def _value(setting: Field[Any], ini: Mapping[str, str], environ: Mapping[str, str]) -> Any:
    text = environ.get(environment_name(setting), ini.get(ini_key(setting)))
    if text is None and setting.default is not MISSING:
        return setting.default
    name = f"{environment_name(setting)} ({ini_key(setting)})"
    if text is None:
        raise InvalidSettingError(f"Invalid setting: {name} is missing: {setting.metadata['meaning']}.")
    if any("\udc80" <= char <= "\udcff" for char in text):  # how Python reads other bytes of the environment
        raise InvalidSettingError(f"Invalid setting: {name} is not in UTF-8.")
    if "\0" in text:
        raise InvalidSettingError(f"Invalid setting: {name} has a NUL character.")
    try:
        return setting.metadata["read"](text.strip())
    except ValueError as problem:
        raise InvalidSettingError(f"Invalid setting: {name} {one_line(problem)}.") from None
