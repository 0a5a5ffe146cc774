"""Labels in one text, separated by commas, such as tags and genres."""

from collections.abc import Iterable

import regex

from flicklist.text import compare_key, has_visible_character

COMMA = regex.compile("[,،、，]")  # in Latin, Arabic and Chinese script, and full-width


def split_labels(text: str) -> list[str]:
    """Return the labels of a text. Of labels with the same `compare_key`, only the first is returned."""
    unique: dict[str, str] = {}
    for label in map(_normalize_spaces, COMMA.split(text)):
        if has_visible_character(label):
            unique.setdefault(compare_key(label), label)
    return list(unique.values())


def join_labels(labels: Iterable[str]) -> str:
    return ", ".join(labels)


def label_keys(text: str) -> str:
    """Return the keys of the labels, each between two commas, or ``""``: ``Own it, DVD`` becomes ``,own it,dvd,``."""
    keys = ",".join(map(compare_key, split_labels(text)))
    return keys and f",{keys},"


def _normalize_spaces(label: str) -> str:
    return " ".join(label.split())
