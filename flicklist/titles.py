"""Titles: how they sort, and their posters: initials, color and size of the text."""

from functools import lru_cache
from zlib import crc32

import regex

from flicklist.text import compare_key, fold

POSTER_COLORS = 12
MAX_INITIALS = 2
_ARTICLE = regex.compile(r"^(?:the|an?) ")
_LEADING_PUNCTUATION = regex.compile(r"[^\p{L}\p{N}]+")
_NUMBER = regex.compile(r"[0-9]+")
_LEADING_ARTICLE = regex.compile(r"(?:the|an?) +(?=.*[\p{L}\p{N}])", regex.IGNORECASE)
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}'’]+")


def sort_title(title: str) -> str:
    """Return a text that sorts like the title, byte by byte.

    A leading article and punctuation are ignored. Numbers sort by their value, because each has its digit count before
    it, in three digits: 8 becomes 001 and 8, and 11 becomes 002 and 11.
    """
    return _NUMBER.sub(_with_length, _without_article(title))


def sort_titles_of_variants(title: str) -> set[str]:
    """Return the sort titles of all titles that fold to the same text as this one.

    There are two if the text begins with an article: "A bout" sorts as "bout", but "À bout" as "a bout".
    """
    words = _without_leading_punctuation(fold(title))
    variants = (words, _without_leading_punctuation(_ARTICLE.sub("", words)))
    return {_NUMBER.sub(_with_length, variant) for variant in variants}


def _without_article(title: str) -> str:
    words = _without_leading_punctuation(fold(title))
    article = _ARTICLE.match(words)
    # The accent shows that "À bout de souffle" begins with no article.
    if article and _without_leading_punctuation(compare_key(title)).startswith(article[0]):
        return _without_leading_punctuation(words[article.end() :])
    return words


def _without_leading_punctuation(text: str) -> str:
    """Return the text from its first letter or digit on. A text without any is returned as it is."""
    leading = _LEADING_PUNCTUATION.match(text)
    return (leading and text[leading.end() :]) or text


def _with_length(number: regex.Match[str]) -> str:
    digits = number[0].lstrip("0") or "0"
    return f"{len(digits):03}{digits}"


@lru_cache(maxsize=4096)  # a page has fifty, and people open the same pages again
def poster_color(title: str) -> int:
    """Return the number of the color of a poster, from 0. Variants of a title have the same one."""
    return crc32(fold(title).encode()) % POSTER_COLORS


def initials(title: str) -> str:
    """Return the initials of a title, for a small poster: *Lawrence of Arabia* has ``LA``, *The Godfather* ``G``.

    A leading article, and later words in lower case, are ignored. A leading number of two digits is kept, such as the
    ``12`` of *12 Angry Men*.
    """
    article = _LEADING_ARTICLE.match(title)
    words = _WORD.findall(title, article.end() if article else 0)
    if not words:
        return title[:MAX_INITIALS]
    first, *others = words
    if first.isnumeric() and len(first) <= MAX_INITIALS:
        return first
    second = next((word for word in others if not word.islower()), "")
    return "".join(word[0].upper()[:1] for word in (first, second) if word)
