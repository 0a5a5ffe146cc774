"""Trakt's export: the ZIP as downloaded, or one of its JSON files.

Each list is split into files of at most 250 elements: ``ratings-movies.json``, or ``ratings-movies-1.json`` and so on.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from zoneinfo import ZoneInfo

from flicklist.film_facts import FilmFacts
from flicklist.models.movie import MAX_TITLE_LENGTH
from flicklist.services.imports.days import read_added_at, read_day
from flicklist.services.imports.json_members import Element, as_object
from flicklist.services.imports.list_only import with_list_only_question
from flicklist.services.imports.problems import RowProblem, RowRefused
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
    UploadRefused,
)
from flicklist.services.imports.uploads import Format, Upload, UploadedFile, read_rows
from flicklist.services.imports.values import (
    clean_line,
    clean_lines,
    place_list_note,
    place_note,
    printable,
    read_imdb_id,
    read_tag,
    read_title,
    read_tmdb_id,
    read_year,
    require_title,
)
from flicklist.text import quote

NAME = "Trakt export"
MAX_ERRORS_READ, MAX_LISTS_READ = 1_000, 10_000
WHICH_LIST = "trakt_list"
HISTORY, WATCHED, RATINGS = "watched-history", "watched-movies", "ratings-movies"
WATCHLIST, FAVORITES, LISTS, LIST = "lists-watchlist", "lists-favorites", "lists-lists", "lists-list"
COMMENTS, NOTES = "comments-movies", "notes-movies"
PROFILE, ERRORS = "user-profile", "_errors"
_RECOGNIZED = {HISTORY, WATCHED, RATINGS, WATCHLIST}
# The stems in the order in which they are read. The notes need the viewings.
_WITH_ROWS = (HISTORY, WATCHED, RATINGS, WATCHLIST, FAVORITES, LIST, COMMENTS, NOTES)
# The keys of the elements of a single file.
_BY_KEYS = {
    "watched_at": HISTORY,
    "last_watched_at": WATCHED,
    "rated_at": RATINGS,
    "listed_at": LIST,
    "comment": COMMENTS,
}
_PAGE = re.compile(r"-([0-9]{1,6})$", re.ASCII)
_LIST_STEM = re.compile(r"lists-list-([0-9]{1,19})-.*", re.ASCII)
_KINDS = (
    Option(WATCHLIST, "My watchlist"),
    Option(FAVORITES, "My favorites"),
    Option(LIST, "Another list: give its movies its name as a tag"),
)


@dataclass(frozen=True)
class _Page:
    """A file of the export. `stem` is its name without the number of the page, as in the export since 2026."""

    file: UploadedFile
    stem: str
    number: int
    list_id: str = ""


def recognizes(upload: Upload) -> bool:
    if upload.single is not None:
        return _stem_by_content(upload.single) is not None
    return any(page.stem in _RECOGNIZED for page in _pages(upload))


def parse(upload: Upload) -> ParsedUpload:
    pages = _pages(upload)
    if upload.single is not None:
        stem = _stem_of_single(upload.single, upload)
        if stem is None:
            return ParsedUpload(NAME, (), questions=(_which_list(),))
        pages = [_Page(upload.single, stem, 1)]
    reader = _Reader(upload.time_zone, pages)
    read = [page for page in pages if page.stem in _WITH_ROWS and reader.needs(page)]
    used = [page.file.name for page in pages if page in read or page.stem in {LISTS, PROFILE, ERRORS}]
    rows = chain.from_iterable(map(reader.rows, read))
    parsed = upload.parsed(NAME, rows, used, notices=[*_errors(pages), *reader.notices])
    return with_list_only_question(parsed, upload.answers)


def _pages(upload: Upload) -> list[_Page]:
    """Return the JSON files of the export, in the order in which they are read."""
    pages = [_page(file) for name, file in upload.files.items() if name.endswith(".json")]
    order = {stem: number for number, stem in enumerate(_WITH_ROWS)}
    return sorted(pages, key=lambda page: (order.get(page.stem, len(order)), page.list_id, page.number))


def _page(file: UploadedFile) -> _Page:
    """Return a file with its stem. Older exports had a folder for each kind of list: ``watched/history-1.json``."""
    folder, _, base = file.name.removesuffix(".json").rpartition("/")
    stem = f"{folder}-{base}" if folder and not base.startswith(f"{folder}-") else base
    if match := _LIST_STEM.fullmatch(stem):
        page = _PAGE.search(stem)
        return _Page(file, LIST, int(page[1]) if page else 1, match[1])
    number = _PAGE.search(stem)
    return _Page(file, stem[: number.start()], int(number[1])) if number else _Page(file, stem, 1)


def _stem_by_content(file: UploadedFile) -> str | None:
    """Return the stem of a file by the keys of its first elements, or None if it is not from Trakt."""
    keys, element_keys = file.preview
    if keys != {None} or not element_keys & {"movie", "show", "episode"}:
        return None
    return next((stem for key, stem in _BY_KEYS.items() if key in element_keys), None)


def _stem_of_single(file: UploadedFile, upload: Upload) -> str | None:
    """Return the stem of a file that was uploaded alone, or None if the person must say which list it is."""
    stem = _stem_by_content(file)
    if stem == COMMENTS:
        raise UploadRefused("This file has the comments of others too. Upload the whole ZIP of the export.")
    if stem != LIST:
        return stem
    by_name = _page(file).stem
    answer = upload.answers.get(WHICH_LIST, by_name)
    return answer if answer in {option.value for option in _KINDS} else None


def _which_list() -> Question:
    return Question(WHICH_LIST, "Several files of a Trakt export look the same. Which list is this?", _KINDS)


def _errors(pages: list[_Page]) -> Iterator[str]:
    """Yield a warning about the parts that Trakt itself could not export."""
    files = [page.file for page in pages if page.stem == ERRORS and page.file.is_json]
    elements = islice(chain.from_iterable(file.elements() for file in files), MAX_ERRORS_READ)
    parts = sorted({quote(_printable_endpoint(as_object(element.value))) for element in elements})
    if parts:
        yield f"Trakt couldn’t export these parts, so they are missing: {', '.join(parts[:8])}."


def _printable_endpoint(element: Mapping[str, object]) -> str:
    """Return the part without the name of the person: ``ratings/seasons``."""
    return re.sub(r"^users/[^/]*/", "", printable(element.get("endpoint")))


class _Reader:
    """Reads the files of an export, each by its stem."""

    def __init__(self, time_zone: ZoneInfo, pages: list[_Page]) -> None:
        self._time_zone = time_zone
        self._stems = {page.stem for page in pages}
        self._list_names = _list_names(pages)
        self._owner = _owner(pages) if self._stems & {COMMENTS, NOTES} else None
        self._days: dict[str, set[str | None]] = defaultdict(set)
        self._watched: set[str] = set()

    @property
    def notices(self) -> Iterator[str]:
        if COMMENTS in self._stems and self._owner is None:
            yield "The comments were not read, because this export doesn’t say which ones are yours."

    def needs(self, page: _Page) -> bool:
        """Return whether a file says more than the others. Totals repeat the history, with the last day only."""
        return not (page.stem == WATCHED and HISTORY in self._stems)

    def rows(self, page: _Page) -> Iterator[Row | UnusableRow]:
        elements = page.file.elements()
        if page.stem in {COMMENTS, NOTES}:
            return read_rows(filter(self._is_own, elements), self._note)
        if page.stem == LIST:
            tag = read_tag(self._list_names.get(page.list_id) or _name_in(page))
            return read_rows(elements, lambda element: self._listed(element, tag))
        readers = {
            HISTORY: lambda element: self._viewed(element, "watched_at"),
            WATCHED: lambda element: self._viewed(element, "last_watched_at"),
            RATINGS: self._rated,
            WATCHLIST: self._on_watchlist,
            FAVORITES: lambda element: self._listed(element, LIKED),
        }
        return read_rows(elements, readers[page.stem])

    def _viewed(self, element: Element, key: str) -> Row:
        row = replace(_movie(element), status=Status.WATCHED)
        day = read_day(element[key], self._time_zone)
        self._days[_movie_id(element)].add(day)
        return replace(row, viewings=(RowViewing(day),))

    def _rated(self, element: Element) -> Row:
        row = _movie(element)
        rating, remark = read_rating(element["rating"], 10)
        self._watched.add(_movie_id(element))
        return replace(row, status=Status.WATCHED, rating=rating, remark=remark)

    def _on_watchlist(self, element: Element) -> Row:
        return replace(self._listed(element, ""), status=Status.WATCHLIST, added_at=read_added_at(element["listed_at"]))

    def _listed(self, element: Element, tag: str) -> Row:
        why, notes = place_list_note(element["notes"])
        return replace(_movie(element), tags=(tag,) if tag else (), why=why, notes=notes)

    def _is_own(self, element: Element) -> bool:
        """Return whether the person wrote a comment or note. The file also has the replies of others."""
        value = as_object(element.value)
        if "note" in value:  # nobody else sees these
            return True
        return self._owner is not None and _slug(as_object(value.get("comment"))) == self._owner

    def _note(self, element: Element) -> Row:
        """Return a comment as the note on the viewing of its day, or else on the newest viewing.

        A movie that was not watched gets it as notes.
        """
        comment = element.part("comment") or element.part("note")
        text = clean_lines(comment.get("comment") or comment.get("notes"))
        days, movie_id = self._days.get(_movie_id(element), set()), _movie_id(element)
        row, note = _movie(element), place_note(text)
        if not days and movie_id not in self._watched:
            return replace(row, notes=note.notes or text)
        day = self._day_of(comment.get("created_at"), days)
        viewings = (RowViewing(day, note.note),)
        return replace(row, status=Status.WATCHED, viewings=viewings, notes=note.notes, remark=note.remark)

    def _day_of(self, created_at: object, days: set[str | None]) -> str | None:
        try:
            day = read_day(created_at, self._time_zone)
        except RowProblem:
            day = None
        return day if day in days else max(filter(None, days), default=None)


def _movie(element: Element) -> Row:
    """Return a row with the movie of an element. Raises `RowRefused` for a series and all else."""
    movie = element.part("movie")
    kind = clean_line(element["type"]) or ("movie" if movie else "")
    if kind != "movie":
        raise RowRefused(f"This is not a movie, but {quote(kind)}.")
    ids = as_object(movie.get("ids"))
    facts = FilmFacts(imdb_id=read_imdb_id(ids.get("imdb")), tmdb_id=read_tmdb_id(ids.get("tmdb")))
    title = require_title(read_title(movie.get("title")), facts)
    return Row(element.file, element.line, title, read_year(movie.get("year")), facts)


def _movie_id(element: Element) -> str:
    """Return what the files of one export call a movie."""
    movie = element.part("movie")
    ids = as_object(movie.get("ids"))
    named = printable(ids.get("trakt")) or printable(ids.get("slug"))
    return named or f"{printable(movie.get('title'))} ({printable(movie.get('year'))})"


def _list_names(pages: list[_Page]) -> Mapping[str, str]:
    """Return the names of the lists by the number that is also in the names of their files."""
    files = [page.file for page in pages if page.stem == LISTS]
    elements = islice(chain.from_iterable(file.elements() for file in files), MAX_LISTS_READ)
    lists = (as_object(element.value) for element in elements)
    return {printable(as_object(each.get("ids")).get("trakt")): printable(each.get("name")) for each in lists}


def _name_in(page: _Page) -> str:
    """Return the name of a list without an entry in ``lists-lists.json``, from the name of its file."""
    stem = page.file.name.rpartition("/")[2].removesuffix(".json")
    return re.sub(r"^(lists-)?list-[0-9]+-", "", stem, flags=re.ASCII)


def _owner(pages: list[_Page]) -> str | None:
    """Return the name by which comments name their author. An export without a profile has it in its own lists."""
    files = {page.stem: page.file for page in pages if page.stem in {PROFILE, LISTS}}
    if PROFILE in files:
        profile = _profile(files[PROFILE])
        return _own_slug(profile) or _slug(profile)
    slugs = {_slug(as_object(each.value)) for each in files[LISTS].elements()} if LISTS in files else set()
    return slugs.pop() if len(slugs) == 1 else None


def _profile(file: UploadedFile) -> Mapping[str, object]:
    """Return what a profile says about names. It is an object, or a list with one."""
    profile: dict[str, object] = {}
    for member in file.members():
        if member.key is None:
            return as_object(member.value)
        if member.key in {"ids", "user"}:
            profile[member.key] = member.value
    return profile


def _slug(about: Mapping[str, object]) -> str | None:
    """Return the name of the user that a comment, list or profile is from."""
    return _own_slug(as_object(about.get("user")))


def _own_slug(user: Mapping[str, object]) -> str | None:
    slug = as_object(user.get("ids")).get("slug")
    return slug if isinstance(slug, str) and 0 < len(slug) <= MAX_TITLE_LENGTH else None


FORMAT = Format(NAME, recognizes, parse)
