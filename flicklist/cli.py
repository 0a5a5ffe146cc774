"""The ``flicklist`` command, for operators."""

import errno
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, Any, NoReturn
from urllib.parse import urlencode

import click
from pyramid.scripts.pserve import main as pserve
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.orm import Session

from flicklist import migrations
from flicklist.db import disposing, reading_engine, snapshot, writing_engine
from flicklist.film_facts import fact_name
from flicklist.importer import open_importer
from flicklist.ini_files import ini_uri, read_app_settings
from flicklist.models import Import, Mail, User
from flicklist.models.movie import LimitReached
from flicklist.models.movie_import import CHANGED_MOVIES, NEW_MOVIES, NEW_VIEWINGS, Outcome
from flicklist.models.outbox import MailKind
from flicklist.outages import reason_of
from flicklist.processes import serve as serve_in_processes
from flicklist.services import accounts, catalog, demo, film_facts, invitations, login_sessions, two_factor
from flicklist.services.catalog import CatalogError
from flicklist.services.clean_up import delete_outdated_rows
from flicklist.services.export.archive import write_archive
from flicklist.services.film_lookup import NoMatch
from flicklist.services.imports.attempt import Progress
from flicklist.services.imports.importer import Busy
from flicklist.services.imports.rows import UploadRefused
from flicklist.services.mail import Sender
from flicklist.services.passwords import PasswordHasher
from flicklist.services.tokens import password_reset_link
from flicklist.settings import Settings
from flicklist.signals import handled_stop_signals
from flicklist.text import one_line

# `catalog fill` makes one change of so many movies, so that undoing it is quick.
MAX_FILLED_AT_ONCE = 100
STANDARD_OUTPUT = Path("-")
TOO_FEW_RESOURCES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN}  # files, memory or processes
PERCENT = 100


class IniPath(click.Path):
    """The path of an ini file. If it cannot be read, the message is one line, without the usage of the command."""

    def fail(self, message: str, param: click.Parameter | None = None, ctx: click.Context | None = None) -> NoReturn:
        raise click.ClickException(one_line(message))


ini_file = click.argument("ini", type=IniPath(exists=True, dir_okay=False))


class Commands(click.Group):
    """Commands that report in one line what the database or the disk refuses."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (OperationalError, InternalError) as error:
            raise click.ClickException(f"The database refused this: {reason_of(error)}.") from None
        except OSError as error:
            # Any other one can be an error of the site itself, and needs its traceback.
            if ctx.invoked_subcommand == "serve" and error.errno not in TOO_FEW_RESOURCES:
                raise
            raise click.ClickException(f"{one_line(error)}.") from None


@click.group(cls=Commands)
def flicklist() -> None:
    """Manage a FlickList site."""
    try:
        Path.cwd()
    except OSError as error:
        raise click.ClickException(f"The current folder cannot be used: {error.strerror}.") from None


@flicklist.command()
@ini_file
def migrate(ini: str) -> None:
    """Run all migrations on the database of INI."""
    migrations.upgrade(_settings(ini).database_url)
    click.echo("The database is up to date.")


@flicklist.command()
@ini_file
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--reload", "reloads", is_flag=True, help="Start again when the code changes.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, help="How many processes answer requests.")
def serve(ini: str, values: tuple[str, ...], reloads: bool, processes: int) -> None:  # noqa: FBT001 - click passes it by name
    """Run the site of INI until it is stopped.

    This is pserve, except that INI is read as UTF-8. NAME=VALUE replaces a value in the section DEFAULT.
    """
    assignments = _assignments(values)
    read_app_settings(ini, assignments)
    if processes > 1:
        if reloads:
            raise click.UsageError("--reload works with one process only.")
        serve_in_processes(ini, assignments, processes)
        return
    pserve(["pserve", ini_uri(ini), *values, *(["--reload"] if reloads else [])])


def _assignments(values: tuple[str, ...]) -> dict[str, str]:
    for each in values:
        if "=" not in each:
            raise click.UsageError(f"{each!r} is not NAME=VALUE.")
    return dict(each.split("=", 1) for each in values)


@flicklist.command()
@ini_file
def invite(ini: str) -> None:
    """Print an invitation link. One person can register with it, within 14 days."""
    settings = _settings(ini)
    if settings.registration != "invitation":
        raise click.ClickException("Invitations are off. Set FLICKLIST_REGISTRATION=invitation first.")
    with _database(settings) as db:
        token = invitations.create(db)
    click.echo(f"{settings.public_url}/register?{urlencode({'invitation': token})}")


@flicklist.command("password-reset-link")
@ini_file
@click.argument("email")
def print_password_reset_link(ini: str, email: str) -> None:
    """Print a link for EMAIL to set a new password. It works once, within an hour."""
    settings = _settings(ini)
    with _database(settings) as db:
        link = password_reset_link(settings, _user(db, email))
    click.echo(link)


@flicklist.command("end-login-sessions")
@ini_file
@click.argument("email", required=False)
@click.option("--all", "everybody", is_flag=True, help="Log out everybody.")
def end_login_sessions(ini: str, email: str | None, everybody: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Log EMAIL, or everybody, out of all browsers."""
    if (email is None) != everybody:
        raise click.UsageError("Give an EMAIL or --all.")
    settings = _settings(ini)
    with _database(settings) as db:
        ended = login_sessions.end_all(db, None if email is None else _user(db, email).id)
    click.echo(f"Login sessions ended: {ended}.")


