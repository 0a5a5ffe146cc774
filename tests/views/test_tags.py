"""Tags: editing, links, filters, and tagging selected movies."""

import random

import pytest
from sqlalchemy import select

from flicklist.models import Change, Movie
from flicklist.models.change import MAX_OUTCOME_LENGTH
from flicklist.models.movie import MAX_TAG_LENGTH, MAX_TAGS
from flicklist.text import first_sentence
from tests.clients import PASSWORD, messages, titles
from tests.exports import read_export
from tests.views.test_changes import remembered

TOO_MANY = ", ".join(f"tag {number}" for number in range(MAX_TAGS + 1))


def edit(person, title, tags, status=303):
    form = person.get(person.movie_path(title) + "/edit").forms["edit"]
    form["tags"] = tags
    return form.submit(status=status)


def change_tags(person, selected, label, tags, view=""):
    return person.change_selected(person.list_path + view, selected, label, tags=tags)


def tags_of(db, title):
    db.rollback()
    return db.scalars(select(Movie.tags).where(Movie.title == title)).one()


@pytest.fixture
def shelf(alice):
    """Alice, with three movies to watch and one watched movie. Two of them have tags."""
    for title in ("Heat", "Ran", "Amélie", "Stalker"):
        alice.add(title)
    alice.cross_off("Stalker")
    edit(alice, "Heat", "own it, with Mum")
    edit(alice, "Stalker", "Own It")
    alice.get(alice.list_path)
    return alice


# Editing


def test_tags_are_edited_as_a_list_with_commas(shelf, db):
    page = edit(shelf, "Ran", " own   it ,Netflix,, netflix ,").follow()
    assert messages(page, "success") == ["Saved “Ran”."]
    assert [link.text for link in page.html.select(".tags a")] == ["own it", "Netflix"]
    assert page.click("^Edit$").forms["edit"]["tags"].value == "own it, Netflix"
    movie = db.scalars(select(Movie).where(Movie.title == "Ran")).one()
    assert (movie.tags, movie.tag_keys) == ("own it, Netflix", ",own it,netflix,")
    edit(shelf, "Ran", "")
    assert tags_of(db, "Ran") == ""


def test_longest_tags_are_kept(shelf, db):
    """PostgreSQL compresses texts in an index, so a repeated letter would not show that they are too long for one."""
    letters = iter(random.Random(42).sample(range(0x20000, 0x2A000), MAX_TAGS * MAX_TAG_LENGTH))  # four bytes each
    tags = ", ".join("".join(chr(next(letters)) for _ in range(MAX_TAG_LENGTH)) for _ in range(MAX_TAGS))
    edit(shelf, "Ran", tags)
    assert tags_of(db, "Ran") == tags


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        (TOO_MANY, "A movie can have at most 20 tags."),
        ("own it, " + "x" * 41, "A tag can have at most 40 characters."),
        ("own\nit", "There are invisible characters in the tags. Try typing instead of pasting."),
        ("own\u202eit", "There are invisible characters in the tags. Try typing instead of pasting."),
    ],
)
def test_refused_tags_stay_in_the_form(shelf, db, tags, problem):
    page = shelf.send(shelf.movie_path("Heat") + "/edit", status=400, title="Heat", tags=tags)
    sentence = first_sentence(problem)
    assert messages(page, "error") == [sentence if "tags" in sentence else f"Tags: {sentence}"]
    assert page.html.select_one("#tags-problem").text == problem
    assert page.html.select_one("#edit [name=tags]")["value"] == tags
    assert tags_of(db, "Heat") == "own it, with Mum"


def test_tags_up_to_the_limits_are_kept(shelf, db):
    tags = ", ".join(f"{number:02}{'é' * 38}" for number in range(MAX_TAGS))
    edit(shelf, "Heat", tags + f", {tags}")
    assert tags_of(db, "Heat") == tags


def test_tags_saved_in_another_window_are_shown(shelf, db):
    old = shelf.get(shelf.movie_path("Ran") + "/edit").forms["edit"]
    change_tags(shelf, ["Ran"], "Add tags", "Netflix")
    old["tags"] = "own it"
    page = old.submit(status=409)
    assert "Netflix" in page.html.select_one(".meanwhile").text
    assert page.forms["edit"]["tags"].value == "own it"
    page.forms["edit"].submit(status=303)
    assert tags_of(db, "Ran") == "own it"


