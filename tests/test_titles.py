"""Titles: how they sort, and the color of their posters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flicklist.models.movie import Movie
from flicklist.text import fold
from flicklist.titles import POSTER_COLORS, initials, poster_color, sort_title, sort_titles_of_variants


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
    ("title", "shown"),
    [
        ("Metropolis", "M"),
        ("The Godfather", "G"),
        ("Lawrence of Arabia", "LA"),
        ("In the Mood for Love", "IM"),
        ("12 Angry Men", "12"),
        ("2001: A Space Odyssey", "2A"),
        ("8½", "8½"),
        ("À bout de souffle", "À"),
        ("amélie", "A"),
        ("The", "T"),
        ("千と千尋の神隠し", "千"),
        ("???", "??"),
    ],
)
def test_small_poster_shows_initials(title, shown):
    assert initials(title) == shown


def test_variants_of_a_title_have_the_same_poster_color():
    assert poster_color("Amélie") == poster_color("AMELIE ")


@given(st.text(min_size=1, max_size=30))
def test_every_title_has_a_poster_color_and_fits_its_columns(title):
    assert 0 <= poster_color(title) < POSTER_COLORS
    movie = Movie(title=title * 6)
    assert len(movie.sort_title) <= Movie.sort_title.type.length
    assert len(movie.key) <= Movie.key.type.length
