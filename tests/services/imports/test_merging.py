"""The work that merging takes for movies with many viewings."""

import gc
import sys
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from flicklist.models.movie import MAX_VIEWINGS
from flicklist.services.imports.matching import Target
from flicklist.services.imports.merging import merge, new_movie
from flicklist.services.imports.rows import Row, RowViewing, Status
from flicklist.services.imports.uploads import do_nothing

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def calls_of(function):
    """Return how often Python functions are called and generators resumed."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in {"call", "c_call"}

    gc.disable()  # it would call functions now and then
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return calls


def on_many_days(number):
    return [RowViewing(f"{1900 + each // 28}-01-{1 + each % 28:02}", f"note {each}") for each in range(number)]


def without_dates(number):
    return [RowViewing(None, f"note {each}") for each in range(number)]


def the_same(number):
    return [RowViewing("2020-01-01")] * number


def rows_of(viewings):
    return [
        Row("x.json", 1, "Heat", status=Status.WATCHED, viewings=viewings, watched_at=NOW, added_at=NOW),
        *(Row("x.csv", 1, "Heat", status=Status.WATCHED, viewings=[each]) for each in viewings),
    ]


def merged(rows):
    movie = new_movie(Target("Heat", None), rows, 1)
    merge(movie, rows, do_nothing, is_new=True)
    return movie


@pytest.mark.parametrize("viewings", [on_many_days, without_dates, the_same])
def test_each_viewing_of_a_movie_costs_the_same(viewings):
    merged(rows_of(viewings(10)))
    few, many = (calls_of(lambda number=number: merged(rows_of(viewings(number))[:1])) for number in (100, 1000))
    assert many < 11 * few


@pytest.mark.parametrize("viewings", [on_many_days, the_same])
def test_each_row_with_a_viewing_costs_the_same(viewings):
    merged(rows_of(viewings(10)))
    few, many = (calls_of(lambda number=number: merged(rows_of(viewings(number))[1:])) for number in (100, 1000))
    assert many < 11 * few


def test_each_note_that_is_appended_costs_the_same():
    def append_notes(number):
        movie = merged(rows_of([RowViewing(each.watched_on, "x") for each in on_many_days(number)])[:1])
        rows = rows_of(on_many_days(number))[:1]
        return calls_of(lambda: merge(movie, rows, do_nothing, is_new=False)), movie

    append_notes(10)
    (few, _), (many, movie) = append_notes(100), append_notes(MAX_VIEWINGS)
    assert many < 11 * few
    assert movie.viewings[-1].note == f"x\nnote {MAX_VIEWINGS - 1}"


class CountedNote(str):
    """A note that counts how often something is looked for in it, and in others."""

    __slots__ = ()
    times: ClassVar[int] = 0

    def __contains__(self, text):
        CountedNote.times += 1
        return super().__contains__(text)


def test_each_note_of_one_day_is_compared_with_some_others_only(monkeypatch):
    def compare(number):
        movie = merged(rows_of([RowViewing("2020-01-01", CountedNote(f"my {each}")) for each in range(number)])[:1])
        rows = rows_of([RowViewing("2020-01-01", f"note {each}") for each in range(number)])[:1]
        monkeypatch.setattr(CountedNote, "times", 0)
        merge(movie, rows, do_nothing, is_new=False)
        return CountedNote.times, movie, rows

    (few, *_), (many, movie, rows) = compare(100), compare(MAX_VIEWINGS)
    assert many < 11 * few
    notes = [viewing.note for viewing in movie.viewings]
    assert notes == [f"my {each}\nnote {each}" for each in range(MAX_VIEWINGS)]
    merge(movie, rows, do_nothing, is_new=False)
    assert [viewing.note for viewing in movie.viewings] == notes


def test_viewings_that_a_movie_has_are_found_without_comparing_all_pairs():
    rows = rows_of(the_same(MAX_VIEWINGS))[:1]
    movie = merged(rows)
    calls = calls_of(lambda: merge(movie, rows, do_nothing, is_new=False))
    assert len(movie.viewings) == MAX_VIEWINGS
    assert calls < 30 * MAX_VIEWINGS