@flicklist.command("remove-two-factor")
@ini_file
@click.argument("email")
def remove_two_factor(ini: str, email: str) -> None:
    """Turn off two-step verification for EMAIL, who has lost the app and the recovery codes."""
    settings = _settings(ini)
    with _database(settings) as db:
        user = _user(db, email)
        email = user.email
        if two_factor.turn_off(db, user.id) and settings.sends_mail:
            db.add(Mail(kind=MailKind.TWO_FACTOR_OFF, recipient=email, user_id=user.id))
    click.echo(f"Two-step verification is off for {email}.")


@flicklist.command("export")
@ini_file
@click.argument("email")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="flicklist-export.zip")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def export_data(ini: str, email: str, file: Path, force: bool) -> None:  # noqa: FBT001 - click passes it by name
    """Write all data of EMAIL to a ZIP file, as the account page does.

    FILE is flicklist-export.zip in the current folder if you leave it out. "-" is the standard output.
    """
    if file.exists() and not force and file != STANDARD_OUTPUT:
        raise click.ClickException(f"{file} already exists. Use --force to overwrite it.")
    with _read_database(_settings(ini)) as db, TemporaryFile() as archive:
        user = _user(db, email)
        user_id, email = user.id, user.email
        with snapshot(db):
            write_archive(db, user_id, email, archive)
        size = archive.tell()
        archive.seek(0)
        _copy(archive, file, overwrites=force)
    if file == STANDARD_OUTPUT:
        click.echo(f"Wrote the data of {email} ({size:,} bytes).", err=True)
    else:
        click.echo(f"Wrote the data of {email} to {file} ({size:,} bytes).")


@flicklist.command("import")
@ini_file
@click.argument("email")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--answer", "answers", multiple=True, metavar="NAME=VALUE", help="Answer a question about FILE.")
@click.option("--dry-run", is_flag=True, help="Only say what would be imported.")
def import_file(ini: str, email: str, file: Path, answers: tuple[str, ...], dry_run: bool) -> None:  # noqa: FBT001
    """Import FILE into the list of EMAIL, as the page “Import” does. EMAIL can undo the import there."""
    settings = _settings(ini)
    with _database(settings) as db:
        owner_id = _user(db, email).id
    try:
        with _catching_stop_signals() as is_stopped:
            movie_import = _read(settings, owner_id, file, _assignments(answers), is_stopped)
            if not dry_run:
                with (
                    _progress_bar("Importing") as show,
                    open_importer(settings, on_progress=show, is_canceled=is_stopped) as importer,
                ):
                    movie_import = importer.finish(movie_import.id)
            else:
                with open_importer(settings) as importer:
                    importer.discard(movie_import.id)
    except Busy:
        raise click.ClickException("Another import is not finished yet. Try again later.") from None
    except (UploadRefused, LimitReached) as refused:
        raise click.ClickException(f"{file.name} was not imported. {' '.join(str(refused).splitlines())}") from None
    _summarize(movie_import, is_dry_run=dry_run)


