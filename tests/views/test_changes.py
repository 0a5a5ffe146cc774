"""Undo and redo of changes, with the button in the message and on the page of recent changes."""

from datetime import timedelta

import pytest
from sqlalchemy import Text, cast, delete, select, update

from flicklist.dates import format_date
from flicklist.film_facts import FilmFacts
from flicklist.models import Change, Movie, Viewing
from flicklist.models.change import CHANGE_RETENTION, KEPT_CHANGES, MAX_CHANGES
from flicklist.models.meta import utc_now
from flicklist.models.movie import REMOVED_RETENTION
from flicklist.views.changes import WORDS
from tests.clients import messages, titles
from tests.test_access import registered_views
from tests.views.test_watchlist import fill


def remembered(db):
    """Return everything that people entered about their movies."""
    db.rollback()
    db.expire_all()
    columns = [c for c in Movie.__table__.c if c.name not in {"change_id", "watched_at", "removed_at"}]
    columns += [Movie.watched_at.is_(None), Movie.removed_at.is_(None)]
    return (
        db.execute(select(*columns).order_by(Movie.id)).all(),
        db.execute(select(Viewing.__table__).order_by(Viewing.id)).all(),
    )


@pytest.fixture
def heat(alice):
    """Alice, who watched Heat twice, rated it and wrote notes."""
    alice.add("Heat", "1995")
    movie_path = alice.movie_path("Heat")
    alice.cross_off("Heat")
    alice.send(movie_path + "/viewings/add", watched_on="2009-07", note="on tape")
    alice.send(movie_path + "/rate", rating="4.5")
    alice.send(movie_path + "/edit", title="Heat", year="1995", why="Ann said so", notes="long\nbut good")
    alice.get(alice.list_path)
    return alice


VERBS = [
    ("move-to-watchlist", {}),
    ("rate", {"rating": "1"}),
    ("rate", {"rating": ""}),
    ("rewatch", {}),
    ("remove", {}),
    ("edit", {"title": "Cold", "year": "", "why": "", "notes": ""}),
    ("viewings/add", {"watched_on": "2001-02-03", "note": "x"}),
    ("viewings/{last}/edit", {"watched_on": "2001", "note": "x"}),
    ("viewings/{last}/delete", {}),
]
CHANGED_LATER, DELETED_LATER = (
    "Can’t be undone: the movie has changed since",
    "Can’t be undone: the movie has been deleted",
)
UNDONE_OTHERWISE = {"cross-off", "restore"}  # tested below


def prepare(heat, db, verb):
    """Put the movie into a state that the verb can change, and return the path to post to."""
    movie_path = heat.movie_path("Heat")
    if verb == "rewatch":
        todays = db.scalars(select(Viewing.id).where(Viewing.note == "")).one()
        heat.send(f"{movie_path}/viewings/{todays}/edit", watched_on="2020", note="")
        heat.get(heat.list_path)
    return f"{movie_path}/{verb.format(last=db.scalars(select(Viewing.id).order_by(Viewing.id.desc())).first())}"


def test_size_of_undo_history_is_limited(heat, db, monkeypatch):
    movie_path = heat.movie_path("Heat")
    heat.send(movie_path + "/edit", title="Heat", notes="é" * 5000)
    monkeypatch.setattr("flicklist.services.changes.MAX_CHANGES_SIZE", 12_000)
    for stars in ("1", "2", "3", "4"):
        heat.send(movie_path + "/rate", rating=stars)
    sizes = db.scalars(select(Change.size)).all()
    assert len(sizes) == 3  # two of about 5 kB, and the newest
    assert all(5_000 < size < 6_000 for size in sizes)
    before = db.scalars(select(cast(Change.before, Text))).first()
    assert "é" in before


def test_undo_tests_cover_every_action_of_a_movie(app):
    views = {
        name for resource, name, method in registered_views(app) if resource == "MovieResource" and method == "POST"
    }
    assert views == {verb for verb, _ in VERBS if "/" not in verb} | UNDONE_OTHERWISE


