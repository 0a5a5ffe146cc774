"""Settings are read once, and an invalid one stops the start with one line."""

import sys
from dataclasses import fields

import pytest

from flicklist import main
from flicklist.settings import PYRAMID_SETTINGS, InvalidSettingError, Settings, environment_name, ini_key
from tests.clients import Client
from tests.conftest import SECRET, dispose

GOOD = {"flicklist.database_url": "sqlite:////tmp/flicklist.db", "flicklist.secret": SECRET}
DEVELOPMENT_SECRET = "development-secret-which-everybody-knows-because-it-stands-in-this-file"


def test_environment_wins_over_ini_file():
    settings = Settings.read(GOOD | {"flicklist.bcrypt_cost": "11"}, {"FLICKLIST_BCRYPT_COST": "10"})
    assert settings.bcrypt_cost == 10


def test_missing_setting_has_its_default():
    settings = Settings.read(GOOD, {})
    assert (settings.bcrypt_cost, settings.https, settings.migrate_at_start) == (12, True, False)
    assert "Gigli" in settings.terrible_movies


@pytest.mark.parametrize(
    ("ini", "said"),
    [
        ({"flicklist.database_url": None}, "FLICKLIST_DATABASE_URL (flicklist.database_url) is missing"),
        ({"flicklist.secret": None}, "FLICKLIST_SECRET (flicklist.secret) is missing"),
        ({"flicklist.secret": "short"}, "must have at least 64 characters"),
        ({"flicklist.secret": "ab" * 50}, "10 of them different"),
        ({"flicklist.secret": "${FLICKLIST_SECRET}"}, "must have at least 64 characters"),
        ({"flicklist.secret": DEVELOPMENT_SECRET}, "is the public development secret"),
        (
            {"flicklist.database_url": "mysql://localhost/flicklist"},
            "must be a URL of sqlite or postgresql, not 'mysql'",
        ),
        ({"flicklist.database_url": "postgresql+nothing://localhost/x"}, "names a driver that is not installed"),
        (
            {"flicklist.database_url": "postgresql+psycopg_async://x/x"},
            "a driver for asyncio, 'postgresql+psycopg_async'",
        ),
        ({"flicklist.database_url": "flicklist.db"}, "is not a database URL"),
        ({"flicklist.database_url": "postgresql+psycopg://localhost:port/x"}, "is not a database URL"),
        ({"flicklist.database_url": "sqlite://"}, "must name a file"),
        ({"flicklist.database_url": "postgresql+psycopg://"}, "must name a database"),
        ({"flicklist.database_url": "postgresql+psycopg://localhost/%00"}, "must name a database"),
        ({"flicklist.database_url": "sqlite:////x.db?check_same_thread=true"}, "can have no options after “?”"),
        ({"flicklist.bcrypt_cost": "3"}, "must be a whole number from 4 to 16, not '3'"),
        ({"flicklist.bcrypt_cost": "twelve"}, "must be a whole number from 4 to 16, not 'twelve'"),
        ({"flicklist.https": "perhaps"}, "must be true or false, not 'perhaps'"),
        ({"flicklist.smtp_url": "smtp://mail.example:25"}, "FLICKLIST_PUBLIC_URL (flicklist.public_url) is missing"),
        ({"flicklist.mail_from": "FlickList <flicklist@"}, "must be like FlickList <movies@example.com>"),
        ({"flicklist.mail_from": "F <f@x.example>\nBcc: b@x.example"}, "must be like FlickList <movies@example.com>"),
        ({"flicklist.mail_from": "FlickList"}, "must be like FlickList <movies@example.com>"),
        ({"flicklist.mail_from": "a@["}, "must be like FlickList <movies@example.com>, not 'a@['"),
        ({"flicklist.mail_from": "FlickList <movies@[127.0.0.1>"}, "must be like FlickList <movies@example.com>"),
        ({"flicklist.mail_from": ".<f"}, "must be like FlickList <movies@example.com>, not '.<f'"),
        ({"flicklist.mail_from": "a:);:"}, "must be like FlickList <movies@example.com>, not 'a:);:'"),
        ({"flicklist.mail_from": "FlickList <mövies@example.com>"}, "must be like FlickList <movies@example.com>"),
        ({"flicklist.smtp_url": "mail.example:25"}, "must be like smtp://user:password@host:587"),
        ({"flicklist.smtp_url": "smtp://:password@:25"}, "must be like smtp://user:password@host:587"),
        ({"flicklist.smtp_url": "smtps://mail.example:port"}, "must be like smtp://user:password@host:587"),
        ({"flicklist.smtp_url": "smtp://user:123#abc@mail.example:25"}, "percent-encoded, such as %23 for #"),
        ({"flicklist.smtp_url": "smtp://user:12/3@mail.example"}, "percent-encoded, such as %23 for #"),
        ({"flicklist.hosts": " "}, "must name at least one host"),
        ({"flicklist.hosts": "https://movies.example"}, "must be host names without scheme and port"),
        ({"flicklist.hosts": "movies.example:443"}, "must be host names without scheme and port"),
        ({"flicklist.hosts": "bücher.example"}, "must be host names without scheme and port"),
        ({"flicklist.catalog_path": "films.sqlite"}, "must be an absolute path, not 'films.sqlite'"),
        ({"flicklist.contact": "Anna\nBcc: b@x.example"}, "must be one line of at most 200 characters"),
        ({"flicklist.contact": "x" * 201}, "must be one line of at most 200 characters"),
        ({"flicklist.contact": "https:///contact"}, "must be like https://example.com/contact"),
        ({"flicklist.contact": "https://example.com/our contact"}, "must be like https://example.com/contact"),
        ({"flicklist.privacy_page": "/no/such/file.md"}, "names /no/such/file.md, which cannot be read: No such file"),
        ({"flicklist.privacy_page": "/no\nsuch.md"}, "names /no such.md, which cannot be read: No such file"),
        ({"flicklist.privacy_page": "a\0b"}, "FLICKLIST_PRIVACY_PAGE (flicklist.privacy_page) has a NUL character"),
        ({"flicklist.contact_page": "a\0b"}, "FLICKLIST_CONTACT_PAGE (flicklist.contact_page) has a NUL character"),
        (
            {"flicklist.contact_page": "/"},
            "FLICKLIST_CONTACT_PAGE (flicklist.contact_page) names /, which cannot be read",
        ),
        ({"flicklist.registration": "sometimes"}, "must be open, invitation or closed, not 'sometimes'"),
        ({"flicklist.time_zone": "Vienna"}, "must be a time zone such as Europe/Vienna, not 'Vienna'"),
        ({"flicklist.public_url": "movies.example"}, "must be like https://movies.example.com"),
        *(
            ({"flicklist.public_url": url}, f"must be like https://movies.example.com, not {url!r}")
            for url in (
                "https://[",
                "http://x:99999",
                "http://x:0",
                "http://:80",
                "https:///",
                "https://x/?q#f",
                "https://x/#",
            )
        ),
        *(
            (
                {"flicklist.rate_limit_log_in": text},
                "must be like 5 per minute, or 5 per minute; 100 per day, with numbers from 1",
            )
            for text in (
                "often",
                "0 per minute",
                "5 per 0 minutes",
                "5 per minute; 00/day",
                "٠ per day",
                "5 per 2 years",
                "5 per 99999999999 days",
            )
        ),
        ({"flicklist.rate_limit_storage": "memcached://x"}, "must be memory:// or start with redis://"),
        ({"flicklist.rate_limit_storage": "redis://host:port"}, "must be like redis://host:6379"),
        ({"flicklist.rate_limit_storage": "redis://host:72752"}, "must be like redis://host:6379"),
        ({"flicklist.rate_limit_storage": "redis://host/first"}, "must be like redis://host:6379"),
        ({"flicklist.rate_limit_storage": "redis://[::1"}, "must be like redis://host:6379"),
        ({"flicklist.rate_limit_storage": "redis://:12/3@host"}, "in the password, %2F is a slash"),
        ({"flicklist.rate_limit_storage": "redis://host:6379/9?foo=bar"}, "has the unknown option 'foo'"),
        ({"flicklist.rate_limit_storage": "redis://host?retry=3"}, "has the unknown option 'retry'"),
        ({"flicklist.rate_limit_storage": "redis://host?protocol=9"}, "has a wrong option: protocol must be"),
        ({"flicklist.rate_limit_storage": "redis://host?socket_timeout=x"}, "has a wrong option: Invalid value for"),
        ({"flicklist.rate_limit_storage": "redis://host?ssl_certfile=x"}, "has a wrong option: "),
        ({"flicklist.secret": "\udcff" + SECRET}, "FLICKLIST_SECRET (flicklist.secret) is not in UTF-8"),
        *(
            ({key: "nosuch"}, f"Invalid setting: {key} cannot be set in the ini file. Remove it.")
            for key in (
                "jinja2.autoescape",
                "jinja2.extensions",
                "jinja2.filters",
                "jinja2.input_encoding",
                "jinja2.undefined",
                "pyramid.csrf_trusted_origins",
                "pyramid.default_locale_name",
                "pyramid.reload_template",
                "pyramid.tweens",
                "retry.activate_hook",
                "retry.attempt",
                "tm.activate_hook",
                "tm.annotate_user",
                "tm.commit_veto",
                "tm.manager_hook",
            )
        ),
        *(
            ({key: "nosuch"}, f"Invalid setting: {key} must be ")
            for key in PYRAMID_SETTINGS
            if key != "pyramid.includes"
        ),
        ({"pyramid.includes": "pyramid_tm pyramid_debugtoolbar"}, "pyramid_debugtoolbar executes code from visitors"),
        ({"flicklist.bcrypt_costs": "12"}, "has the unknown setting flicklist.bcrypt_costs"),
    ],
)
def test_invalid_setting_stops_start_with_one_line(ini, said):
    settings = {key: value for key, value in (GOOD | ini).items() if value is not None}
    with pytest.raises(InvalidSettingError) as stopped:
        main({}, **settings)
    assert said in str(stopped.value)
    assert "\n" not in str(stopped.value)


