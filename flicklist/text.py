"""Text: normalized for storage, folded for searching and sorting, quoted in messages, and parsed as a row id."""

import re
import unicodedata

# Longer than any field may be, and short enough to be normalized in no time.
MAX_NORMALIZED_LENGTH = 20_000
MAX_QUOTE_LENGTH = 40
# Letters that NFKD does not decompose, and typographic punctuation, as typed on a plain keyboard.
_PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
    | {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-"}
)
_ARTICLES = ("the ", "a ", "an ")


def normalize(text: str | None) -> str:
    """Return the text in NFC without surrounding blanks. Text too long for any field is returned as it is."""
    text = text or ""
    return text if len(text) > MAX_NORMALIZED_LENGTH else unicodedata.normalize("NFC", text).strip()


def quote(typed: str) -> str:
    """Return typed text in quotation marks, shortened to what a message may carry."""
    shown = typed if len(typed) <= MAX_QUOTE_LENGTH else typed[: MAX_QUOTE_LENGTH - 1] + "…"
    return f"“{shown}”"


def fold(text: str) -> str:
    """Return the text without letter case, accents and doubled blanks: ``Amélie`` and ``AMELIE`` are ``amelie``."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(plain.translate(_PLAIN_LETTERS).split())


def without_article(folded: str) -> str:
    """Return a folded title without its leading article: ``sting`` for ``the sting``."""
    for article in _ARTICLES:
        if folded.startswith(article):
            return folded.removeprefix(article)
    return folded


def parse_row_id(text: str) -> int | None:
    """Return the row id that the text is, or None. Only the canonical form counts: no sign, no leading zero."""
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,17}", text, re.ASCII) else None