@pytest.mark.parametrize(("verb", "fields"), VERBS)
def test_every_action_is_undone_completely_and_redone(heat, db, verb, fields):
    path = prepare(heat, db, verb)
    before = remembered(db)
    page = heat.send(path, **fields).follow()
    after = remembered(db)
    assert after != before
    page = heat.press(page, "Undo")
    assert messages(page, "success")[0].startswith("Undone: ")
    assert remembered(db) == before
    page = heat.press(page, "Redo")
    assert messages(page, "success")[0].startswith("Redid the last change to “")
    assert remembered(db) == after
    page = heat.press(page, "Undo")
    assert messages(page, "success")[0].startswith("Undid the last change to “")
    assert remembered(db) == before


@pytest.mark.parametrize(("verb", "fields"), [each for each in VERBS if "delete" not in each[0]])
def test_second_click_changes_nothing_and_offers_undo_of_first(heat, db, verb, fields):
    path = prepare(heat, db, verb)
    before, token = remembered(db), heat.csrf_token()
    copied = heat.copy()  # the browser never sees the response to the first click
    copied.post(path, {"csrf_token": token, **fields}, status=303)
    after = remembered(db)
    page = heat.post(path, {"csrf_token": token, **fields}, status=303).follow()
    assert remembered(db) == after
    heat.press(page, "Undo")
    assert remembered(db) == before


def test_second_click_on_many_offers_undo_of_first(alice, db):
    for title in ("Heat", "Ran", "Amélie"):
        alice.add(title)
    before = remembered(db)
    fields = {"csrf_token": alice.csrf_token(), "movie": [str(row.id) for row in before[0]]}
    alice.copy().post(alice.list_path + "cross-off", fields, status=303)
    page = alice.post(alice.list_path + "cross-off", fields, status=303).follow()
    assert messages(page) == ["Watched 3 movies today."]
    alice.press(page, "Undo")
    assert remembered(db) == before


def test_second_click_offers_undo_of_first_that_changed_only_some_of_the_movies(alice, db):
    for title in ("Heat", "Ran"):
        alice.add(title)
        alice.cross_off(title)
    alice.rate("Heat", "4")
    before, copied = remembered(db), alice.copy()
    ratings = alice.list_path + "watched"
    copied.change_selected(ratings, ["Heat", "Ran"], "Rate", rating="4")
    page = alice.change_selected(ratings, ["Heat", "Ran"], "Rate", rating="4")
    alice.press(page, "Undo")
    assert remembered(db) == before


def test_action_without_effect_does_not_offer_undo_of_other_change(heat, db):
    heat.send(heat.movie_path("Heat") + "/rate", rating="1")
    heat.get(heat.list_path)
    page = heat.send(heat.movie_path("Heat") + "/cross-off").follow()
    assert messages(page) == ["Watched “Heat (1995)”."]
    assert not page.html.find("button", string="Undo")


def test_viewing_added_later_does_not_block_undo(alice, db):
    """By default, SQLite would reuse the id of a deleted viewing."""
    alice.add("Heat")
    alice.add("Ran")
    page = alice.cross_off("Heat")
    before = remembered(db)
    viewing_id = db.scalars(select(Viewing.id)).one()
    undone = alice.press(page, "Undo")
    alice.cross_off("Ran")
    alice.press(undone, "Redo")
    page = alice.send(f"{alice.movie_path('Heat')}/viewings/{viewing_id}/delete").follow()
    alice.move_to_watchlist("Ran")
    alice.cross_off("Ran")
    alice.press(page, "Undo")
    assert set(before[1]) <= set(remembered(db)[1])


@pytest.mark.parametrize(
    ("verb", "fields"), [each for each in [*VERBS, ("cross-off", {})] if each[0] not in {"remove", "restore"}]
)
def test_movie_removed_elsewhere_is_not_changed(heat, db, verb, fields):
    path = prepare(heat, db, verb)
    heat.send(heat.movie_path("Heat") + "/remove")
    heat.get(heat.list_path)
    before = remembered(db)
    page = heat.send(path, **fields).follow()
    assert messages(page, "error") == ["“Heat (1995)” was removed, so it wasn’t changed."]
    assert remembered(db) == before
    heat.press(page, "Restore")
    assert heat.watched() == ["Heat"]


