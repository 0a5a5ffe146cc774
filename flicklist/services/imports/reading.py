"""Reads an upload: finds its format by its content, and has it parsed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from flicklist.services.imports.archive import Archive, UploadLimits, open_archive
from flicklist.services.imports.formats import (
    flicklist_export,
    imdb,
    letterboxd,
    letterboxd_import,
    netflix,
    plain_text,
    trakt,
    trakt_import,
)
from flicklist.services.imports.rows import Answers, Option, ParsedUpload, Question, UploadRefused
from flicklist.services.imports.uploads import Format, Step, Upload, UploadedFile, do_nothing
from flicklist.services.imports.values import printable
from flicklist.text import quote

__all__ = ["FORMATS", "UploadLimits", "read_upload"]

UTC = ZoneInfo("UTC")
# To add one, see CONTRIBUTING.md. Their order does not matter: if several recognize an upload, the person is asked.
FORMATS: Sequence[Format] = (
    flicklist_export.FORMAT,
    letterboxd.FORMAT,
    letterboxd_import.FORMAT,
    trakt.FORMAT,
    trakt_import.FORMAT,
    imdb.FORMAT,
    netflix.FORMAT,
)
WHICH_FORMAT = "format"
_PLAIN, _TABLE = plain_text.FORMAT, letterboxd_import.FORMAT
_ZIP = b"PK\3\4"
_KINDS = {
    b"PK\5\6": "an empty ZIP",
    b"%PDF": "a PDF, not a list",
    b"\x89PNG": "a picture, not a list",
    b"\xff\xd8\xff": "a picture, not a list",
    b"GIF8": "a picture, not a list",
    b"\xd0\xcf\x11\xe0": "a document of an older spreadsheet or word processor",
    b"\x1f\x8b": "compressed, but not as a ZIP",
    b"Rar!": "compressed, but not as a ZIP",
    b"7z\xbc\xaf": "compressed, but not as a ZIP",
}
_EXPECTED = (
    "Upload an export from FlickList, Letterboxd, Trakt, IMDb or Netflix, or a text file with one title per line."
)
_COLUMNS_EXPECTED = (
    "The columns can be Title, Year, WatchedDate, Rating (½ to 5 stars) or Rating10 (1 to 10), Tags and Review. "
    "Only Title is needed.\n"
    "Name them like that in the first line of the file, delete all others, and upload it again."
)
_SPREADSHEET = "[Content_Types].xml"
_MAX_NAMES = 8
# A text file whose first line has these words is a table, not a list of titles.
_TITLE_COLUMNS, _MIN_COLUMNS = {"title", "name", "movie", "film"}, 3
# With two columns, the other one must be known, because "The Movie, the Name" can be a title.
_OTHER_COLUMNS = {
    "date",
    "date watched",
    "watched",
    "watched on",
    "year",
    "rating",
    "score",
    "director",
    "genre",
    "notes",
}


def read_upload(
    path: Path,
    file_name: str,
    answers: Answers,
    limits: UploadLimits,
    time_zone: ZoneInfo = UTC,
    *,
    step: Step = do_nothing,
) -> ParsedUpload:
    """Return what an uploaded file says. Raises `UploadRefused` if it cannot be read.

    `answers` are those to the questions that an earlier call returned. Moments become days in the time zone. `step` is
    called at least once for each row, and stops the reading by raising something.
    """
    with _open_upload(path, file_name, answers, limits, time_zone, step=step) as upload:
        formats = [each for each in FORMATS if each.recognizes(upload)] or _fallbacks(upload)
        chosen = [each for each in formats if each.name == answers.get(WHICH_FORMAT)] or formats
        if len(chosen) > 1:
            return ParsedUpload("", (), questions=[_question(chosen, upload)])
        return chosen[0].parse(upload)


@contextmanager
def _open_upload(
    path: Path, file_name: str, answers: Answers, limits: UploadLimits, time_zone: ZoneInfo, *, step: Step
) -> Iterator[Upload]:
    """Open a file or the files of a ZIP. A ZIP with a single file that no format names is like that file alone."""
    make = partial(Upload, answers=answers, time_zone=time_zone, limits=limits)
    if _starts_as_zip(path, limits):
        with open_archive(path, limits) as archive:
            upload = make(_files_in(archive, limits, step), is_archive=True)
            is_single = len(upload.files) == 1 and not any(each.recognizes(upload) for each in FORMATS)
            yield make(upload.files, is_archive=False) if is_single else upload
    else:
        name = printable(file_name) or "upload"
        yield make({name: UploadedFile(name, partial(_open_bytes, path), limits, step)}, is_archive=False)


def _open_bytes(path: Path) -> BinaryIO:
    return path.open("rb")


def _starts_as_zip(path: Path, limits: UploadLimits) -> bool:
    """Return whether a file is a ZIP. Raises `UploadRefused` if it is neither that nor text, or too large."""
    size = path.stat().st_size
    if size == 0:
        raise UploadRefused("This file is empty.")
    with path.open("rb") as file:
        start = file.read(8)
    kind = next((kind for magic, kind in _KINDS.items() if start.startswith(magic)), None)
    if kind:
        raise UploadRefused(f"This file is {kind}.\n{_EXPECTED}")
    is_zip = start.startswith(_ZIP)
    if not is_zip and size > limits.max_entry_size:
        raise UploadRefused("This file is too large. Split it into smaller ones.")
    return is_zip


def _files_in(archive: Archive, limits: UploadLimits, step: Step) -> Mapping[str, UploadedFile]:
    if _SPREADSHEET in archive.entries:
        raise UploadRefused(
            f"This file is a document of a spreadsheet or word processor. Save it as CSV or text.\n{_EXPECTED}"
        )
    if not archive.entries:
        raise UploadRefused(f"This ZIP has no files.\n{_EXPECTED}")
    return {name: UploadedFile(name, partial(archive.open, name), limits, step) for name in archive.entries}


def _fallbacks(upload: Upload) -> Sequence[Format]:
    """Return the formats that a file without a known beginning can have."""
    file = upload.single
    if file is None:
        names = ", ".join(quote(printable(name)) for name in list(upload.files)[:_MAX_NAMES])
        raise UploadRefused(f"FlickList can’t read a ZIP with these files: {names}.\n{_EXPECTED}")
    if file.is_json:
        keys = file.preview.element_keys or file.preview.keys - {None}
        shown = ", ".join(quote(printable(key)) for key in sorted(map(str, keys))[:_MAX_NAMES])
        raise UploadRefused(
            f"FlickList can’t read this kind of JSON file{f', with {shown}' if shown else ''}.\n{_EXPECTED}"
        )
    if not file.first_line:
        raise UploadRefused("This file has no text.")
    if file.first_line.lstrip().startswith("<"):
        raise UploadRefused(f"This file is a web page, not a list.\n{_EXPECTED}")
    return _fallbacks_of_table(file)


def _fallbacks_of_table(file: UploadedFile) -> Sequence[Format]:
    """Return the formats of a text file, by the words in its first line. Raises `UploadRefused` for other tables."""
    columns = set(file.header)
    if {"title"} < columns <= letterboxd_import.COLUMNS:
        return [_TABLE, _PLAIN]
    others = columns - _TITLE_COLUMNS
    is_known = bool(others) and others <= _OTHER_COLUMNS
    if others < columns and (len(columns) >= _MIN_COLUMNS or is_known):
        shown = ", ".join(quote(printable(column)) for column in file.columns[:_MAX_NAMES])
        raise UploadRefused(f"FlickList doesn’t know a table with the columns {shown}.\n{_COLUMNS_EXPECTED}")
    if plain_text.looks_like_table(file.lines()):
        first = quote(printable(file.first_line))
        raise UploadRefused(
            f"This looks like a table, but its first line doesn’t name the columns: {first}.\n{_COLUMNS_EXPECTED}"
        )
    return [_PLAIN]


def _question(formats: Sequence[Format], upload: Upload) -> Question:
    columns = ", ".join(upload.single.columns[:_MAX_NAMES]) if upload.single else ""
    shown = f"The file begins with {quote(printable(columns))}. " if columns else ""
    options = [Option(each.name, _label(each)) for each in formats]
    return Question(WHICH_FORMAT, f"{shown}What kind of file is this?", options)


def _label(each: Format) -> str:
    labels = {
        _PLAIN.name: "Plain text with one title per line",
        _TABLE.name: "A table: the first line names its columns",
    }
    return labels.get(each.name, each.name)