def test_settings_of_pyramid_are_accepted(app, ini):
    values = dict.fromkeys(PYRAMID_SETTINGS, "true") | {"pyramid.includes": "pyramid_tm", "retry.attempts": "2"}
    made = main({}, **ini, **values)
    Client(made).register("pyramid@example.com")
    dispose(made)


def test_missing_library_of_redis_stops_start_with_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(InvalidSettingError, match="needs redis, which is not installed"):
        Settings.read(GOOD | {"flicklist.rate_limit_storage": "redis://localhost:6379"}, {})


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379",
        "redis://:p%2Fw@[::1]:6379/9",
        "redis://host?db=9&socket_timeout=2.5",
        "rediss://host/?ssl_ca_certs=/etc/redis.pem",
    ],
)
def test_url_of_redis_that_does_not_answer_is_accepted(url):
    assert Settings.read(GOOD | {"flicklist.rate_limit_storage": url}, {}).rate_limit_storage == url


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("public_url", "https://movies.example/flicklist"),
        ("public_url", "http://[::1]:8080"),
        ("rate_limit_log_in", "10 per year; 100 per 30 minutes"),
    ],
)
def test_unusual_value_is_accepted(name, text):
    assert getattr(Settings.read(GOOD | {f"flicklist.{name}": text}, {}), name)


