"""Ratings of all scales, as half-stars."""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from flicklist.ratings import rating_text
from flicklist.services.imports.problems import RowUndecided
from flicklist.services.imports.values import clean_line
from flicklist.text import quote

_NUMBER = re.compile(r"[0-9]{1,3}(?:[.,][0-9]{0,9})?", re.ASCII)
_UNRATED = {"", "null", "none"}


class RowRating(NamedTuple):
    """A rating in half-stars, or None. `remark` says what was lost by rounding."""

    half_stars: int | None = None
    remark: str = ""


def read_rating(value: object, best: int) -> RowRating:
    """Return a rating on a scale up to `best`, which is 5, 10 or 100. Zero means unrated.

    Raises `RowUndecided` if the value is not on the scale.
    """
    text = clean_line(value).lower()
    if text in _UNRATED:
        return RowRating()
    number = _number(text)
    if number == 0:
        return RowRating()
    if number is None or not Decimal(best) / 10 <= number <= best:
        raise RowUndecided(f"{quote(text)} is not a rating from {best / 10:g} to {best}.")
    return _half_stars(number, best)


def _number(text: str) -> Decimal | None:
    """Return the number in the text, which may have a decimal comma, or None if it is not one."""
    return Decimal(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def _half_stars(number: Decimal, best: int) -> RowRating:
    exact = number * 10 / best
    rounded = int(exact.to_integral_value(ROUND_HALF_UP))
    if rounded == exact:
        return RowRating(rounded)
    return RowRating(rounded, f"Rating {number:f} of {best}, rounded to {rating_text(rounded)}.")
