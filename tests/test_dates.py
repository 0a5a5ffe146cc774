"""Dates of different precision, as they are shown."""

import pytest

from flicklist.dates import format_date


@pytest.mark.parametrize(
    ("iso", "shown"),
    [
        ("2026-11-26", "26 Nov 2026"),
        ("2009-07-01", "1 Jul 2009"),
        ("2009-07", "July 2009"),
        ("2009-12", "December 2009"),
        ("2009", "2009"),
    ],
)
def test_date_is_formatted_with_its_precision(iso, shown):
    assert format_date(iso) == shown


@pytest.mark.parametrize("text", ["", "2009-13", "2009-02-30", "1850", "26 Nov 2026"])
def test_invalid_date_is_not_formatted(text):
    with pytest.raises(ValueError, match=r".*"):
        format_date(text)
