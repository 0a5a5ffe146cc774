"""Search words: how a typed search and a title are compared, the same in the lists and in the suggestions."""

import regex

from flicklist.text import cut_before_folding, fold

# L.A., S.W.A.T., M*A*S*H
_INITIALS = regex.compile(r"\b\p{L}(?:[.*]\p{L}\b)+")
_APOSTROPHE = regex.compile("'")
# Spider-Man, WALL·E, Face/Off. Not 9/11.
_HYPHEN = regex.compile(r"(?<=\w)[-·](?=\w)|(?<=\p{L})/(?=\p{L})")
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")


def query_words(text: str) -> list[str]:
    """Return the words of a search without accents, case and punctuation: ``Dr. Søren’s`` is ``dr`` and ``sorens``."""
    return _words(_APOSTROPHE.sub("", _spell_out(text)))


def spellings(text: str) -> set[str]:
    """Return the words of a text in each of its spellings, such as ``spider man`` and ``spiderman``.

    Whatever beginning of the text somebody types, ``" ".join(query_words(typed))`` is the beginning of a spelling.
    """
    found = {_spell_out(text)}
    for joint in (_APOSTROPHE, _HYPHEN):
        found = {joint.sub(blank, spelling) for spelling in found for blank in ("", " ")}
    return {" ".join(_words(spelling)) for spelling in found}


def searchable(text: str) -> str:
    """Return the folded text, followed by the words that it has only in another spelling."""
    folded = fold(text)
    words = {word for spelling in spellings(text) for word in spelling.split()}
    return " ".join([folded, *sorted(word for word in words if word not in folded)])


def searchable_beginning(text: str, max_length: int) -> str:
    """Return at most so many characters of what `searchable` returns, without computing much more."""
    return searchable(cut_before_folding(text, max_length))[:max_length]


def _spell_out(text: str) -> str:
    """Fold the text, write ``&`` as ``and``, and join initials: ``L.A.`` is ``la``."""
    spelled_out = fold(text).replace("&", " and ")
    return _INITIALS.sub(lambda initials: regex.sub("[.*]", "", initials[0]), spelled_out)


def _words(text: str) -> list[str]:
    return _WORD.findall(text)
