"""Titles, years, ids, tags and notes in the cells of a file."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import regex

from flicklist.dates import FIRST_YEAR, LAST_YEAR, parse_year
from flicklist.film_facts import (
    MAX_IMDB_ID_LENGTH,
    MAX_LETTERBOXD_URI_LENGTH,
    MAX_TMDB_ID,
    FilmFacts,
    is_imdb_id,
)
from flicklist.labels import COMMA, split_labels
from flicklist.models.movie import (
    MAX_NOTES_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_TITLE_LENGTH,
    MAX_VIEWING_NOTE_LENGTH,
    MAX_WHY_LENGTH,
)
from flicklist.services.imports.problems import NO_TITLE, RowRefused, RowUndecided
from flicklist.text import MAX_NORMALIZED_LENGTH, has_visible_character, quote, to_nfc

_CONTROL = regex.compile(r"\p{Cc}+")
_CONTROL_IN_LINES = regex.compile(r"[\p{Cc}--[\n\t]]+", regex.VERSION1)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_VALUE = {"", "0", "-1", "null", "none"}
_YEAR = re.compile(r"([0-9]{4})(?:\.0)?", re.ASCII)
_IMDB_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)
_TMDB = re.compile(r"[0-9]{1,10}", re.ASCII)
_LETTERBOXD = re.compile(r"https?://(?:www\.)?((?:boxd\.it/\w+|letterboxd\.com/film/[\w-]+)/?)", re.ASCII)


class PlacedNote(NamedTuple):
    """A note on a viewing. If it is too long for that, `notes` has all of it, and `remark` says so."""

    note: str = ""
    notes: str = ""
    remark: str = ""


def clean_line(value: object) -> str:
    """Return a text or number as one line in NFC, without control characters, or an empty text for anything else.

    Raises `RowUndecided` if it contains bytes that are not text.
    """
    text = _as_text(value)[: MAX_NORMALIZED_LENGTH + 1]
    if text.isascii() and text.isprintable():
        return text.strip()
    return strip_invisible(_CONTROL.sub(" ", to_nfc(text)))


def clean_lines(value: object) -> str:
    """Return a text with its line breaks, in NFC. Raises `RowUndecided` if it contains bytes that are not text."""
    text = _as_text(value).replace("\r\n", "\n").replace("\r", "\n")[:MAX_NORMALIZED_LENGTH]
    return strip_invisible(_CONTROL_IN_LINES.sub("", to_nfc(text)))


def strip_invisible(text: str) -> str:
    """Return the text without blanks and invisible characters at its ends."""
    return text.strip(_invisible_characters())


@cache  # not at import: it takes some milliseconds
def _invisible_characters() -> str:
    # Variation selectors are not among them: the heart in "❤️" has one.
    categories = {"Cc", "Cf", "Zs", "Zl", "Zp"}
    return "".join(char for char in map(chr, range(0x10000)) if unicodedata.category(char) in categories)


def printable(value: object) -> str:
    """Return a text for a message about a row: one line without what is not text, and no longer than a title."""
    text = without_surrogates(value[:MAX_NORMALIZED_LENGTH]) if isinstance(value, str) else value
    return clean_line(text)[:MAX_TITLE_LENGTH].rstrip()


def without_surrogates(text: str) -> str:
    """Return the text without what no encoding can write. JSON can contain it, and so can broken UTF-8."""
    return _SURROGATE.sub("", text)


def _as_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    text = str(value)
    if not text.isascii() and _SURROGATE.search(text):
        raise RowUndecided("This row contains characters that can’t be read. Correct them in the file.")
    return text


def read_title(value: object) -> str:
    """Return a title, or an empty text if there is none. Raises `RowRefused` if it is too long."""
    title = clean_line(value)
    if len(title) > MAX_TITLE_LENGTH:
        raise RowRefused(f"The title is longer than {MAX_TITLE_LENGTH} characters.")
    return title if has_visible_character(title) else ""


def require_title(title: str, facts: FilmFacts) -> str:
    """Return the title. It may be empty if there is an id. Raises `RowRefused` if nothing says which movie it is."""
    if not (title or facts.imdb_id or facts.tmdb_id or facts.letterboxd_uri):
        raise RowRefused(NO_TITLE)
    return title


def read_year(value: object) -> int | None:
    """Return a year, or None if it is empty. Raises `RowUndecided` if it is not the year of a film."""
    text = clean_line(value)
    if text.lower() in _NO_VALUE:
        return None
    match = _YEAR.fullmatch(text)
    year = parse_year(match[1]) if match else None
    if year is None:
        raise RowUndecided(f"{quote(text)} is not a year from {FIRST_YEAR} to {LAST_YEAR}.")
    return year


def read_imdb_id(value: object) -> str:
    """Return an IMDb id such as ``tt0113277``, or an empty text. It may come without ``tt``."""
    text = clean_line(value).lower()
    if text in _NO_VALUE:
        return ""
    if _IMDB_DIGITS.fullmatch(text):
        text = f"tt{int(text):07}"
    return text if is_imdb_id(text) and len(text) <= MAX_IMDB_ID_LENGTH else ""


def read_tmdb_id(value: object) -> int | None:
    """Return the number of a film on TMDB, or None."""
    text = clean_line(value)
    number = int(text) if _TMDB.fullmatch(text) else 0
    return number if 0 < number <= MAX_TMDB_ID else None


def read_letterboxd_uri(value: object) -> str:
    """Return a link to a film on Letterboxd, or an empty text."""
    match = _LETTERBOXD.fullmatch(clean_line(value))
    uri = f"https://{match[1]}" if match else ""
    return uri if len(uri) <= MAX_LETTERBOXD_URI_LENGTH else ""


def read_tags(names: Iterable[object]) -> tuple[Sequence[str], str]:
    """Return tags, and a remark about those that are too long or too many."""
    cleaned = [clean_line(name) for name in names]
    tags = split_labels(",".join(map(read_tag, cleaned)))
    remarks = [f"The tag {quote(name)} was shortened." for name in cleaned if len(name) > MAX_TAG_LENGTH]
    if len(tags) > MAX_TAGS:
        remarks.append(f"Only the first {MAX_TAGS} tags were kept.")
    return tuple(tags[:MAX_TAGS]), " ".join(remarks)


def read_tag(name: object) -> str:
    """Return the name of a list as a tag, which has no comma and a limited length."""
    tag = " ".join(COMMA.sub(" ", clean_line(name)).split())
    return _shortened(tag, MAX_TAG_LENGTH)


def place_note(text: str) -> PlacedNote:
    """Return a note on a viewing, and where its end goes if it is too long."""
    if len(text) <= MAX_VIEWING_NOTE_LENGTH:
        return PlacedNote(text)
    remark = f"The note on the viewing is longer than {MAX_VIEWING_NOTE_LENGTH:,} characters. "
    notes = _shortened(text, MAX_NOTES_LENGTH)
    kept = "All of it is" if notes == text else f"The first {MAX_NOTES_LENGTH:,} characters are"
    return PlacedNote(_shortened(text, MAX_VIEWING_NOTE_LENGTH), notes, f"{remark}{kept} in the notes of the movie.")


def place_list_note(value: object) -> tuple[str, str]:
    """Return what somebody wrote about a movie on a list: as the reason why it is there, or as notes if it is long."""
    text = clean_lines(value)
    if len(text) <= MAX_WHY_LENGTH and "\n" not in text:
        return clean_line(text), ""
    return "", _shortened(text, MAX_NOTES_LENGTH)


def _shortened(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else f"{text[: max_length - 1].rstrip()}…"