def test_selected_movie_removed_elsewhere_is_skipped(alice, db):
    for title in ("Heat", "Ran"):
        alice.add(title)
    ids = [str(number) for number in db.scalars(select(Movie.id).order_by(Movie.id)).all()]
    alice.send(alice.movie_path("Heat") + "/remove")
    alice.get(alice.list_path)
    fields = {"csrf_token": alice.csrf_token(), "movie": ids}
    assert messages(alice.post(alice.list_path + "cross-off", fields, status=303).follow()) == ["Watched “Ran” today."]
    page = alice.send(alice.list_path + "cross-off", movie=ids[0]).follow()
    assert messages(page, "error") == ["“Heat” was removed, so it wasn’t changed."]


def test_undoing_fifty_movies_costs_few_more_statements_than_one(alice, db, statements):
    fill(alice, db, 50)
    ids = [str(number) for number in db.scalars(select(Movie.id)).all()]
    token = alice.csrf_token()
    page = alice.post(alice.list_path + "cross-off", {"csrf_token": token, "movie": ids}, status=303).follow()
    statements.clear()
    alice.press(page, "Undo")
    assert len(statements) < 20, statements


def test_oldest_changes_beyond_limit_are_deleted(heat, db):
    movie_path, token = heat.movie_path("Heat"), heat.csrf_token()
    kept = []
    for number in range(MAX_CHANGES + 3):
        heat.post(f"{movie_path}/rate", {"csrf_token": token, "rating": str(1 + number % 2)}, status=303)
        kept.append(db.scalars(select(Change.id).order_by(Change.id)).all())
    numbers = [len(ids) for ids in kept]
    assert max(numbers) == MAX_CHANGES
    full = numbers.index(MAX_CHANGES)
    assert kept[full + 1][:-1] == kept[full][-KEPT_CHANGES:]


def test_undo_restores_deleted_viewing(heat, db):
    before = remembered(db)
    viewing_id = db.scalars(select(Viewing.id).where(Viewing.note == "on tape")).one()
    page = heat.send(f"{heat.movie_path('Heat')}/viewings/{viewing_id}/delete").follow()
    assert "on tape" not in page.html.select_one(".viewings").text
    heat.press(page, "Undo")
    assert remembered(db) == before


def test_undo_is_refused_if_movie_has_changed_since(heat, db):
    page = heat.send(heat.movie_path("Heat") + "/rate", rating="1").follow()
    heat.send(heat.movie_path("Heat") + "/rate", rating="2")
    stale = heat.press(page, "Undo")
    assert messages(stale, "info") == ["Nothing to undo: it was already undone, or the movie has changed since."]
    assert db.scalars(select(Movie.rating)).one() == 4


def test_second_click_on_undo_changes_nothing(heat, db):
    page = heat.send(heat.movie_path("Heat") + "/rate", rating="1").follow()
    heat.press(page, "Undo")
    assert messages(heat.press(page, "Undo"), "info") == [
        "Nothing to undo: it was already undone, or the movie has changed since."
    ]
    assert db.scalars(select(Movie.rating)).one() == 9


def test_second_click_on_redo_changes_nothing(heat, db):
    page = heat.send(heat.movie_path("Heat") + "/rate", rating="1").follow()
    undone = heat.press(page, "Undo")
    heat.press(undone, "Redo")
    again = heat.press(undone, "Redo")
    assert messages(again, "info") == ["Nothing to redo: it was already redone, or the movie has changed since."]
    assert db.scalars(select(Movie.rating)).one() == 2


def test_change_of_another_person_cannot_be_undone(heat, bob, db):
    change_id = db.scalars(select(Change.id).order_by(Change.id.desc())).first()
    bob.send(f"{heat.list_path}changes/{change_id}/undo", status=404)
    bob.send(f"{bob.list_path}changes/{change_id}/undo", status=404)


def test_undo_cannot_change_movie_of_another_person(heat, bob, db):
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
    assert messages(page, "info") == ["Nothing to undo: it was already undone, or the movie has changed since."]
    assert remembered(db) == before


def test_change_recorded_by_an_older_version_can_be_undone(heat, db):
    """It knows nothing of the columns that were added since, so they keep their values."""
    page = heat.send(heat.movie_path("Heat") + "/edit", title="Cold", year="1995").follow()
    change = db.scalars(select(Change).order_by(Change.id.desc())).first()
    since = {"tags", *FilmFacts._fields}
    change.before = [{name: value for name, value in change.before[0].items() if name not in since}]
    movie = db.scalars(select(Movie)).one()
    movie.set_details(movie.details._replace(tags="own it", facts=FilmFacts(runtime=170)))
    db.commit()
    heat.press(page, "Undo")
    db.refresh(movie)
    assert (movie.title, movie.tags, movie.tag_keys, movie.runtime) == ("Heat", "own it", ",own it,", 170)


