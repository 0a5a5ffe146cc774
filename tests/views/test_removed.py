"""Recently removed movies show their rating and how long they are kept."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from flicklist.dates import format_date
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
        (timedelta(days=29, minutes=1), "last day to restore"),
        (timedelta(days=29, hours=23, minutes=59), "last day to restore"),
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


def test_page_of_removed_movie_says_until_when_it_can_be_restored(alice, db):
    alice.add("Heat")
    path = alice.movie_path("Heat")
    remove(alice, "Heat")
    removed_at = (utc_now() - timedelta(days=3)).replace(hour=12)
    db.scalars(select(Movie)).one().removed_at = removed_at
    db.commit()
    last_day = format_date((removed_at + timedelta(days=30)).date().isoformat())
    assert f"You can restore it until {last_day}." in alice.get(path).html.main.text