def test_development_secret_is_accepted_where_allowed():
    ini = GOOD | {"flicklist.secret": DEVELOPMENT_SECRET, "flicklist.allow_development_secret": "true"}
    assert Settings.read(ini, {}).secret == DEVELOPMENT_SECRET


def test_error_message_does_not_contain_the_secret():
    with pytest.raises(InvalidSettingError) as stopped:
        Settings.read(GOOD | {"flicklist.secret": "hunter2"}, {})
    assert "hunter2" not in str(stopped.value)


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("anna@example.com", "mailto:anna@example.com"),
        ("a?b&c@example.com", "mailto:a%3Fb%26c@example.com"),
        ("https://example.com/contact?a=1", "https://example.com/contact?a=1"),
        ("Anna in flat 3", ""),
        ("@anna@social.example", ""),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_contact_is_a_link_if_it_is_an_email_address_or_url(text, link):
    assert Settings.read(GOOD | {"flicklist.contact": text}, {}).contact == (text, link)


def test_relative_path_starts_at_folder_of_ini_file(tmp_path):
    ini = GOOD | {"flicklist.privacy_page": "privacy.md", "flicklist.contact_page": "/srv/contact.md"}
    settings = Settings.read(ini, {}, here=tmp_path)
    assert (settings.privacy_page, str(settings.contact_page)) == (tmp_path / "privacy.md", "/srv/contact.md")


def test_settings_md_describes_every_setting(root):
    document = (root / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = [row for row in document.splitlines() if row.startswith("| `flicklist.")]
    told = {(key, name, meaning) for key, name, _, meaning in (row.replace("`", "")[2:-2].split(" | ") for row in rows)}
    assert told == {
        (ini_key(setting), environment_name(setting), setting.metadata["meaning"].replace("`", ""))
        for setting in fields(Settings)
    }