def test_undoing_rename_works_if_another_movie_took_the_old_title(heat, db):
    page = heat.send(heat.movie_path("Heat") + "/edit", title="Cold", year="1995").follow()
    heat.add("Heat", "1995")
    heat.press(page, "Undo")
    assert sorted(db.scalars(select(Movie.title)).all()) == ["Heat", "Heat"]


def test_action_on_many_movies_is_one_change_with_one_undo(alice, db):
    for title in ("Heat", "Ran", "Amélie"):
        alice.add(title)
    alice.get(alice.list_path)
    before = remembered(db)
    page = alice.change_selected(alice.list_path, ["Heat", "Ran"], "Mark as watched")
    assert messages(page) == ["Watched 2 movies today."]
    assert titles(page) == ["Amélie"]
    alice.press(page, "Undo")
    assert remembered(db) == before


@pytest.mark.parametrize(
    ("rated", "undone", "left_alone"),
    [
        (["Heat"], "2 movies", "1 movie has changed since then, so it was left alone."),
        (["Heat", "Ran"], "“Amélie”", "2 movies have changed since then, so they were left alone."),
    ],
)
def test_undo_leaves_movies_alone_that_have_changed_since(alice, rated, undone, left_alone):
    for title in ("Heat", "Ran", "Amélie"):
        alice.add(title)
    page = alice.change_selected(alice.list_path, ["Heat", "Ran", "Amélie"], "Mark as watched")
    for title in rated:
        alice.rate(title, "4")
    page = alice.press(page, "Undo")
    assert messages(page, "success") == [f"Undone: watched {undone}. {left_alone}"]
    assert sorted(alice.watched()) == rated


def test_selected_movies_are_rated_moved_to_watchlist_and_removed(alice, db):
    for title in ("Heat", "Ran", "Amélie"):
        alice.add(title)
    alice.change_selected(alice.list_path, ["Heat", "Ran", "Amélie"], "Mark as watched")
    ratings = alice.list_path + "watched"
    page = alice.change_selected(ratings, ["Heat", "Ran"], "Rate", rating="4")
    assert messages(page) == ["You rated 2 movies 4 ★."]
    page = alice.change_selected(ratings, ["Heat"], "Move to watchlist")
    assert messages(page) == ["Moved “Heat” to your watchlist and removed its rating. Its viewings were kept."]
    page = alice.change_selected(ratings, ["Ran", "Amélie"], "Remove")
    assert messages(page) == ["Removed 2 movies."]
    assert titles(page) == []
    assert alice.watchlist() == ["Heat"]


def test_message_about_moved_movies_mentions_removed_ratings(alice):
    ratings, moved = alice.list_path + "watched", "Moved 2 movies to your watchlist"
    for title in ("Heat", "Ran"):
        alice.add(title)
        alice.cross_off(title)
    alice.get(ratings)
    page = alice.change_selected(ratings, ["Heat", "Ran"], "Move to watchlist")
    assert messages(page) == [f"{moved}. Their viewings were kept."]
    alice.press(page, "Undo")
    alice.rate("Ran", "4")
    page = alice.change_selected(ratings, ["Heat", "Ran"], "Move to watchlist")
    assert messages(page) == [f"{moved} and removed their ratings. Their viewings were kept."]


def test_rating_selected_movies_needs_a_rating(alice):
    alice.add("Heat")
    alice.cross_off("Heat")
    alice.rate("Heat", "4.5")
    page = alice.get(alice.list_path + "watched", {"select": "some"})
    chosen = page.html.select("#selection [name=rating] option")[0]["value"]
    page = alice.change_selected(alice.list_path + "watched", ["Heat"], "Rate", rating=chosen)
    assert "Choose a rating" in messages(page, "error")[0]
    assert alice.get(alice.list_path + "watched").html.select_one(".stars")


def test_action_without_selection_is_refused(alice):
    alice.add("Heat")
    for verb in ("cross-off", "move-to-watchlist", "rate", "remove", "tag", "untag"):
        page = alice.send(alice.list_path + verb, movie="x", rating="4", tags="own it").follow()
        assert messages(page, "error") == ["Select at least one movie."]


