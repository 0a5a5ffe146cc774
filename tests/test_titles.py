"""Titles: how they sort, and the letter on their tile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flicklist.models.movie import Movie
from flicklist.text import fold
from flicklist.titles import sort_title, sort_titles_of_variants, tile_letter


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("The Sting", "sting"),
        ("A Separation", "separation"),
        ("An Education", "education"),
        ("À bout de souffle", "a bout de souffle"),
        ("[REC]", "rec]"),
        ("¡Three Amigos!", "three amigos!"),
        ("“The Sting”", 'sting"'),
        ("The ’Burbs", "burbs"),
        ("'night, Mother", "night, mother"),
        ("$9.99", "0019.00299"),
        ("The", "the"),
        ("A", "a"),
        ("A.I.", "a.i."),
        ("Another Round", "another round"),
        ("$", "$"),
        ("...", "..."),
        ("007", "0017"),
        ("0", "0010"),
        ("\u200bThe Sting", "sting"),
        ("™ The Sting", "tm the sting"),
    ],
)
def test_sort_title(title, expected):
    assert sort_title(title) == expected


@given(st.integers(min_value=0), st.integers(min_value=0))
def test_numbers_sort_by_value(first, second):
    in_order = sort_title(f"Ocean's {first}") < sort_title(f"Ocean's {second}")
    assert in_order == (first < second)


@given(st.text(min_size=1, max_size=30))
def test_title_sorts_as_one_of_its_variants(title):
    variants = sort_titles_of_variants(title)
    assert {sort_title(title), sort_title(fold(title))} <= variants


@pytest.mark.parametrize(
    ("title", "letter"),
    [
        ("Heat", "H"),
        ("heat", "H"),
        ("The Sting", "S"),
        ("À bout de souffle", "A"),
        ("[REC]", "R"),
        ("¡Three Amigos!", "T"),
        ("12 Angry Men", "1"),
        ("½", "1"),
        ("🇫🇷 Amélie", "A"),
        ("🇫🇷", "🇫🇷"),
        ("👨‍👩‍👧", "👨‍👩‍👧"),
        ("\u200b🎬🎬", "🎬"),
        ("$", "$"),
        ("기생충", "기"),
        ("七人の侍", "七"),
        ("ღია", "ღ"),
        ("\u3164", ""),
    ],
)
def test_tile_letter(title, letter):
    assert tile_letter(title) == letter


@given(st.text(min_size=1, max_size=30))
def test_every_title_has_a_tile_and_fits_its_columns(title):
    assert len(tile_letter(title)) <= len(title)
    movie = Movie(title=title * 6)
    assert len(movie.sort_title) <= Movie.sort_title.type.length
    assert len(movie.key) <= Movie.key.type.length
