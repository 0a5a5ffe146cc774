"""The text of a file: in UTF-8, or in what spreadsheets and older programs write."""

import codecs
import io
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import BinaryIO, NamedTuple, TextIO

from flicklist.services.imports.archive import CHUNK
from flicklist.services.imports.rows import UploadRefused

MAX_LINE_LENGTH = 1_000_000
OpenBytes = Callable[[], BinaryIO]


class Encoding(NamedTuple):
    """How a file is decoded. With ``surrogateescape``, bytes that are not text become surrogates, as in PEP 383."""

    name: str
    errors: str = "strict"
    notice: str = ""


_UTF_8 = Encoding("utf-8-sig")
_PARTLY_UTF_8 = Encoding("utf-8-sig", "surrogateescape")
_CP1252 = Encoding(
    *("cp1252", "surrogateescape"),
    notice="The file has an older text encoding (Windows-1252). Check that titles with accents are right.",
)


def detect_encoding(open_bytes: OpenBytes, max_lines: int) -> Encoding:
    """Return how a file is decoded. If it is not UTF-8 as a whole, up to `max_lines` lines decide."""
    with open_bytes() as file:
        if file.read(2) in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            return Encoding("utf-16")
    if _is_utf_8(open_bytes):
        return _UTF_8
    broken, proper = _count_lines(open_bytes, max_lines)
    return _PARTLY_UTF_8 if proper > broken else _CP1252


def _is_utf_8(open_bytes: OpenBytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_bytes() as file:
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _count_lines(open_bytes: OpenBytes, max_lines: int) -> tuple[int, int]:
    """Return how many of the first lines are not UTF-8, and how many are, of those that are not ASCII."""
    broken = proper = 0
    with open_bytes() as file:
        for line in islice(iter(partial(file.readline, MAX_LINE_LENGTH), b""), max_lines):
            if not line.isascii():
                is_proper = _decodes(line)
                proper += is_proper
                broken += not is_proper
    return broken, proper


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def open_text(open_bytes: OpenBytes, encoding: Encoding) -> TextIO:
    """Open a file as text. Line ends stay as they are."""
    return io.TextIOWrapper(open_bytes(), encoding.name, encoding.errors, newline="")


def read_text(file: TextIO, size: int) -> str:
    """Read some characters. Raises `UploadRefused` if they cannot be text."""
    return _checked(lambda: file.read(size))


def read_lines(file: TextIO) -> Iterator[str]:
    """Yield the lines, with their ends. Raises `UploadRefused` if they cannot be text."""
    number = 0
    while line := _checked(lambda: file.readline(MAX_LINE_LENGTH)):
        number += 1
        if len(line) == MAX_LINE_LENGTH:
            raise UploadRefused(f"Line {number:,} is longer than {MAX_LINE_LENGTH:,} characters.")
        yield line


def _checked(read: Callable[[], str]) -> str:
    try:
        text = read()
    except UnicodeError:
        raise UploadRefused("This file is not text, or it is cut off.") from None
    if "\0" in text:
        raise UploadRefused("This is not a text file. Upload the file as you downloaded it, or save it as CSV.")
    return text