def test_movies_of_another_person_cannot_be_selected(alice, bob, db):
    alice.add("Heat")
    movie_id = db.scalars(select(Movie.id)).one()
    for verb in ("cross-off", "remove", "rate", "move-to-watchlist", "tag", "untag"):
        bob.send(bob.list_path + verb, movie=str(movie_id), rating="4", tags="own it")
    assert alice.watchlist() == ["Heat"]
    assert db.scalars(select(Movie.tags)).one() == ""


def test_selected_movies_are_rated_only_if_all_are_watched(alice, db):
    alice.add("Heat")
    alice.add("Ran")
    alice.cross_off("Ran")
    ids = [str(number) for number in db.scalars(select(Movie.id)).all()]
    token = alice.csrf_token()
    page = alice.post(alice.list_path + "rate", {"csrf_token": token, "movie": ids, "rating": "4"}, status=303).follow()
    assert "Mark all selected movies as watched first" in messages(page, "error")[0]
    assert db.scalars(select(Movie.rating)).all() == [None, None]


# The page of recent changes


def shown(page):
    """Return what each row of the page says, and its button, or why there is none."""
    rows = []
    for row in page.html.select(".changes > li"):
        button = row.find("button") or row.select_one(".since")
        for hidden in row.select(".when, details"):
            hidden.extract()
        rows.append((plain(row.select_one(".movie")), button.text))
    return rows


def plain(element):
    return " ".join(element.text.split())


def changes_page(person):
    return person.get(f"{person.list_path}changes/")


def test_page_lists_changes_newest_first(heat):
    assert shown(changes_page(heat)) == [
        ("Edited “Heat (1995)”", "Undo"),
        ("Rated “Heat (1995)” 4½ ★", CHANGED_LATER),
        ("Added a viewing of “Heat (1995)”", CHANGED_LATER),
        ("Watched “Heat (1995)”", CHANGED_LATER),
    ]


@pytest.mark.parametrize(
    ("verb", "fields", "words"),
    [
        ("move-to-watchlist", {}, "Moved “Heat (1995)” to your watchlist"),
        ("rate", {"rating": "0.5"}, "Rated “Heat (1995)” ½ ★"),
        ("rate", {"rating": ""}, "Removed the rating of “Heat (1995)”"),
        ("rewatch", {}, "Watched “Heat (1995)” again"),
        ("remove", {}, "Removed “Heat (1995)”"),
        ("edit", {"title": "Heat", "year": "1995"}, "Edited “Heat (1995)”"),
        ("viewings/{last}/edit", {"watched_on": "2001"}, "Edited a viewing of “Heat (1995)”"),
        ("viewings/{last}/delete", {}, "Deleted a viewing of “Heat (1995)”"),
    ],
)
def test_page_says_what_was_done_and_that_it_was_undone(heat, db, verb, fields, words):
    heat.send(prepare(heat, db, verb), **fields)
    before = remembered(db)
    page = changes_page(heat)
    assert shown(page)[0] == (words, "Undo")
    page = heat.press(page, f"Undo: {words}")
    change = words[0].lower() + words[1:]
    assert shown(page)[:2] == [(f"Undone: {change}", "Redo"), (words, "Undone")]
    assert messages(page) == [f"Undone: {change}."]
    page = heat.press(page, f"Redo: Undone: {change}")
    assert shown(page)[:3] == [(f"Redone: {change}", "Undo"), (f"Undone: {change}", "Redone"), (words, "Undone")]
    assert messages(page) == ["Redid the last change to “Heat (1995)”."]
    assert remembered(db) == before


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ("film club", "the tag “film club”"),
        ("film club, DVD", "the tags “film club” and “DVD”"),
        ("a, b, c, d, e", "the tags “a”, “b”, “c” and 2 more"),
    ],
)
def test_page_says_which_tags_were_added_and_removed(heat, tags, words):
    for button in ("Add tags", "Remove tags"):
        heat.change_selected(f"{heat.list_path}watched", ["Heat"], button, tags=tags)
    assert shown(changes_page(heat))[:2] == [
        (f"Removed {words} from “Heat (1995)”", "Undo"),
        (f"Added {words} to “Heat (1995)”", CHANGED_LATER),
    ]