@contextmanager
def _catching_stop_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether the command is to stop: Ctrl+C was pressed, or SIGTERM or SIGHUP was sent.

    The importer asks between its transactions. An exception within one could leave it open, and the database locked.
    """
    is_stopped = False

    def stop(*_: object) -> None:
        nonlocal is_stopped  # an Event would hang if another signal came while it is set
        is_stopped = True
        with suppress(OSError, RuntimeError):  # the terminal is closed, or the main program is writing to it
            click.echo("Stopping…", err=True)

    handlers = {number: signal.signal(number, stop) for number in handled_stop_signals()}
    try:
        yield lambda: is_stopped
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _read(
    settings: Settings, owner_id: int, file: Path, answers: dict[str, str], is_stopped: Callable[[], bool]
) -> Import:
    """Return the import with its preview. Raises `UploadRefused`, also if a question has no answer."""
    if file.stat().st_size > settings.max_upload_size:
        raise UploadRefused(f"It is larger than {settings.max_upload_size / 1_000_000:,.10g} MB.")
    with (
        _progress_bar("Reading") as show,
        open_importer(settings, on_progress=show, is_canceled=is_stopped) as importer,
        file.open("rb") as content,
    ):
        movie_import = importer.read_file(owner_id, file.name, content, answers)
        if not movie_import.can_be_confirmed:
            importer.discard(movie_import.id)
            question = movie_import.unanswered[0]
            raise UploadRefused(f"{question['text']} {_choices(question)}")
    return movie_import


def _choices(question: dict[str, Any]) -> str:
    choices = (f"--answer {question['name']}={value} ({label})" for value, label in question["options"])
    return f"Choose one: {', '.join(choices)}."


@contextmanager
def _progress_bar(label: str) -> Iterator[Progress]:
    """Show a progress bar, if this is a terminal."""
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=PERCENT, label=label, file=sys.stderr, hidden=hidden) as bar:
        yield lambda done, total: bar.update(PERCENT * done // total - bar.pos)
        bar.update(PERCENT - bar.pos)


def _summarize(movie_import: Import, *, is_dry_run: bool) -> None:
    for notice in movie_import.notices:
        click.echo(notice)
    for question in movie_import.questions:
        answer = movie_import.chosen_answers[question["name"]]
        label = dict(question["options"]).get(answer)
        click.echo(f"{question['text']} {label or f'No answer. {_choices(question)}'}")
    counts = movie_import.counts
    would_be = " that would be" if is_dry_run else ""
    click.echo(
        f"Movies{would_be} added: {counts.get(NEW_MOVIES, 0)}. Changed: {counts.get(CHANGED_MOVIES, 0)}. "
        f"Viewings added: {counts.get(NEW_VIEWINGS, 0)}."
    )
    added, changed, present, *not_imported = (counts.get(outcome, 0) for outcome in Outcome)
    click.echo(
        f"Rows: {added} added, {changed} changed a movie, {present} already on the list, "
        f"{sum(not_imported)} not imported."
    )


@flicklist.command("demo")
@ini_file
def demo_account(ini: str) -> None:
    """Create the account demo@example.com with some movies, and print its password.

    If the account exists, only its password changes, and it is logged out everywhere.
    """
    settings = _settings(ini)
    if settings.migrate_at_start:
        migrations.upgrade(settings.database_url)
    passwords = PasswordHasher(settings.bcrypt_cost, min_length=settings.min_password_length)
    password = demo.new_password(passwords)
    password_hash = passwords.hash(password)
    with _database(settings) as db:
        is_new = demo.create_or_reset(db, password_hash, sends_mail=settings.sends_mail)
    click.echo(
        "The demo account is ready." if is_new else "The demo account has a new password. Its movies are unchanged."
    )
    click.echo(f"Address:  {settings.public_url}/login")
    click.echo(f"Email:    {demo.EMAIL}")
    click.echo(f"Password: {password}")


@flicklist.command("send-mail")
@ini_file
def send_mail(ini: str) -> None:
    """Send the mail that is due. A running server does this too.

    After each failed attempt, an email waits longer, up to some hours.
    """
    settings = _settings(ini)
    if not settings.sends_mail:
        raise click.ClickException("No mail is sent: FLICKLIST_SMTP_URL is empty.")
    migrations.require_newest(settings.database_url)
    with disposing(writing_engine(settings.database_url)) as engine:
        click.echo(f"Emails sent: {Sender(settings, engine).send_due()}.")


@flicklist.command("clean-up")
@ini_file
def clean_up(ini: str) -> None:
    """Delete what nobody can use any more, such as movies removed long ago. A running server does this too."""
    settings = _settings(ini)
    migrations.require_newest(settings.database_url)
    with disposing(writing_engine(settings.database_url)) as engine:
        deleted = delete_outdated_rows(engine, settings)
    click.echo(f"Deleted: {', '.join(f'{kind}: {number}' for kind, number in deleted.items())}.")


@flicklist.group("catalog")
def catalog_commands() -> None:
    """Manage the catalog of films that are suggested."""


@catalog_commands.command("update")
@ini_file
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def update_catalog(ini: str, file: Path) -> None:
    """Replace the catalog of INI by the films of a CSV FILE.

    A running server with the same settings uses it at once.
    """
    path = _settings(ini).catalog_path
    try:
        number = catalog.build(catalog.read_films(file), path)
    except CatalogError as error:
        raise click.ClickException(f"The catalog was not replaced. {error}") from None
    except (OSError, sqlite3.Error) as error:
        raise click.ClickException(
            f"The catalog was not replaced: {path} cannot be written ({error}). "
            "Set FLICKLIST_CATALOG_PATH to another file, run this again, and restart the site."
        ) from None
    click.echo(f"The catalog has {number:,} films.")


@catalog_commands.command("fill")
@ini_file
@click.argument("email")
def fill_film_facts(ini: str, email: str) -> None:
    """Add director, runtime and other facts to the movies of EMAIL, where they are missing.

    A movie is looked up by title and year, and must be exactly one film of the catalog. Nothing that is there is
    replaced. Each batch of 100 movies is one change, which EMAIL can undo.
    """
    settings = _settings(ini)
    try:
        with _read_database(settings) as read_db:
            owner_id = _user(read_db, email).id
            looked_up = film_facts.look_up_movies(read_db, owner_id, settings.catalog_path)
    except sqlite3.Error as error:
        raise click.ClickException(f"The catalog {settings.catalog_path} cannot be read ({error}).") from None
    filled = 0
    fillable = [movie for movie in looked_up if movie.gaps]
    for start in range(0, len(fillable), MAX_FILLED_AT_ONCE):
        with _database(settings) as db:
            filled += film_facts.fill_gaps(db, owner_id, fillable[start : start + MAX_FILLED_AT_ONCE])
    _report(looked_up, filled)


def _report(looked_up: list[film_facts.LookedUp], filled: int) -> None:
    for movie in looked_up:
        if movie.gaps:
            click.echo(f"{movie.label}: {', '.join(map(fact_name, movie.gaps))}")
    for reason in NoMatch:
        for movie in looked_up:
            if movie.film is reason:
                click.echo(f"{movie.label} {reason.value}")
    unmatched = Counter(movie.film for movie in looked_up if isinstance(movie.film, NoMatch))
    complete = sum(not movie.gaps for movie in looked_up) - unmatched.total()
    click.echo(f"Movies filled in: {filled}. Nothing to add: {complete}. Not matched: {unmatched.total()}.")


def _settings(ini: str) -> Settings:
    return Settings.read(read_app_settings(ini), here=Path(ini).absolute().parent)


@contextmanager
def _database(settings: Settings) -> Iterator[Session]:
    """Open a session on the site's database and commit at the end."""
    migrations.require_newest(settings.database_url)
    with disposing(writing_engine(settings.database_url)) as engine, Session(engine) as db, db.begin():
        yield db


@contextmanager
def _read_database(settings: Settings) -> Iterator[Session]:
    """Open a session for reading, which does not block a running site."""
    migrations.require_newest(settings.database_url, only_reads=True)
    with disposing(reading_engine(settings.database_url)) as engine, Session(engine) as db:
        yield db


def _copy(source: IO[bytes], path: Path, *, overwrites: bool) -> None:
    """Copy an open file to a path, or to the standard output if it is ``-``."""
    try:
        with click.open_file(path, "wb" if overwrites else "xb") as target:
            copyfileobj(source, target)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None


def _user(db: Session, email: str) -> User:
    user = accounts.find_by_email(db, email)
    if user is None:
        raise click.ClickException(f"No account has the email address {email}.")
    return user
