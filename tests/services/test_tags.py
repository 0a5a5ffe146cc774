"""Completing and filtering by tag, the same on both databases."""

from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from flicklist.models import Movie, User
from flicklist.models.meta import utc_now
from flicklist.models.movie import MAX_TAGS, LimitReached
from flicklist.services.pagination import PageRequest
from flicklist.services.search import SearchFilters, Sort
from flicklist.services.tags import MAX_COMPLETIONS, complete_tag
from flicklist.services.watchlist import watchlist_page


@pytest.fixture
def owner_id(alice, db):
    return db.scalars(select(User.id)).one()


@pytest.fixture
def tagged(db, owner_id):
    """Return a function that adds a movie with each of some tags."""

    def add(*tags, **columns):
        db.add_all(
            Movie(title=f"{each} {number}", owner_id=owner_id, tags=each, **columns) for number, each in enumerate(tags)
        )
        db.commit()

    return add


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("z", ["Zoë", "the zoo"]),
        ("zoe", ["Zoë"]),
        ("ZOË", ["Zoë"]),
        ("the z", ["the zoo"]),
        ("  the  ZOO", ["the zoo"]),
        ("oo", []),
        ("100%", ["100% fun", "100%"]),
        ("%", []),
        ("_", ["_"]),
        ("a_b", ["a_b"]),
        ("axb", ["axb"]),
        ("\\", ["\\"]),
        ("家", ["家"]),
        ("", []),
        ("\u0301", []),
        ("zoë" * 20, []),
    ],
)
def test_completions_begin_with_typed_text_or_have_a_word_that_does(db, owner_id, tagged, typed, expected):
    tagged("Zoë", "the zoo, Zoë", "100% fun", "100% fun, 100%", "_", "a_b", "axb", "\\", "家")
    assert complete_tag(db, owner_id, typed) == expected


def test_tags_are_completed_by_use_in_their_usual_spelling(db, owner_id, tagged):
    tagged("Netflix", "netflix, new", "netflix", "new, Nigel, DVD", "Nora", "NEW", "new", "new")
    assert complete_tag(db, owner_id, "n") == ["new", "netflix", "Nigel", "Nora"]


def test_at_most_eight_tags_are_returned(db, owner_id, tagged):
    tagged(", ".join(f"tag {number:02}" for number in range(MAX_TAGS)))
    assert complete_tag(db, owner_id, "tag") == [f"tag {number:02}" for number in range(MAX_COMPLETIONS)]


def test_tags_of_watched_movies_are_completed_and_those_of_removed_ones_are_not(db, owner_id, tagged):
    tagged("owned", watched_at=utc_now())
    tagged("old", removed_at=utc_now())
    assert complete_tag(db, owner_id, "o") == ["owned"]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("zoë", ["Zoë"]),
        ("ZOË", ["Zoë"]),
        ("zoe", ["zoe"]),
        ("100%", ["100%"]),
        ("100_", []),
        ("%", []),
        ("a_b", ["a_b, c"]),
        ("axb", []),
        ("C", ["a_b, c"]),
        ("\\", ["\\"]),
        ("Жизнь", ["жизнь"]),
        ("don’t", ["don't"]),
    ],
)
def test_filter_compares_keys_of_tags(db, owner_id, tagged, tag, expected):
    tagged("Zoë", "zoe", "100%", "1000", "a_b, c", "\\", "жизнь", "don't")
    page, _ = watchlist_page(
        db.connection(), owner_id, Sort.ADDED, PageRequest(), filters=SearchFilters(tag=tag), time_zone=ZoneInfo("UTC")
    )
    assert [tags for *_, tags, _runtime in page.rows] == expected


def test_tags_are_added_and_removed_by_key():
    movie = Movie(title="Heat", tags="Own it")
    movie.add_tags(["own it", "Zoë", "zoe"])
    assert movie.tags == "Own it, Zoë, zoe"
    movie.remove_tags(["ZOË", "DVD"])
    assert (movie.tags, movie.tag_keys) == ("Own it, zoe", ",own it,zoe,")
    assert "zoe" in movie.search_text
    movie.remove_tags(["own it", "zoe"])
    assert (movie.tags, movie.tag_keys) == ("", "")


def test_movie_with_twenty_tags_gets_no_other():
    tags = [f"tag {number}" for number in range(MAX_TAGS)]
    movie = Movie(title="Heat")
    movie.add_tags(tags)
    movie.add_tags(reversed(tags))
    with pytest.raises(LimitReached):
        movie.add_tags(["one more"])
    assert movie.tags == ", ".join(tags)
