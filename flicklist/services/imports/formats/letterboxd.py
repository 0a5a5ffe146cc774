"""Letterboxd's export: the ZIP as downloaded, or any CSV file of it.

Only the names of films and their years connect the files. The diary has the links of its own entries, not of films.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import PurePosixPath

from flicklist.film_facts import FilmFacts
from flicklist.services.imports.archive import UploadLimits
from flicklist.services.imports.csv_rows import Record, header_of, read_records
from flicklist.services.imports.days import read_added_at, read_day
from flicklist.services.imports.html_text import html_to_text
from flicklist.services.imports.list_only import with_list_only_question
from flicklist.services.imports.problems import RowUndecided
from flicklist.services.imports.ratings import read_rating
from flicklist.services.imports.rows import (
    LIKED,
    Option,
    ParsedUpload,
    Question,
    Row,
    RowViewing,
    Status,
    UnusableRow,
)
from flicklist.services.imports.uploads import Format, Upload, UploadedFile, counted, read_rows
from flicklist.services.imports.values import (
    clean_lines,
    place_note,
    printable,
    read_letterboxd_uri,
    read_tag,
    read_tags,
    read_title,
    read_year,
    require_title,
)
from flicklist.text import compare_key

NAME = "Letterboxd export"
MAX_COMPARED_LENGTH = 300  # characters of a cell, of which many are kept while the files are compared
WHICH_FILE = "letterboxd_file"
_FILM = {"date", "name", "year", "letterboxd uri"}
_LIST = {"date", "name", "tags", "url", "description"}
_LIST_TITLE = "letterboxd list export"
_FILMS, _LIKES = ("watched.csv", "watchlist.csv", "ratings.csv"), "likes/films.csv"
_DIARIES = ("diary.csv", "orphaned/diary.csv")
_REVIEWS = ("reviews.csv", "orphaned/reviews.csv")
# A film in one of these is the one that a row of the diary means. The first file that has its name decides.
_FILES_WITH_LINKS = ("watched.csv", "ratings.csv", "watchlist.csv", _LIKES)
_KINDS = (
    Option("watched.csv", "Watched films (watched.csv)"),
    Option("watchlist.csv", "My watchlist (watchlist.csv)"),
    Option(_LIKES, "Films I liked (films.csv)"),
)
_FilmId = tuple[str, int | None] | str
_Name = tuple[str, str]
_Table = dict[_Name, list[str]]


def recognizes(upload: Upload) -> bool:
    if upload.single is not None:
        return _kind(upload.single) is not None
    return any(set(file.header) >= _FILM for name, file in upload.files.items() if _is_ours(name))


def parse(upload: Upload) -> ParsedUpload:
    files = _files_by_kind(upload)
    if files is None:
        return ParsedUpload(NAME, (), questions=(_which_file(),))
    lists = [file for name, file in files.items() if name.startswith("lists/")]
    rows = chain(_film_rows(files), _diary_rows(files, upload), *map(_list_rows, lists))
    notices = [*_bin_notice(upload), *filter(None, map(_tag_notice, lists))]
    parsed = upload.parsed(NAME, rows, [file.name for file in files.values()], notices=notices)
    return with_list_only_question(parsed, upload.answers)


def _is_ours(name: str) -> bool:
    is_list = name.startswith("lists/") and name.endswith(".csv")
    return is_list or name in {*_FILMS, _LIKES, *_DIARIES, *_REVIEWS}


def _kind(file: UploadedFile) -> str | None:
    """Return the name that a single file has in the export, an empty text if it can be one of several, or None."""
    columns = set(file.header)
    if columns >= _FILM:
        return _kind_of_films(columns)
    is_list = file.header[:1] and (file.header[0].startswith(_LIST_TITLE) or columns == _LIST)
    return "lists/" if is_list else None


def _kind_of_films(columns: set[str]) -> str:
    if "review" in columns:
        return "reviews.csv"
    if "watched date" in columns:
        return "diary.csv"
    return "ratings.csv" if "rating" in columns else ""


def _files_by_kind(upload: Upload) -> dict[str, UploadedFile] | None:
    """Return the files by the name that they have in the export, or None if the person must say which file it is."""
    if upload.single is None:
        return {name: file for name, file in upload.files.items() if _is_ours(name)}
    kind = _kind(upload.single) or upload.answers.get(WHICH_FILE)
    is_known = kind in {*(option.value for option in _KINDS), *_FILMS, *_DIARIES, *_REVIEWS, "lists/"}
    return {kind: upload.single} if kind and is_known else None


def _which_file() -> Question:
    return Question(WHICH_FILE, "Three files of a Letterboxd export look the same. Which one is this?", _KINDS)


def _bin_notice(upload: Upload) -> Iterator[str]:
    if any(name.startswith("deleted/") for name in upload.files):
        yield "What you deleted on Letterboxd in the last thirty days was left out."


def _film_rows(files: dict[str, UploadedFile]) -> Iterator[Row | UnusableRow]:
    """Yield the rows of all files in which a film has its own link."""
    readers = {"watched.csv": _watched, "watchlist.csv": _on_watchlist, "ratings.csv": _rated, _LIKES: _liked}
    for name, read in readers.items():
        if name in files:
            yield from read_rows(files[name].records(), read)


def _watched(record: Record) -> Row:
    return replace(_film(record), status=Status.WATCHED, watched_at=read_added_at(record["date"]))


def _on_watchlist(record: Record) -> Row:
    return replace(_film(record), status=Status.WATCHLIST, added_at=read_added_at(record["date"]))


def _rated(record: Record) -> Row:
    rating, remark = read_rating(record["rating"], 5)
    return replace(_film(record), status=Status.WATCHED, rating=rating, remark=remark)


def _liked(record: Record) -> Row:
    return replace(_film(record), tags=(LIKED,))


def _film(record: Record) -> Row:
    """Return a row with the film that has its own link in the file."""
    facts = FilmFacts(letterboxd_uri=read_letterboxd_uri(record.first("letterboxd uri", "url")))
    title = require_title(read_title(record["name"]), facts)
    return Row(record.file, record.line, title, read_year(record["year"]), facts)


def _list_rows(file: UploadedFile) -> Iterator[Row | UnusableRow]:
    tag = read_tag(_list_name(file))
    cells = file.cells()
    for _, row in cells:
        header = header_of(row)
        if "position" in header and "name" in header:
            yield from read_rows(
                read_records(file.name, header, cells),
                lambda record: replace(_film(record), tags=(tag,) if tag else ()),
            )


def _list_name(file: UploadedFile) -> str:
    """Return the name of a list. It is in the row under the first header."""
    cells = file.cells()
    for _, row in cells:
        if set(header_of(row)) == _LIST:
            name = (next(cells, (0, None))[1] or ["", ""])[1:2]
            return printable("".join(name)) or PurePosixPath(file.name).stem
    return PurePosixPath(file.name).stem


def _tag_notice(file: UploadedFile) -> str:
    name = _list_name(file)
    return "" if read_tag(name) == name else f"Tag for the movies of your list “{name}”: “{read_tag(name)}”."


def _diary_rows(files: dict[str, UploadedFile], upload: Upload) -> Iterable[Row | UnusableRow]:
    """Return the rows of the diary and the reviews, each with the link of its film."""
    reader = _DiaryReader(files, upload)
    diary = (read_rows(files[name].records(), reader.viewing) for name in _DIARIES if name in files)
    reviews = (read_rows(files[name].records(), reader.review) for name in _REVIEWS if name in files)
    rows = chain.from_iterable(chain(diary, reviews))
    return _without_old_ratings(list(counted(rows, upload.limits)), reader.rated)


class _DiaryReader:
    """Reads the diary and the reviews, which name films without their links."""

    def __init__(self, files: dict[str, UploadedFile], upload: Upload) -> None:
        self._time_zone = upload.time_zone
        self._links = _Links(files, upload.limits)
        self.rated = {_film_id(row) for row in _rated_rows(files)}

    def viewing(self, record: Record) -> Row:
        """Read a row of ``diary.csv``."""
        return self._row(record, self._links.of_entry(record))

    def review(self, record: Record) -> Row:
        """Read a row of ``reviews.csv``: the note on a viewing of the diary."""
        row = self._row(record, self._links.of_review(record))
        note, notes, remark = place_note(clean_lines(html_to_text(clean_lines(record["review"]))))
        remark = " ".join(filter(None, (row.remark, remark)))
        return replace(row, viewings=(RowViewing(row.viewings[0].watched_on, note),), notes=notes, remark=remark)

    def _row(self, record: Record, link: str) -> Row:
        facts = FilmFacts(letterboxd_uri=link)
        title = require_title(read_title(record["name"]), facts)
        rating, remark = read_rating(record["rating"], 5)
        tags, remark_on_tags = read_tags(record["tags"].split(","))
        return Row(
            *(record.file, record.line, title, read_year(record["year"]), facts, Status.WATCHED, rating),
            viewings=(RowViewing(read_day(record["watched date"], self._time_zone)),),
            tags=tags,
            remark=" ".join(filter(None, (remark, remark_on_tags))),
        )


def _rated_rows(files: dict[str, UploadedFile]) -> Iterator[Row]:
    rows = read_rows(files["ratings.csv"].records(), _rated) if "ratings.csv" in files else ()
    return (row for row in rows if isinstance(row, Row) and row.rating)


def _film_id(row: Row) -> _FilmId:
    return row.facts.letterboxd_uri or (compare_key(row.title), row.year)


def _without_old_ratings(rows: Sequence[Row | UnusableRow], rated: set[_FilmId]) -> Iterator[Row | UnusableRow]:
    """Yield the rows without the ratings that a newer viewing or ``ratings.csv`` replaced."""
    newest: dict[_FilmId, tuple[str, int]] = {}
    for number, row in enumerate(rows):
        if isinstance(row, Row) and row.rating and _film_id(row) not in rated:
            viewed = (row.viewings[0].watched_on or "", number)
            newest[_film_id(row)] = max(viewed, newest.get(_film_id(row), ("", -1)))
    for number, row in enumerate(rows):
        is_old = isinstance(row, Row) and row.rating and newest.get(_film_id(row), ("", -1))[1] != number
        yield replace(row, rating=None) if isinstance(row, Row) and is_old else row


class _Links:
    """The links of films, by name and year as written, or else by title key and year."""

    def __init__(self, files: dict[str, UploadedFile], limits: UploadLimits) -> None:
        tables = _links_in([files[name] for name in _FILES_WITH_LINKS if name in files], limits)
        self._exact, self._folded = [exact for exact, _ in tables], [folded for _, folded in tables]
        self._entries = self._count_ambiguous(files.get("diary.csv"))
        self._turns: Counter[_Name] = Counter()
        self._given: dict[tuple[_Name, str], set[str]] = defaultdict(set)

    def of_entry(self, record: Record) -> str:
        """Return the link of the film that an entry of the diary means, or an empty text if no other file has it.

        Several films can have one name and year. Each of them gets one entry, in the order of the files.
        """
        name = _name(record)
        links = self._find(*name)
        if len(links) <= 1:
            return "".join(links)
        if self._entries[name] != len(links):
            raise _ambiguous()
        link = links[self._turns[name] % len(links)]
        self._turns[name] += 1
        self._given[name, _beginning(record["watched date"])].add(link)
        return link

    def of_review(self, record: Record) -> str:
        """Return the link of the film that a review means: the one that its entry in the diary got."""
        name = _name(record)
        links = self._find(*name)
        given = self._given[name, _beginning(record["watched date"])] if len(links) > 1 else links
        if len(given) > 1 or (links and not given):
            raise _ambiguous()
        return "".join(given)

    def _find(self, name: str, year: str) -> Sequence[str]:
        """Return the links of all films of a name and year, from the first file that has any."""
        exact = (table.get((name, year)) for table in self._exact)
        folded = (table.get((compare_key(name), year)) for table in self._folded)
        return next(filter(None, chain(exact, folded)), [])

    def _count_ambiguous(self, diary: UploadedFile | None) -> Counter[_Name]:
        """Count the entries for each name that several films have."""
        records = diary.records() if diary else ()
        names = (_name(record) for record in records if record.cells)
        return Counter(name for name in names if len(self._find(*name)) > 1)


def _name(record: Record) -> _Name:
    """Return the name and year of a film, by which the files are compared."""
    return _beginning(record["name"]), _beginning(record["year"])


def _beginning(cell: str) -> str:
    return cell[:MAX_COMPARED_LENGTH]


def _links_in(files: Sequence[UploadedFile], limits: UploadLimits) -> list[tuple[_Table, _Table]]:
    """Return the links in each file by name and year, and by title key and year."""
    tables: dict[str, tuple[_Table, _Table]] = {file.name: (defaultdict(list), defaultdict(list)) for file in files}
    known: set[tuple[str, _Name, str]] = set()
    for row in counted(chain.from_iterable(map(_rows_by_name, files)), limits):
        link = row.facts.letterboxd_uri if isinstance(row, Row) else ""
        name = (row.title, str(row.year or "") if isinstance(row, Row) else "")
        if link and (row.file, name, link) not in known:
            known.add((row.file, name, link))
            exact, folded = tables[row.file]
            exact[name].append(link)
            folded[compare_key(row.title), name[1]].append(link)
    return list(tables.values())


def _rows_by_name(file: UploadedFile) -> Iterator[Row | UnusableRow]:
    """Yield rows whose titles are the names as they are written."""
    return read_rows(file.records(), lambda record: replace(_film(record), title=_name(record)[0]))


def _ambiguous() -> RowUndecided:
    return RowUndecided("Several films in this export have this name and year. Add the viewing to the right one.")


FORMAT = Format(NAME, recognizes, parse)
