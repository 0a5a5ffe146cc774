"""What two spellings have in common: for finding, and for putting titles in order."""

import unicodedata

# Letters that Unicode does not take apart, and that people without them on their keyboard write otherwise.
_PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
    | {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-"}
)
_ARTICLES = ("the ", "a ", "an ")


def fold(text: str) -> str:
    """Return the text without letter case, accents and doubled blanks: ``Amélie`` and ``AMELIE`` are ``amelie``."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(plain.translate(_PLAIN_LETTERS).split())


def without_article(folded: str) -> str:
    """Return a folded title from the word under which people look for it: ``sting`` for ``the sting``."""
    for article in _ARTICLES:
        if folded.startswith(article):
            return folded.removeprefix(article)
    return folded
