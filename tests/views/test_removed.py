"""Recently removed movies show their rating and how long they are kept."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from flicklist.models import Movie
from flicklist.models.meta import utc_now


def removed_row(person):
    return person.get(person.list_path + "removed").html.select_one(".movies > li")


def remove(person, title):
    person.press(person.movie_path(title) + "/", "Remove")


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(), "30 days left"),
        (timedelta(days=1, minutes=1), "29 days left"),
        (timedelta(days=11, hours=12), "19 days left"),
        (timedelta(days=28, minutes=1), "2 days left"),
        (timedelta(days=29, minutes=1), "last day"),
        (timedelta(days=29, hours=23, minutes=59), "last day"),
    ],
)
def test_removed_movie_shows_days_left(alice, db, ago, text):
    alice.add("Heat")
    remove(alice, "Heat")
    db.scalars(select(Movie)).one().removed_at = utc_now() - ago
    db.commit()
    assert removed_row(alice).select_one(".days-left").text == text


def test_removed_movie_shows_its_rating(alice):
    alice.add("Heat")
    alice.cross_off("Heat")
    alice.rate("Heat", "4.5")
    remove(alice, "Heat")
    assert removed_row(alice).select_one(".stars")["aria-label"] == "4½ of 5 stars"


def test_removed_movie_without_rating_shows_no_stars(alice):
    alice.add("Heat")
    remove(alice, "Heat")
    assert removed_row(alice).select_one(".stars") is None