def test_search_finds_words_of_tags(shelf):
    assert titles(shelf.get(shelf.list_path, {"q": "mum"})) == ["Heat"]


# Links and filters


@pytest.mark.parametrize(("title", "view", "tag"), [("Heat", "", "own it"), ("Stalker", "watched", "Own It")])
def test_tags_link_to_the_filtered_list_of_the_movie(shelf, title, view, tag):
    for path in (shelf.list_path + view, shelf.movie_path(title) + "/"):
        link = shelf.get(path).html.select_one(".tags a")
        assert (link.text, link["href"]) == (tag, f"{shelf.list_path}{view}?tag={tag.replace(' ', '+')}")
        page = shelf.get(link["href"])
        assert titles(page) == [title]
        assert page.html.select_one(".count").text == "1 found"
        form = page.html.select_one("form#search")
        assert form.select_one("[name=tag]")["value"] == tag
        assert form.select_one(".chip").text == tag


def test_removed_movie_shows_its_tags_without_links(shelf):
    path = shelf.movie_path("Heat")
    shelf.send(path + "/remove")
    page = shelf.get(path + "/")
    assert "Tags: own it, with Mum" in page.html.main.text
    assert not page.html.select(".tags a")


def test_special_characters_in_tags_are_escaped(shelf):
    tag = "<b>&“R+%_\\#?"
    edit(shelf, "Ran", tag)
    page = shelf.get(shelf.list_path)
    link = next(link for link in page.html.select(".tags a") if link.text == tag)
    assert titles(shelf.get(link["href"])) == ["Ran"]


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("own it", ["Heat"]),
        ("  OWN   IT, ", ["Heat"]),
        ("own", []),
        ("with%", []),
        ("own_it", []),
        ("with Mum", ["Heat"]),
        ("", ["Amélie", "Ran", "Heat"]),
    ],
)
def test_filter_compares_whole_tags(shelf, tag, expected):
    assert titles(shelf.get(shelf.list_path, {"tag": tag})) == expected


def test_filter_is_combined_with_search_and_kept_by_link_to_other_list(shelf):
    assert titles(shelf.get(shelf.list_path, {"tag": "own it", "q": "ran"})) == []
    page = shelf.get(shelf.list_path, {"tag": "own it", "q": "stalker"})
    assert "Your watched list has 1 match." in page.html.main.text
    page = page.click("Show it")
    assert titles(page) == ["Stalker"]
    assert page.html.select_one("form#search [name=tag]")["value"] == "own it"


def test_page_links_keep_the_tag(alice, db):
    alice.add("Heat")
    owner_id = db.scalars(select(Movie.owner_id)).one()
    movies = [Movie(title=f"Movie {number}", owner_id=owner_id, tags="own it, DVD") for number in range(60)]
    db.add_all(movies)
    db.commit()
    page = alice.get(alice.list_path, {"tag": "dvd"})
    assert page.html.select_one(".count").text == "60 found"
    second = alice.get(page.html.select_one("[rel=next]")["href"])
    assert len(titles(second)) == 10
    assert second.html.select_one("form#search [name=tag]")["value"] == "dvd"


@pytest.mark.parametrize(
    ("tag", "problem"),
    [
        ("x" * 41, "The tag can have at most 40 characters."),
        ("bell\a", "There are invisible characters in the tag. Try typing instead of pasting."),
        ("own it, with Mum", "Enter one tag, without commas."),
        ("\u200b", "Enter one tag, without commas."),
    ],
)
@pytest.mark.parametrize("view", ["", "watched"])
def test_invalid_tag_is_reported_and_ignored(shelf, view, tag, problem):
    page = shelf.get(shelf.list_path + view, {"tag": tag})
    assert messages(page, "error") == [f"The filter “Tag” was not used. {first_sentence(problem)}"]
    assert page.html.select_one("#tag-problem").text == problem
    assert len(titles(page)) == (1 if view else 3)
    assert page.html.select_one("form#search [name=tag]")["value"] == tag


# Selected movies


