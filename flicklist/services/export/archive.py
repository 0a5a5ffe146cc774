"""The ZIP file of an export. The same data gives the same bytes, on every database."""

from collections.abc import Iterable, Iterator
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sqlalchemy.orm import Session

from flicklist.services.export.json_file import json_texts
from flicklist.services.export.letterboxd import letterboxd_parts
from flicklist.services.export.movies import own_movies
from flicklist.services.export.readme import README
from flicklist.services.export.spreadsheets import viewings_lines, watchlist_lines

UNIX = 3  # otherwise the archive names the system that it was made on


def write_archive(db: Session, user_id: int, email: str, file: IO[bytes]) -> None:
    """Write the data of a person to a seekable file, in little memory.

    The session must see one snapshot of the database, because each file in the archive reads the movies again.
    """
    with ZipFile(file, "w") as archive:
        for name, texts in _files(db, user_id, email):
            # zipfile must know in advance whether a file may become larger than 2 GiB.
            with archive.open(_entry(name), "w", force_zip64=True) as entry:
                for text in texts:
                    entry.write(text.encode())


def _files(db: Session, user_id: int, email: str) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the name of each file and its text, in pieces.

    Reading the movies once would need a temporary file for each of these, because a ZIP file is written one file after
    the other.
    """
    yield "README.txt", [README]
    yield "flicklist.json", json_texts(email, own_movies(db, user_id))
    yield "watchlist.csv", watchlist_lines(own_movies(db, user_id))
    yield "viewings.csv", viewings_lines(own_movies(db, user_id))
    for number, part in enumerate(letterboxd_parts(own_movies(db, user_id)), 1):
        yield f"letterboxd-import-{number}.csv", [part]


def _entry(name: str) -> ZipInfo:
    """Return the header of a file. Its date is the default, 1 January 1980."""
    entry = ZipInfo(name)
    entry.compress_type = ZIP_DEFLATED
    entry.create_system = UNIX
    return entry
