"""Dates of different precision, as they are shown and typed."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flicklist.dates import (
    FIRST_YEAR,
    LAST_YEAR,
    MAX_DATE_LENGTH,
    MONTHS,
    AmbiguousDate,
    format_date,
    parse_date,
    watched_when,
)

TODAY = date(2026, 3, 1)
days = st.dates(date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31))
isos = st.builds(lambda day, length: day.isoformat()[:length], days, st.sampled_from([4, 7, 10]))


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


@given(isos)
def test_every_shown_date_is_parsed_again(iso):
    shown = format_date(iso)
    assert parse_date(shown, TODAY) == parse_date(iso, TODAY) == iso
    assert parse_date(f"  {shown.upper()} ", TODAY) == iso
    assert len(shown) <= MAX_DATE_LENGTH
    assert watched_when(iso).endswith(shown)


@given(days)
def test_days_are_parsed_in_the_ways_people_write_them(day):
    number, month, year = day.day, MONTHS[day.month - 1], day.year
    for typed in (
        f"{number} {month} {year}",
        f"{month} {number}, {year}",
        f"{number}.{day.month}.{year}",
        f"{number:02}. {day.month:02}. {year}",
        f"{number}. {month} {year}",
        f"{month[:3].lower()} {number} {year}",
        f"{year} {month} {number}",
        f"{year}/{day.month}/{number}",
        f"{number}-{month[:3]}-{year}",
        f"the {number}th of {month}, {year}",
    ):
        assert parse_date(typed, TODAY) == day.isoformat()


@given(days, st.sampled_from("/-"))
def test_numbers_with_slashes_or_dashes_are_ambiguous_unless_one_reading_is_impossible(day, separator):
    day_first, month_first = (separator.join(f"{day:{order}}".split()) for order in ("%d %m %Y", "%m %d %Y"))
    if day.day > 12 or day.day == day.month:
        assert parse_date(day_first, TODAY) == parse_date(month_first, TODAY) == day.isoformat()
    else:
        other = day.replace(month=day.day, day=day.month)
        for typed, readings in ((day_first, (day, other)), (month_first, (other, day))):
            with pytest.raises(AmbiguousDate) as raised:
                parse_date(typed, TODAY)
            assert raised.value.readings == tuple(map(date.isoformat, readings))


@pytest.mark.parametrize(
    ("typed", "iso"),
    [
        ("today", "2026-03-01"),
        (" Yesterday ", "2026-02-28"),
        ("Sept. 3rd, 2009", "2009-09-03"),
        ("july, 2009", "2009-07"),
        ("2009 July", "2009-07"),
        ("May 2009", "2009-05"),
        ("7/2009", "2009-07"),
        ("07.2009", "2009-07"),
        ("2009-7-4", "2009-07-04"),
        ("2009.07", "2009-07"),
        ("29.2.2024", "2024-02-29"),
    ],
)
def test_other_typed_dates(typed, iso):
    assert parse_date(typed, TODAY) == iso


def test_yesterday_is_the_day_before_today():
    assert parse_date("yesterday", date(2026, 1, 1)) == (date(2026, 1, 1) - timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    "typed",
    [
        *("", " ", ".", "soon", "tomorrow", "July", "14 July", "14", "09", "3.4.21", "3/4/21", "2009-13", "2009-02-30"),
        *("30/02/2021", "13/13/2021", "31.2.2009", "1850", "9999-12-31", "2009-07-14T10", "2009 07 14", "20 09"),
        *(
            "noon of 14 July 2009",
            "14 July 14 2009",
            "July July 2009",
            "2009 2010",
            "Ju 2009",
            "1 2 May 2009",
            "1 2/3/2009",
            "0.7.2009",
        ),
        *(
            "00.00.2009",
            "2009-0",
            "-2009",
            "2009-",
            "July 2009" + " " * MAX_DATE_LENGTH,
            "9" * 5000,
            "²/3/2021",
            "٣.٤.٢٠٢١",
        ),
    ],
)
def test_other_text_is_no_date(typed):
    with pytest.raises(ValueError, match=r".*"):
        parse_date(typed, TODAY)


@given(st.text("0123456789./- ,julythofsep", max_size=MAX_DATE_LENGTH + 5))
def test_any_text_is_parsed_or_refused(typed):
    try:
        iso = parse_date(typed, TODAY)
    except ValueError:
        return
    assert parse_date(format_date(iso), TODAY) == iso