def test_selected_movies_are_tagged_and_untagged_with_undo_and_redo(shelf, db):
    before = remembered(db)
    page = change_tags(shelf, ["Heat", "Ran", "Amélie"], "Add tags", "Netflix")
    assert messages(page, "success") == ["Added the tag “Netflix” to 3 movies."]
    assert tags_of(db, "Heat") == "own it, with Mum, Netflix"
    assert titles(shelf.get(shelf.list_path, {"tag": "netflix"})) == ["Amélie", "Ran", "Heat"]
    after = remembered(db)
    page = shelf.press(page, "Undo")
    assert messages(page, "success") == ["Undone: added the tag “Netflix” to 3 movies."]
    assert remembered(db) == before
    page = shelf.press(page, "Redo")
    assert messages(page, "success") == ["Redid the last change to 3 movies."]
    assert remembered(db) == after
    page = change_tags(shelf, ["Heat"], "Remove tags", "NETFLIX, with  mum")
    assert messages(page, "success") == ["Removed the tags “NETFLIX” and “with mum” from “Heat”."]
    assert tags_of(db, "Heat") == "own it"
    shelf.press(page, "Undo")
    assert remembered(db) == after


def test_watched_movies_are_tagged(shelf, db):
    page = change_tags(shelf, ["Stalker"], "Add tags", "own it, DVD", view="watched")
    assert messages(page, "success") == ["Added the tags “own it” and “DVD” to “Stalker”."]
    assert page.request.path == shelf.list_path + "watched"
    assert tags_of(db, "Stalker") == "Own It, DVD"


@pytest.mark.parametrize(("label", "tags"), [("Add tags", "own it, DVD"), ("Remove tags", "own it")])
@pytest.mark.parametrize("selected", [["Heat"], ["Heat", "Ran", "Amélie"]])
def test_second_submit_changes_nothing_and_offers_undo_of_first(shelf, db, selected, label, tags):
    """Even if the first one changed only some of the selected movies."""
    before, second = remembered(db), shelf.copy()
    page = change_tags(shelf, selected, label, tags)
    after = remembered(db)
    again = change_tags(second, selected, label, tags)
    assert remembered(db) == after != before
    assert messages(again) == messages(page)
    second.press(again, "Undo")
    assert remembered(db) == before


@pytest.mark.parametrize("length", [8, 40])
def test_second_submit_with_other_tags_offers_no_undo(shelf, db, length):
    tags = [f"{number:02}{'x' * (length - 2)}" for number in range(5)]
    change_tags(shelf, ["Ran"], "Add tags", ", ".join(tags))
    page = change_tags(shelf, ["Ran"], "Add tags", ", ".join(tags[:-1]))
    assert messages(page, "success") == []
    assert not page.html.find("button", string="Undo")
    assert all(len(outcome) <= MAX_OUTCOME_LENGTH for outcome in db.scalars(select(Change.outcome)))


@pytest.mark.parametrize(
    ("selected", "label", "tags", "said"),
    [
        (["Heat"], "Add tags", "OWN IT", "Nothing changed: “Heat” already had the tag “OWN IT”."),
        (["Ran"], "Remove tags", "own it", "Nothing changed: “Ran” didn’t have the tag “own it”."),
        (["Ran", "Amélie"], "Remove tags", "a, b", "Nothing changed: 2 movies didn’t have the tags “a” and “b”."),
    ],
)
def test_action_without_effect_says_so(shelf, db, selected, label, tags, said):
    before = remembered(db)
    page = change_tags(shelf, selected, label, tags)
    assert messages(page) == [said]
    assert not page.html.find("button", string="Undo")
    assert remembered(db) == before


def test_too_many_tags_on_one_movie_change_no_movie(shelf, db):
    edit(shelf, "Heat", ", ".join(f"tag {number}" for number in range(MAX_TAGS - 1)))
    before = remembered(db)
    page = change_tags(shelf, ["Heat", "Ran"], "Add tags", "a, b, tag 1")
    assert messages(page) == ["A movie can have at most 20 tags. “Heat” would have 21."]
    assert remembered(db) == before
    change_tags(shelf, ["Heat", "Ran"], "Add tags", "a, tag 1")
    assert tags_of(db, "Heat").endswith("tag 18, a")
    assert tags_of(db, "Ran") == "a, tag 1"


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ("", "Enter a tag, such as “own it”."),
        (" ,\u200b,", "Enter a tag, such as “own it”."),
        (TOO_MANY, "A movie can have at most 20 tags."),
        ("x" * 41, "A tag can have at most 40 characters."),
        ("bell\a", "There are invisible characters in the tags. Try typing instead of pasting."),
    ],
)
@pytest.mark.parametrize("label", ["Add tags", "Remove tags"])
def test_empty_or_invalid_tags_are_refused(shelf, db, label, tags, problem):
    before = remembered(db)
    page = change_tags(shelf, ["Heat"], label, tags)
    assert messages(page) == [problem]
    assert remembered(db) == before


