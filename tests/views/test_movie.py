"""Actions on one movie: cross off, move to the watchlist, rate."""

import pytest
from sqlalchemy import select

from flicklist.models import Change, Movie, Viewing
from tests.clients import messages, titles


@pytest.fixture
def heat(alice):
    alice.add("Heat", "1995")
    return alice


def test_crossing_off_moves_movie_to_watched_list(heat):
    page = heat.cross_off("Heat")
    assert page.request.path == heat.list_path
    assert messages(page, "success") == ["Watched “Heat (1995)” today."]
    assert heat.watchlist() == []
    assert heat.watched() == ["Heat"]


def test_flash_message_undoes_crossing_off(heat):
    page = heat.press(heat.cross_off("Heat"), "Undo")
    assert messages(page, "success") == ["Undone: watched “Heat (1995)”."]
    assert titles(page) == ["Heat"]
    assert heat.watched() == []


def test_last_watched_movie_comes_first(alice):
    for title in ("Heat", "Amélie", "Ran"):
        alice.add(title)
    for title in ("Ran", "Heat", "Amélie"):
        alice.cross_off(title)
    assert alice.watched() == ["Amélie", "Heat", "Ran"]


def test_crossing_off_twice_changes_nothing_more(heat, db):
    movie_path = heat.movie_path("Heat")
    heat.cross_off("Heat")
    watched_at = db.scalars(select(Movie.watched_at)).one()
    heat.send(movie_path + "/cross-off")
    db.expire_all()
    assert db.scalars(select(Movie.watched_at)).one() == watched_at


@pytest.mark.parametrize(
    ("typed", "stored", "number", "drawn"),
    [("0.5", 1, "½", "½"), ("1", 2, "1", "★"), ("4.5", 9, "4½", "★★★★½"), ("5", 10, "5", "★★★★★")],
)
def test_rating_in_half_stars_is_stored_and_shown(heat, db, typed, stored, number, drawn):
    heat.cross_off("Heat")
    page = heat.rate("Heat", typed)
    assert messages(page, "success") == [f"You rated “Heat (1995)” {number} ★."]
    assert db.scalars(select(Movie.rating)).one() == stored
    stars = page.html.select_one(".stars")
    assert (stars.text.strip(), stars["aria-label"]) == (drawn, f"{number} of 5 stars")
    assert f"{number} ★" in [option.text for option in page.html.select("select[name=rating] option")]
    assert heat.form_of(page, "Rating of Heat")["rating"].value == typed


def test_rating_can_be_cleared(heat, db):
    heat.cross_off("Heat")
    heat.rate("Heat", "3")
    page = heat.rate("Heat", "")
    assert messages(page, "success") == ["Rating removed from “Heat (1995)”."]
    assert db.scalars(select(Movie.rating)).one() is None


def test_removing_the_rating_of_an_unrated_movie_says_that_it_has_none(heat, db):
    heat.cross_off("Heat")
    page = heat.rate("Heat", "")
    assert messages(page, "info") == ["“Heat (1995)” has no rating."]
    assert not page.html.find("button", string="Undo")


@pytest.mark.parametrize("value", ["0", "5.5", "-1", "4.25", "10", "five", "4,5", "٤", "nan", "1e0", "4" * 4000])
def test_rating_outside_scale_is_refused(heat, db, value):
    heat.cross_off("Heat")
    heat.rate("Heat", "3")
    page = heat.send(heat.movie_path("Heat") + "/rate", rating=value).follow()
    assert messages(page, "error") == ["Choose a rating from ½ to 5 stars."]
    assert db.scalars(select(Movie.rating)).one() == 6


def test_unwatched_movie_cannot_be_rated(heat, db):
    page = heat.send(heat.movie_path("Heat") + "/rate", rating="4").follow()
    assert messages(page, "error") == ["Mark “Heat (1995)” as watched first, then rate it."]
    assert db.scalars(select(Movie.rating)).one() is None
    assert db.scalars(select(Change)).all() == []


def test_crossing_off_again_on_same_day_adds_no_viewing(heat, db):
    movie_path = heat.movie_path("Heat")
    for verb in ("cross-off", "move-to-watchlist", "cross-off"):
        heat.send(f"{movie_path}/{verb}")
    assert len(db.scalars(select(Viewing)).all()) == 1
    assert heat.watched() == ["Heat"]


def test_move_to_watchlist_moves_watched_movie_back(heat):
    heat.cross_off("Heat")
    page = heat.move_to_watchlist("Heat")
    assert page.request.path == heat.list_path + "watched"
    assert messages(page, "success") == ["Moved “Heat (1995)” to your watchlist. Its viewings were kept."]
    assert heat.watchlist() == ["Heat"]


def test_moving_rated_movie_to_watchlist_says_that_rating_is_removed(heat):
    heat.cross_off("Heat")
    heat.rate("Heat", "3")
    page = heat.move_to_watchlist("Heat")
    assert messages(page, "success") == [
        "Moved “Heat (1995)” to your watchlist and removed its rating. Its viewings were kept."
    ]
    page = heat.press(page, "Undo")
    assert heat.form_of(page, "Rating of Heat")["rating"].value == "3"


@pytest.mark.parametrize(
    "segment", ["0", "01", "+1", " 1", "1.0", "1_0", "abc", "-1", "9" * 18, "9" * 19, "9" * 5000, "%D9%A1"]
)
def test_movie_id_in_url_has_one_spelling(heat, segment):
    heat.get(f"{heat.list_path}{segment}/", status=404)
    heat.send(f"{heat.list_path}{segment}/cross-off", status=404)
    assert heat.watchlist() == ["Heat"]


@pytest.mark.parametrize("verb", ["cross-off", "move-to-watchlist", "rate"])
def test_movie_is_not_found_below_another_list(alice, bob, db, verb):
    alice.add("Heat")
    movie_id = alice.movie_path("Heat").rpartition("/")[2]
    bob.send(f"{bob.list_path}{movie_id}/{verb}", rating="1", status=404)
    bob.send(f"{alice.list_path}{movie_id}/{verb}", rating="1", status=404)
    assert db.scalars(select(Movie)).one().watched_at is None


def test_stranger_sees_no_movies(heat, bob):
    heat.cross_off("Heat")
    heat.add("Ran")
    assert bob.watchlist() == bob.watched() == []
    for path in (heat.list_path, heat.list_path + "watched", heat.list_path + "add"):
        bob.get(path, status=404)
        bob.send(path, title="Gotcha", status=404)
    assert heat.watchlist() == ["Ran"]


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:1"])
def test_redirect_after_action_stays_on_site(heat, back):
    response = heat.send(heat.movie_path("Heat") + "/cross-off", back=back)
    assert response.location == f"http://localhost{heat.list_path}"