def test_page_shows_shortened_tags_without_their_hash(heat):
    heat.change_selected(f"{heat.list_path}watched", ["Heat"], "Add tags", tags="own it, " + "x" * 39 + ", DVD, VHS")
    shortened = "x" * 27
    assert shown(changes_page(heat))[0] == (f"Added the tags “own it” and “{shortened}…” to “Heat (1995)”", "Undo")


def test_page_names_no_undone_change_that_is_not_kept(heat, db):
    page = heat.press(changes_page(heat), "Undo: Edited “Heat (1995)”")
    assert shown(page)[0] == ("Undone: edited “Heat (1995)”", "Redo")
    db.execute(delete(Change).where(Change.outcome != "undone"))
    db.commit()
    assert shown(changes_page(heat)) == [("Undid the last change to “Heat (1995)”", "Redo")]


def test_page_says_that_movie_was_restored(heat):
    movie_path = heat.movie_path("Heat")
    heat.send(movie_path + "/remove")
    heat.send(movie_path + "/restore")
    assert shown(changes_page(heat))[0] == ("Restored “Heat (1995)”", "Undo")


def test_every_recorded_outcome_has_words_and_no_other(heat, db):
    """A new action fails this test until the page has words for it."""
    for verb, fields in VERBS:
        path = prepare(heat, db, verb)
        page = heat.send(path, **fields).follow()
        heat.press(heat.press(heat.press(page, "Undo"), "Redo"), "Undo")
    movie_path = heat.movie_path("Heat")
    heat.send(movie_path + "/remove")
    heat.send(movie_path + "/restore")
    outcomes = set(db.scalars(select(Change.outcome)).all())
    ratings = {outcome for outcome in outcomes if outcome.startswith("rated ")}
    assert ratings == {"rated 4½ ★", "rated 1 ★"}
    assert outcomes - ratings == set(WORDS) - {"facts filled in", "imported"}  # tested with these


def test_outcome_without_words_is_shown_as_it_is(heat, db):
    db.execute(update(Change).values(outcome="merged {} %s"))
    db.commit()
    assert shown(changes_page(heat))[0] == ("Merged {} %s: “Heat (1995)”", "Undo")


def test_page_offers_exactly_what_can_be_undone(alice, db):
    for title in ("Heat", "Ran", "Amélie"):
        alice.add(title)
    alice.change_selected(alice.list_path, ["Heat", "Ran", "Amélie"], "Mark as watched")
    alice.rate("Heat", "4")
    alice.rate("Heat", "2")
    alice.rate("Ran", "3")
    page = changes_page(alice)
    assert shown(page) == [
        ("Rated “Ran” 3 ★", "Undo"),
        ("Rated “Heat” 2 ★", "Undo"),
        ("Rated “Heat” 4 ★", CHANGED_LATER),
        ("Watched 3 movies", "Undo"),
    ]
    before = remembered(db)
    newest_first = db.scalars(select(Change.id).order_by(Change.id.desc())).all()
    stale = alice.send(f"{alice.list_path}changes/{newest_first[2]}/undo").follow()
    assert messages(stale, "info")
    assert remembered(db) == before
    for words in ("Watched 3 movies", "Rated “Heat” 2 ★", "Rated “Ran” 3 ★"):
        assert messages(alice.press(page, f"Undo: {words}"), "success")[0].startswith("Undone: ")
    assert [button for _, button in shown(changes_page(alice))] == [
        *["Redo"] * 3,
        *["Undone", "Undone", CHANGED_LATER],
        "Undone for 1 of 3 movies",
    ]


def test_page_names_the_first_movies_of_a_change(alice, db):
    fill(alice, db, 12)
    ids = [str(number) for number in db.scalars(select(Movie.id)).all()]
    alice.post(alice.list_path + "cross-off", {"csrf_token": alice.csrf_token(), "movie": ids}, status=303)
    page = changes_page(alice)
    named = [each.text for each in page.html.select(".changes details li")]
    assert named == [*(f"Movie {number}" for number in range(10)), "and 2 more"]
    assert shown(page) == [("Watched 12 movies", "Undo")]