@pytest.mark.parametrize("view", ["", "watched"])
def test_refused_tags_are_shown_if_the_movies_have_left_the_page(shelf, view):
    path = f"{shelf.list_path}{view}?tag=nothing+like+it"
    (movie_id,) = shelf.movie_path("Heat").split("/")[3:4]
    fields = {"movie": movie_id, "tags": "x" * 41, "back": path}
    page = shelf.send(shelf.list_path + "tag", **fields).follow()
    assert messages(page) == ["A tag can have at most 40 characters."]
    assert titles(page) == []
    assert page.html.select_one("main textarea").text.strip() == "x" * 41


def test_tagging_returns_to_the_same_page(shelf):
    page = shelf.change_selected(shelf.list_path + "?tag=own+it", ["Heat"], "Add tags", tags="DVD")
    assert page.request.path_qs == shelf.list_path + "?tag=own+it"


# Completion


def test_tags_are_completed_as_json(shelf, statements):
    change_tags(shelf, ["Ran", "Amélie"], "Add tags", "own it")
    statements.clear()
    response = shelf.get(shelf.list_path + "tags", {"q": "O"})
    assert (response.content_type, response.json) == ("application/json", ["own it"])
    assert "Set-Cookie" not in response.headers
    assert len(statements) == 2, statements
    assert shelf.get(shelf.list_path + "tags", {"q": "mum"}).json == ["with Mum"]


def test_tags_of_others_are_not_completed(shelf, bob):
    assert bob.get(bob.list_path + "tags", {"q": "own"}).json == []
    bob.get(shelf.list_path + "tags", {"q": "own"}, status=404)


def test_form_of_tag_field_has_path_of_list(shelf):
    for path in (shelf.list_path, shelf.list_path + "watched"):
        page = shelf.get(path, {"select": "some"})
        fields = page.html.select("#search [name=tag], #selection [name=tags]")
        assert [field.find_parent("form")["data-list"] for field in fields] == [shelf.list_path] * 2
        assert all("data-complete" in field.attrs for field in fields)
    field = shelf.get(shelf.movie_path("Heat") + "/edit").html.select_one("#edit [name=tags]")
    assert field.find_parent("form")["data-list"] == shelf.list_path


# Everywhere else


def test_export_contains_tags(shelf):
    form = shelf.get("/account/").forms["export"]
    form["current_password"] = PASSWORD
    movies = read_export(form.submit(status=200).body).data["movies"]
    exported = {movie["title"]: movie["tags"] for movie in movies}
    assert exported == {"Heat": ["own it", "with Mum"], "Ran": [], "Amélie": [], "Stalker": ["Own It"]}


def test_undo_of_an_edit_restores_tags(shelf, db):
    page = edit(shelf, "Heat", "Netflix").follow()
    shelf.press(page, "Undo")
    assert tags_of(db, "Heat") == "own it, with Mum"
    assert titles(shelf.get(shelf.list_path, {"tag": "own it"})) == ["Heat"]


def test_removed_movie_keeps_its_tags(shelf, db):
    shelf.send(shelf.movie_path("Heat") + "/remove")
    shelf.get(shelf.list_path)
    assert titles(shelf.get(shelf.list_path, {"tag": "with Mum"})) == []
    assert shelf.get(shelf.list_path + "tags", {"q": "with"}).json == []
    shelf.press(shelf.list_path + "removed", "Restore Heat")
    assert tags_of(db, "Heat") == "own it, with Mum"
    assert titles(shelf.get(shelf.list_path, {"tag": "with Mum"})) == ["Heat"]
    assert shelf.get(shelf.list_path + "tags", {"q": "with"}).json == ["with Mum"]
