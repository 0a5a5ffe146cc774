"""Text: normalized for storage, folded for searching and sorting, quoted in messages, and parsed as a row id."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from itertools import accumulate, takewhile

import regex

# Longer than any field may be.
MAX_NORMALIZED_LENGTH = 20_000
MAX_QUOTE_LENGTH = 40
# Characters that are drawn as nothing, such as the zero-width space and the soft hyphen (Unicode, chapter 5.21).
_IGNORABLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
# U+2800, a Braille pattern without dots, counts as a symbol but is drawn as a blank.
_VISIBLE = regex.compile(r"[^\p{Cc}\p{Cf}\p{Cs}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]")
_ACCENTS = regex.compile(r"\P{Canonical_Combining_Class=0}+")
# An accent, or one of the few characters that become nothing but accents when they are normalized.
_SORTED = r"[\P{Canonical_Combining_Class=0}\u0f73\u0f75\u0f81\uff9e\uff9f]"
# Normalizing sorts the accents of a letter, which takes quadratic time. No language has more than a few of them.
_THIRTY_ACCENTS = regex.compile(rf"{_SORTED}{{30}}(?={_SORTED})")
_AFTER_THIRTY_ACCENTS = regex.compile(rf"(?<={_SORTED}{{30}}){_SORTED}+")
_WITH_JOINER = "\\g<0>\N{COMBINING GRAPHEME JOINER}"
_DASH = regex.compile(r"[\p{Dash_Punctuation}\N{MINUS SIGN}]")
_OTHER_DIGIT = regex.compile(r"[\p{Decimal_Number}--0-9]", regex.VERSION1)
_BEFORE_FRACTION = regex.compile(r"(?<=\S)(?=[¼-¾⅐-⅟↉])")
_FIRST_SENTENCE = re.compile(r"(?:“[^”]*”|[^“])*?[.?](?= |$)")
_GRAPHEME = regex.compile(r"\X")
_PLAIN_QUOTES = str.maketrans(dict.fromkeys("‘’‚‛‹›`´′ʹʻʼʽ׳", "'") | dict.fromkeys("“”„‟«»″〝〞〟״", '"'))
# Letters that NFKD does not decompose. U+2044 is the slash in the decomposition of ½.
_PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "\N{FRACTION SLASH}": "/"}
)


def normalize(text: str | None) -> str:
    """Return the text in NFC without surrounding blanks. Text too long for any field is returned as it is."""
    text = text or ""
    return text if len(text) > MAX_NORMALIZED_LENGTH else to_nfc(text).strip()


def one_line(text: object) -> str:
    """Return a text without line breaks, for an error message. An exception is what it says."""
    return " ".join(str(text).split())


def to_nfc(text: str) -> str:
    """Return the text in NFC, with a joiner after each thirty accents of a letter.

    This is the Stream-Safe Text Format of Unicode Standard Annex 15, which bounds the time of normalizing.
    """
    return text if text.isascii() else unicodedata.normalize("NFC", _THIRTY_ACCENTS.sub(_WITH_JOINER, text))


def first_sentence(text: str) -> str:
    """Return the text up to the end of its first sentence. Quoted text, such as “3/4. 2021”, ends none."""
    sentence = _FIRST_SENTENCE.match(text)
    return sentence[0] if sentence else text


def quote(typed: str) -> str:
    """Return typed text in quotation marks, shortened to what a message may carry."""
    return f"“{shorten(typed)}”"


def shorten(text: str, max_length: int = MAX_QUOTE_LENGTH) -> str:
    """Return the text, or its beginning and an ellipsis if it is longer."""
    return text if len(text) <= max_length else f"{_beginning(text, max_length - 1)}…"


def _beginning(text: str, max_length: int) -> str:
    """Return the beginning of the text. It ends between two graphemes, unless the first one alone is too long."""
    ends = accumulate(map(len, _graphemes(text)))
    return text[: max(takewhile(lambda end: end <= max_length, ends), default=max_length)]


def _graphemes(text: str) -> Iterator[str]:
    """Yield the characters of the text as people see them. A flag is one, although it consists of two symbols."""
    return (grapheme[0] for grapheme in _GRAPHEME.finditer(text))


def has_visible_character(text: str) -> bool:
    return _VISIBLE.search(text) is not None


def plain_digits(text: str) -> str:
    """Return the text with digits of all scripts and dashes as ASCII: ``２００９－０７`` is ``2009-07``."""
    return _DASH.sub("-", _ascii_digits(text))


def _ascii_digits(text: str) -> str:
    return _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0], digit[0])), text)


def compare_key(text: str) -> str:
    """Return the text without differences of letter case, spacing, quotes, dashes and invisible characters.

    The first thirty accents of a letter stay. The key has at most three times as many characters as the text: "ﬃ"
    (U+FB03) becomes three letters.
    """
    return _plain_ascii(text) if text.isascii() else _until_stable(_compare_key_once, text)


def _plain_ascii(text: str) -> str:
    """Return what both `compare_key` and `fold` make of ASCII text, in a tenth of the time."""
    return " ".join(text.casefold().replace("`", "'").split())


def _compare_key_once(text: str) -> str:
    visible = _DASH.sub("-", _IGNORABLE.sub("", text).translate(_PLAIN_QUOTES))
    return " ".join(unicodedata.normalize("NFC", _AFTER_THIRTY_ACCENTS.sub("", visible.casefold())).split())


def fold(text: str) -> str:
    """Return the text for searching and sorting: like `compare_key`, and without accents and other variants.

    ``Amélie`` and ``AMELIE`` are ``amelie``, ``8½`` is ``8 1/2``, and ``™`` is ``tm``.
    """
    return _plain_ascii(text) if text.isascii() else _until_stable(_fold_once, text)


def cut_before_folding(text: str, max_length: int) -> str:
    """Return the beginning of a text whose compatibility decomposition has at most so many characters.

    Few characters grow much: U+FDFA becomes eighteen letters, and folding a text of them takes ten times as long.
    """
    if text.isascii() or len(unicodedata.normalize("NFKD", text)) <= max_length:
        return text
    ends = accumulate(len(unicodedata.normalize("NFKD", char)) for char in text)
    return text[: sum(1 for _ in takewhile(lambda end: end <= max_length, ends))]


def _fold_once(text: str) -> str:
    key = _BEFORE_FRACTION.sub(" ", compare_key(text))
    decomposed = _ACCENTS.sub("", unicodedata.normalize("NFKD", key))
    return " ".join(_ascii_digits(decomposed).translate(_PLAIN_LETTERS).split())


def _until_stable(change: Callable[[str], str], text: str) -> str:
    """Change the text until it stays the same. One change can enable another: NFKD turns ``™`` into capital letters."""
    while (changed := change(text)) != text:
        text = changed
    return text


def parse_row_id(text: str) -> int | None:
    """Parse the text as a row id. Return None if it is not one, or has a sign or a leading zero."""
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,17}", text, re.ASCII) else None