def test_title_before_a_rename_links_to_the_movie(heat):
    heat.send(heat.movie_path("Heat") + "/edit", title="Cold", year="1996")
    page = changes_page(heat).click(r"Heat \(1995\)", index=0)
    assert page.html.h1.text == "Cold"


def test_removed_movie_has_a_link_until_it_expires(heat, db):
    movie_path = heat.movie_path("Heat")
    heat.send(movie_path + "/remove")
    page = changes_page(heat)
    assert shown(page)[0] == ("Removed “Heat (1995)”", "Undo")
    assert heat.get(page.html.select_one(".changes .title")["href"]).html.h1.text == "Heat"
    heat.send(movie_path + "/restore")
    db.execute(update(Movie).values(removed_at=utc_now() - REMOVED_RETENTION))  # as undoing a restore can make it
    db.commit()
    page = changes_page(heat)
    rows = shown(page)
    assert rows[0] == ("Restored “Heat (1995)”", DELETED_LATER)
    assert {button for _, button in rows} == {DELETED_LATER}
    assert not page.html.select(".changes a")
    change_id = db.scalars(select(Change.id).order_by(Change.id.desc())).first()
    page = heat.send(f"{heat.list_path}changes/{change_id}/undo", back=f"{heat.list_path}changes/").follow()
    assert messages(page, "info")[0].startswith("Nothing to undo")


def test_expired_changes_are_neither_shown_nor_undone(heat, db):
    change_id = db.scalars(select(Change.id).order_by(Change.id.desc())).first()
    db.execute(update(Change).values(created_at=utc_now() - CHANGE_RETENTION))
    db.commit()
    assert shown(changes_page(heat)) == []
    fields = {"title": "Heat", "year": "1995", "why": "Ann said so", "notes": "long\nbut good"}
    repeated = heat.send(heat.movie_path("Heat") + "/edit", **fields).follow()
    assert messages(repeated) == ["Saved “Heat (1995)”."]
    assert not repeated.html.find("button", string="Undo")
    heat.send(f"{heat.list_path}changes/{change_id}/undo", status=404)


def test_undo_returns_to_the_same_page_of_changes(heat, bob):
    bob.add("Ran")
    bob.cross_off("Ran")
    bob_sees = shown(changes_page(bob))
    movie_path, token = heat.movie_path("Heat"), heat.csrf_token()
    heat.add("Ran")
    heat.cross_off("Ran")
    for number in range(55):
        heat.post(f"{movie_path}/rate", {"csrf_token": token, "rating": str(1 + number % 2)}, status=303)
    first = changes_page(heat)
    assert len(shown(first)) == 50
    assert not first.html.select_one("[rel=prev]")
    second = heat.get(first.html.select_one("[rel=next]")["href"])
    assert [words for words, _ in shown(second)][-6:] == [
        "Rated “Heat (1995)” 1 ★",
        "Watched “Ran”",
        "Edited “Heat (1995)”",
        "Rated “Heat (1995)” 4½ ★",
        "Added a viewing of “Heat (1995)”",
        "Watched “Heat (1995)”",
    ]
    page = heat.press(second, "Undo: Watched “Ran”")
    assert ("Watched “Ran”", "Undone") in shown(page)
    assert page.request.path_qs == second.request.path_qs
    assert len(shown(heat.get(page.html.select_one("[rel=prev]")["href"]))) == 50
    assert shown(changes_page(bob)) == bob_sees


def test_page_without_changes_leads_back(alice):
    alice.add("Heat")
    page = changes_page(alice)
    assert page.html.select_one(".empty").text.split()[:3] == ["No", "changes", "yet."]
    assert titles(page.click("Back to my watchlist")) == ["Heat"]


@pytest.mark.parametrize("view", ["", "watched", "removed"])
def test_lists_link_to_the_changes(heat, view):
    page = heat.get(heat.list_path + view).click("Recent changes")
    assert len(shown(page)) == 4


def test_time_of_a_change_is_in_the_time_zone_of_the_site(heat, db, make_app):
    db.execute(update(Change).values(created_at=utc_now().replace(hour=12, minute=34)))
    db.commit()
    day = utc_now().date() + timedelta(days=1)
    there = heat.copy()
    there.app = make_app(time_zone="Pacific/Kiritimati")
    assert plain(changes_page(there).html.select_one(".when")) == f"{format_date(day.isoformat())}, 02:34"
