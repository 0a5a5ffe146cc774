"""The members of a JSON file, one after the other, so that a large file needs little memory."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder
from typing import NamedTuple, NoReturn, TextIO

from flicklist.services.imports.archive import CHUNK
from flicklist.services.imports.problems import RowRefused
from flicklist.services.imports.rows import UploadRefused
from flicklist.services.imports.text_decoding import read_text

# A movie in an export can have notes of 55,000 characters, up to twelve in JSON for each, and 1,000 viewings.
MAX_MEMBER_LENGTH = 2_000_000
# Decoding holds Python's interpreter lock. With so many values, that takes some hundredths of a second.
MAX_MEMBER_BRACKETS, MAX_MEMBER_COMMAS = 20_000, 100_000
MAX_KEYS = 10_000  # of the object that is the whole file
_BLANKS = re.compile(r"[ \t\n\r]*")
_DECODER = JSONDecoder(strict=False)


class Member(NamedTuple):
    """A value in a JSON file.

    In a list, `key` is None, and `number` counts from 1. In an object, `key` is the key, and a list under a key is not
    one value: each of its elements is a member, with its number.
    """

    key: str | None
    number: int
    value: object


@dataclass(frozen=True, slots=True)
class Element:
    """An object in a list of a JSON file."""

    file: str
    line: int
    value: object

    def __getitem__(self, key: str) -> object:
        """Return the value of a key, or None if it is missing. Raises `RowRefused` if this is not an object."""
        if not isinstance(self.value, dict):
            raise RowRefused("This entry of the file can’t be read as a movie.")
        return self.value.get(key)

    def part(self, key: str) -> Mapping[str, object]:
        """Return the object under a key, or an empty one."""
        return as_object(self[key])

    @property
    def shown_title(self) -> str:
        """The title for a message about this element."""
        parts = [as_object(self.value)]
        parts += [as_object(parts[0].get(key)) for key in ("movie", "show", "episode")]
        titles = (part.get("title") or part.get("name") for part in parts)
        return next((title for title in titles if isinstance(title, str) and title), "")


def as_object(value: object) -> Mapping[str, object]:
    """Return an object of JSON, or an empty one for any other value."""
    return value if isinstance(value, dict) else {}


def read_members(file: TextIO) -> Iterator[Member]:
    """Yield the elements of a list, or the members of an object. Raises `UploadRefused` if the JSON is malformed."""
    reader = _Reader(file)
    if reader.next_visible() == "[":
        yield from _elements(reader, None)
    else:
        yield from _members_of_object(reader)
    if reader.next_visible():
        reader.refuse()


def _elements(reader: "_Reader", key: str | None) -> Iterator[Member]:
    reader.expect("[")
    number = 0
    while not (number == 0 and reader.next_visible() == "]"):
        number += 1
        yield Member(key, number, reader.value())
        if reader.next_visible() != ",":
            break
        reader.expect(",")
    reader.expect("]")


def _members_of_object(reader: "_Reader") -> Iterator[Member]:
    reader.expect("{")
    number = 0
    while not (number == 0 and reader.next_visible() == "}"):
        number += 1
        if number > MAX_KEYS:  # an empty list under a key is not a member, so nobody else counts it
            raise UploadRefused(f"This JSON file has more than {MAX_KEYS:,} keys.")
        yield from _member(reader)
        if reader.next_visible() != ",":
            break
        reader.expect(",")
    reader.expect("}")


def _member(reader: "_Reader") -> Iterator[Member]:
    key = reader.value() if reader.next_visible() == '"' else reader.refuse()
    reader.expect(":")
    if reader.next_visible() == "[":
        yield from _elements(reader, str(key))
    else:
        yield Member(str(key), 0, reader.value())


class _Reader:
    """Decodes one value at a time. It keeps only the text that is not decoded yet."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text, self._position, self._is_at_end = "", 0, False

    def next_visible(self) -> str:
        """Return the next character that is not blank, or an empty text at the end."""
        while True:
            match = _BLANKS.match(self._text, self._position)
            self._position = match.end() if match else self._position
            if self._position < len(self._text) or self._is_at_end:
                return self._text[self._position : self._position + 1]
            self._read_more()

    def expect(self, character: str) -> None:
        if self.next_visible() != character:
            self.refuse()
        self._position += 1

    def value(self) -> object:
        """Return the next value. Raises `UploadRefused` if it is malformed, very long or nested too deeply."""
        self.next_visible()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._position)
            except JSONDecodeError:
                if self._is_at_end:
                    self.refuse()
            except (RecursionError, ValueError):  # a number of more than four thousand digits
                raise UploadRefused("This JSON file is nested too deeply, or has a number that is too long.") from None
            else:
                if end < len(self._text) or self._is_at_end:  # otherwise a number could go on
                    self._position = end
                    return value
            self._read_more()

    def _read_more(self) -> None:
        """Read more of the value that is not complete yet. Raises `UploadRefused` if it is too long."""
        rest = self._text[self._position :]
        brackets = rest.count("{") + rest.count("[")
        is_large = brackets > MAX_MEMBER_BRACKETS or rest.count(",") > MAX_MEMBER_COMMAS
        if is_large or len(rest) > MAX_MEMBER_LENGTH:
            raise UploadRefused("An entry of this JSON file is too long.")
        more = read_text(self._file, CHUNK)
        self._text, self._position, self._is_at_end = rest + more, 0, not more

    def refuse(self) -> NoReturn:
        raise UploadRefused("This JSON file is malformed or cut off. Download it again, and upload it as it is.")
