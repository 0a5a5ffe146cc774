"""Every change of a movie can be undone, from what the next page says."""

import pytest
from sqlalchemy import select, update

from flicklist.models import Change, Movie, Viewing
from flicklist.models.change import KEPT
from flicklist.models.meta import utc_now
from tests.people import messages, titles


def remembered(db):
    """Return all that a person has written about their movies."""
    db.rollback()
    db.expire_all()
    columns = [c for c in Movie.__table__.c if c.name != "change_id"]
    return (
        db.execute(select(*columns).order_by(Movie.id)).all(),
        db.execute(select(Viewing.__table__).order_by(Viewing.id)).all(),
    )


@pytest.fixture
def heat(alice):
    """Alice, who has seen Heat twice, rated it and written about it."""
    alice.add("Heat", "1995")
    entry = alice.entry_path("Heat")
    alice.cross_off("Heat")
    alice.send(entry + "/viewings/add", seen_on="2009-07", note="on tape")
    alice.send(entry + "/rate", rating="4.5")
    alice.send(entry + "/edit", title="Heat", year="1995", why="Ann said so", notes="long\nbut good")
    alice.get(alice.list_path)
    return alice


@pytest.mark.parametrize(
    ("verb", "fields"),
    [
        ("put-back", {}),
        ("rate", {"rating": "1"}),
        ("rate", {"rating": ""}),
        ("rewatch", {}),
        ("remove", {}),
        ("edit", {"title": "Cold", "year": "", "why": "", "notes": ""}),
        ("viewings/add", {"seen_on": "2001", "note": "x"}),
    ],
)
def test_what_is_done_to_a_movie_is_undone_whole_and_redone(heat, db, verb, fields):
    entry = heat.entry_path("Heat")
    if verb == "rewatch":
        todays = db.scalars(select(Viewing.id).where(Viewing.note == "")).one()
        heat.send(f"{entry}/viewings/{todays}/edit", seen_on="2020", note="")
    before = remembered(db)
    heat.get(heat.list_path)
    page = heat.send(f"{entry}/{verb}", **fields).follow()
    after = remembered(db)
    assert after != before
    page = heat.press(page, "Undo")
    assert remembered(db) == before
    page = heat.press(page, "Redo")
    assert [row[:-1] for row in remembered(db)[0]] == [row[:-1] for row in after[0]]


def test_a_deleted_viewing_comes_back(heat, db):
    before = remembered(db)
    viewing_id = db.scalars(select(Viewing.id).where(Viewing.note == "on tape")).one()
    page = heat.send(f"{heat.entry_path('Heat')}/viewings/{viewing_id}/delete").follow()
    assert "on tape" not in page.html.select_one(".viewings").text
    heat.press(page, "Undo")
    assert remembered(db) == before


def test_an_undo_is_refused_when_the_movie_has_changed_since(heat, db):
    page = heat.send(heat.entry_path("Heat") + "/rate", rating="1").follow()
    heat.send(heat.entry_path("Heat") + "/rate", rating="2")
    stale = heat.press(page, "Undo")
    assert "has changed again since" in messages(stale, "error")[0]
    assert db.scalars(select(Movie.rating)).one() == 4


def test_an_undo_that_is_clicked_twice_is_done_once(heat, db):
    page = heat.send(heat.entry_path("Heat") + "/rate", rating="1").follow()
    heat.press(page, "Undo")
    assert "was undone already" in messages(heat.press(page, "Undo"), "error")[0]
    assert db.scalars(select(Movie.rating)).one() == 9


def test_nobody_undoes_what_another_person_did(heat, bob, db):
    change_id = db.scalars(select(Change.id).order_by(Change.id.desc())).first()
    bob.send(f"{heat.list_path}changes/{change_id}/undo", status=404)
    bob.send(f"{bob.list_path}changes/{change_id}/undo", status=404)


def test_an_undo_cannot_reach_a_movie_of_another_person(heat, bob, db):
    """Even if a change of Bob's named a movie of Alice's."""
    bob.add("Ran")
    bob.cross_off("Ran")
    bobs = db.scalars(select(Change).order_by(Change.id.desc())).first()
    alices = db.scalars(select(Movie).where(Movie.title == "Heat")).one()
    bobs.before = [{**bobs.before[0], "id": alices.id}]
    alices.change_id = bobs.id
    db.commit()
    before = remembered(db)
    page = bob.send(f"{bob.list_path}changes/{bobs.id}/undo").follow()
    assert "Nothing was changed" in messages(page, "error")[0]
    assert remembered(db) == before


def test_undoing_a_new_title_works_although_another_movie_took_the_old_one(heat, db):
    page = heat.send(heat.entry_path("Heat") + "/edit", title="Cold", year="1995").follow()
    heat.add("Heat", "1995")
    heat.press(page, "Undo")
    assert sorted(db.scalars(select(Movie.title)).all()) == ["Heat", "Heat"]


def test_changes_are_forgotten_after_their_days(heat, db):
    db.execute(update(Change).values(created_at=utc_now() - KEPT))
    db.commit()
    heat.send(heat.entry_path("Heat") + "/rate", rating="1")
    assert len(db.scalars(select(Change)).all()) == 1


def test_many_at_once_are_one_change_with_one_undo(alice, db):
    for title in ("Heat", "Ran", "Amélie"):
        alice.add(title)
    alice.get(alice.list_path)
    before = remembered(db)
    page = alice.mark(alice.list_path, ["Heat", "Ran"], "Cross off")
    assert messages(page) == ["2 movies are crossed off."]
    assert titles(page) == ["Amélie"]
    alice.press(page, "Undo")
    assert remembered(db) == before


def test_many_are_rated_put_back_and_removed(alice, db):
    for title in ("Heat", "Ran", "Amélie"):
        alice.add(title)
    alice.mark(alice.list_path, ["Heat", "Ran", "Amélie"], "Cross off")
    ratings = alice.list_path + "ratings"
    page = alice.mark(ratings, ["Heat", "Ran"], "Rate", rating="4")
    assert messages(page) == ["2 movies are rated 4 of 5 stars."]
    page = alice.mark(ratings, ["Heat"], "Put back")
    assert messages(page) == ["“Heat” is back on your watchlist."]
    page = alice.mark(ratings, ["Ran", "Amélie"], "Remove")
    assert messages(page) == ["2 movies are removed."]
    assert titles(page) == []
    assert alice.to_watch() == ["Heat"]


def test_nothing_marked_is_told(alice):
    alice.add("Heat")
    for verb in ("cross-off", "put-back", "rate", "remove"):
        page = alice.send(alice.list_path + verb, movie="x", rating="4").follow()
        assert messages(page, "error") == ["Mark the movies first, with the boxes beside them."]


def test_movies_of_another_person_cannot_be_marked(alice, bob, db):
    alice.add("Heat")
    movie_id = db.scalars(select(Movie.id)).one()
    for verb in ("cross-off", "remove", "rate", "put-back"):
        bob.send(bob.list_path + verb, movie=str(movie_id), rating="4")
    assert alice.to_watch() == ["Heat"]


def test_many_are_not_rated_when_one_is_still_to_watch(alice, db):
    alice.add("Heat")
    alice.add("Ran")
    alice.cross_off("Ran")
    ids = [str(number) for number in db.scalars(select(Movie.id)).all()]
    token = alice.csrf_token()
    page = alice.post(alice.list_path + "rate", {"csrf_token": token, "movie": ids, "rating": "4"}, status=303).follow()
    assert "not all of these are crossed off" in messages(page, "error")[0]
    assert db.scalars(select(Movie.rating)).all() == [None, None]
