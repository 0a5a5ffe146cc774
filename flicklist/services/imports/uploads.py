"""An upload, as a format reads it: one file, or the files of a ZIP."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple, Protocol, TypeVar
from zoneinfo import ZoneInfo

from flicklist.services.imports.archive import CHUNK, UploadLimits
from flicklist.services.imports.csv_rows import (
    Cells,
    Record,
    columns_of,
    read_cells,
    read_records,
    separator_of,
)
from flicklist.services.imports.json_members import Element, Member, as_object, read_members
from flicklist.services.imports.problems import RowProblem
from flicklist.services.imports.rows import TOO_MUCH_TEXT, Answers, ParsedUpload, Row, UnusableRow, UploadRefused
from flicklist.services.imports.text_decoding import (
    Encoding,
    OpenBytes,
    detect_encoding,
    open_text,
    read_lines,
    read_text,
)
from flicklist.services.imports.values import printable
from flicklist.text import quote

MEMBERS_IN_PREVIEW = 5
MAX_FILES_IN_NOTICE = 8
MAX_NOTICES = 50
# Lists of titles begin like this: "[x] Heat", "[REC] (2007)".
_TEXT_IN_BRACKETS = re.compile(r"\[(?:[ xX]\]|[^\W\d_])")


Step = Callable[[], None]


def do_nothing() -> None:
    """Be the `step` of what nobody has to wait for."""


class JsonPreview(NamedTuple):
    """How a JSON file begins: the keys of an object, and the keys of the first objects in each list."""

    keys: frozenset[str | None]
    element_keys: frozenset[str]


class UploadedFile:
    """One text file of an upload. It can be read more than once. `step` is called before each line or JSON element."""

    def __init__(self, name: str, open_bytes: OpenBytes, limits: UploadLimits, step: Step = do_nothing) -> None:
        self.name, self._open_bytes, self._limits, self._step = name, open_bytes, limits, step

    @cached_property
    def encoding(self) -> Encoding:
        return detect_encoding(self._open_bytes, self._limits.max_lines)

    @cached_property
    def is_json(self) -> bool:
        with open_text(self._open_bytes, self.encoding) as file:
            start = read_text(file, CHUNK).lstrip()
        return start.startswith(("[", "{")) and _TEXT_IN_BRACKETS.match(start) is None

    @cached_property
    def first_line(self) -> str:
        """The first line that is not blank, or an empty text."""
        return next(filter(str.strip, self.lines()), "")

    @cached_property
    def separator(self) -> str:
        return separator_of(self.first_line)

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The columns of a CSV file, in lower case. Empty for JSON."""
        return tuple(map(str.lower, self.columns))

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The first row of a CSV file, as it is written. Empty for JSON."""
        return () if self.is_json else columns_of(next(self.cells(), Cells(0, ())).cells)

    @cached_property
    def preview(self) -> JsonPreview:
        """How the file begins if it is JSON."""
        keys: set[str | None] = set()
        element_keys: set[str] = set()
        for member in islice(self.members(), MEMBERS_IN_PREVIEW) if self.is_json else ():
            keys.add(member.key)
            element_keys.update(as_object(member.value))
        return JsonPreview(frozenset(keys), frozenset(element_keys))

    def lines(self) -> Iterator[str]:
        with open_text(self._open_bytes, self.encoding) as file:
            for number, line in enumerate(read_lines(file), start=1):
                self._step()
                if number > self._limits.max_lines:
                    raise UploadRefused(
                        f"A file has more than {self._limits.max_lines:,} lines. Split it into smaller files."
                    )
                yield line

    def cells(self) -> Iterator[Cells]:
        return self._limited(read_cells(self.lines(), self.separator))

    def records(self) -> Iterator[Record]:
        """Yield the rows below the header."""
        return read_records(self.name, self.header, islice(self.cells(), 1, None))

    def members(self) -> Iterator[Member]:
        with open_text(self._open_bytes, self.encoding) as file:
            for member in self._limited(read_members(file)):
                self._step()
                yield member

    def elements(self, key: str | None = None) -> Iterator[Element]:
        """Yield the elements of a list: the whole file, or the list under a key."""
        return (Element(self.name, member.number, member.value) for member in self.members() if member.key == key)

    def _limited(self, rows: Iterable["_R"]) -> Iterator["_R"]:
        for number, row in enumerate(rows):
            if number > self._limits.max_rows:  # the first one can be a header
                raise too_many_rows(self._limits)
            yield row


_R = TypeVar("_R")


@dataclass(frozen=True)
class Upload:
    """The files of an upload by name, and what is needed to read them."""

    files: Mapping[str, UploadedFile]
    is_archive: bool
    answers: Answers
    time_zone: ZoneInfo
    limits: UploadLimits

    @property
    def single(self) -> UploadedFile | None:
        """The only file, if it was not uploaded in a ZIP."""
        return None if self.is_archive else next(iter(self.files.values()))

    def parsed(
        self, format_name: str, rows: Iterable[Row | UnusableRow], used: Iterable[str], *, notices: Sequence[str] = ()
    ) -> ParsedUpload:
        """Read all rows, and return them with notices about the files. `used` are the names of the files that count."""
        collected = tuple(counted(rows, self.limits))
        names = set(used)
        encodings = dict.fromkeys(self.files[name].encoding.notice for name in self.files if name in names)
        ignored = [name for name in self.files if name not in names]
        about_files = [*filter(None, encodings), *_ignored_notice(ignored)]
        return ParsedUpload(format_name, collected, (*_first_notices(notices), *about_files))


class Format(NamedTuple):
    """A format of files, recognized by content. `parse` raises `UploadRefused` if an upload cannot be read at all."""

    name: str
    recognizes: Callable[[Upload], bool]
    parse: Callable[[Upload], ParsedUpload]


class Located(Protocol):
    """A row of a file, before it is read."""

    @property
    def file(self) -> str: ...

    @property
    def line(self) -> int: ...

    @property
    def shown_title(self) -> str: ...


_L = TypeVar("_L", bound=Located)


def read_rows(records: Iterable[_L], read: Callable[[_L], Row]) -> Iterator[Row | UnusableRow]:
    """Yield each record as a row, or as an unusable one with the problem that reading it raised."""
    for record in records:
        try:
            yield _without_year_in_title(read(record))
        except RowProblem as problem:
            title = printable(record.shown_title)
            yield UnusableRow(record.file, record.line, title, str(problem), problem.needs_decision)


def _without_year_in_title(row: Row) -> Row:
    """Return the row, with ``Heat`` as the title if that is ``Heat (1995)`` and the year is 1995, too."""
    title = row.title.removesuffix(f"({row.year})").rstrip()
    return replace(row, title=title) if title and title != row.title and not row.is_complete else row


def counted(rows: Iterable[Row | UnusableRow], limits: UploadLimits) -> Iterator[Row | UnusableRow]:
    """Yield rows that are kept in memory. Raises `UploadRefused` for too many rows, viewings, or texts."""
    viewings = text_size = 0
    for number, row in enumerate(rows, start=1):
        if number > limits.max_rows:
            raise too_many_rows(limits)
        if isinstance(row, Row):
            viewings += len(row.viewings)
        if viewings > limits.max_viewings:
            raise UploadRefused(
                f"This upload has more than {limits.max_viewings:,} viewings. Split it into smaller files."
            )
        text_size += row.text_size
        if text_size > limits.max_text_size:
            raise UploadRefused(TOO_MUCH_TEXT)
        yield row


def too_many_rows(limits: UploadLimits) -> UploadRefused:
    return UploadRefused(f"This upload has more than {limits.max_rows:,} rows. Split it into smaller files.")


def _first_notices(notices: Sequence[str]) -> Sequence[str]:
    """Return at most `MAX_NOTICES` notices, and how many more there are. There can be one for each list."""
    rest = len(notices) - MAX_NOTICES
    return notices if rest <= 0 else [*notices[:MAX_NOTICES], f"And {rest:,} more."]


def _ignored_notice(names: Sequence[str]) -> Sequence[str]:
    if not names:
        return []
    shown = [quote(printable(name)) for name in names[:MAX_FILES_IN_NOTICE]]
    rest = len(names) - len(shown)
    return [f"Not needed and not read: {', '.join(chain(shown, [f'and {rest:,} more'] if rest else []))}."]
