"""The watchlist: adding movies, validation and paging."""

from datetime import date, timedelta
from itertools import chain

import pytest
from sqlalchemy import func, select

from flicklist.dates import format_date
from flicklist.models import Movie, User, Viewing
from flicklist.text import quote
from tests.clients import Client, messages, titles


def test_empty_watchlist_invites_to_add(alice):
    page = alice.get(alice.list_path)
    suggested = [button["value"] for button in page.html.select(".empty button")]
    assert len(suggested) == 3
    for button in suggested:
        form = page.html.select_one(".empty form")
        token = form.find("input")["value"]
        alice.post(form["action"], {"csrf_token": token, "title": button}, status=303)
    rows = [
        " ".join(row.select_one(".movie").text.split())
        for row in alice.get(alice.list_path).html.select(".movies > li")
    ]
    assert [f"{row.rpartition(' ')[0]} ({row.rpartition(' ')[2]})" for row in rows] == suggested[::-1]


def test_added_movie_comes_first(alice):
    alice.add("Heat", "1995")
    page = alice.add("Amélie")
    assert titles(page) == ["Amélie", "Heat"]
    assert messages(page, "success") == ["Added “Amélie”."]
    assert page.html.select_one(".count").text == "2 to watch"
    assert "1995" in page.html.select(".movies > li")[1].text


@pytest.mark.parametrize(
    ("title", "year", "reason"),
    [
        ("", "", "Enter the title of the movie."),
        ("   ", "", "Enter the title of the movie."),
        ("\u200b\u3000", "", "Enter the title of the movie."),
        ("He\x1bat", "", "There are invisible characters in the title. Try typing instead of pasting."),
        ("Heat\u202e", "", "There are invisible characters in the title. Try typing instead of pasting."),
        ("x" * 201, "", "The title can have at most 200 characters."),
        ("🎬" * 201, "", "The title can have at most 200 characters."),
        ("Heat", "1873", "Enter a year from 1874 to 2100."),
        ("Heat", "2101", "Enter a year from 1874 to 2100."),
        ("Heat", "nineteen", "Enter a year from 1874 to 2100."),
        ("\u3164", "", "Enter the title of the movie."),
        ("Heat", "１８７３", "Enter a year from 1874 to 2100."),
        ("Heat", "9５", "Enter a year from 1874 to 2100."),
        ("Heat", "1995.0", "Enter a year from 1874 to 2100."),
        ("Heat", "-1995", "Enter a year from 1874 to 2100."),
        ("Heat", "9" * 5000, "Enter a year from 1874 to 2100."),
    ],
)
def test_invalid_title_or_year_is_refused_with_the_rule(alice, title, year, reason, db):
    page = alice.send(alice.list_path + "add", title=title, year=year, status=400)
    assert messages(page) == [reason]
    assert db.scalar(select(func.count()).select_from(Movie)) == 0


def test_refused_text_stays_in_form(alice):
    form = alice.send(alice.list_path + "add", title="Heat", year="95", status=400).forms["add"]
    assert form["title"].value == "Heat (95)"


@pytest.mark.parametrize(
    ("typed", "title", "year"),
    [
        ("Heat (1995)", "Heat", 1995),
        ("Heat(1995)", "Heat", 1995),
        ("Heat  (１９９５)", "Heat", 1995),
        ("(500) Days of Summer (2009)", "(500) Days of Summer", 2009),
        ("Birdman or (The Unexpected Virtue of Ignorance)", "Birdman or (The Unexpected Virtue of Ignorance)", None),
        ("1984 (1984)", "1984", 1984),
        ("Heat 1995", "Heat 1995", None),
        ("Heat (1700)", "Heat (1700)", None),
        ("(1995)", "(1995)", None),
    ],
)
def test_year_can_stand_behind_the_title_in_parentheses(alice, typed, title, year, db):
    alice.add(typed)
    assert db.execute(select(Movie.title, Movie.year)).one() == (title, year)


def test_year_is_not_part_of_the_title_if_it_is_typed_twice(alice, db):
    alice.send(alice.list_path + "add", title="Heat (1995)", year="1995")
    form = alice.get(f"{alice.movie_path('Heat')}/edit").forms["edit"]
    form["title"], form["year"] = "Heat (1996)", "1996"
    form.submit(status=303)
    assert db.execute(select(Movie.title, Movie.year)).one() == ("Heat", 1996)


def test_movie_in_parentheses_keeps_them_if_the_year_is_sent_apart(alice, db):
    alice.send(alice.list_path + "add", title="Class of (1999)", year="1990")
    assert db.execute(select(Movie.title, Movie.year)).one() == ("Class of (1999)", 1990)


def test_adding_can_be_undone(alice):
    page = alice.press(alice.add("Heat", "1995"), "Undo")
    assert messages(page) == ["Removed “Heat (1995)”."]
    assert titles(page) == []


def test_movie_can_be_added_on_the_watched_list(alice):
    alice.add("Heat")
    alice.cross_off("Heat")
    form = alice.get(alice.list_path + "watched").forms["add"]
    form["title"] = "Ran"
    page = form.submit(status=303).follow()
    assert messages(page) == ["Added “Ran” to your watchlist."]
    assert page.request.path == alice.list_path + "watched"
    form = page.forms["add"]
    form["title"] = "\u200b"
    page = form.submit(status=400)
    assert page.html.h1.text == "Watched"
    assert "why" not in page.forms["add"].fields  # a watched movie needs no reason to watch it
    assert titles(page) == ["Heat"]
    assert page.forms["add"]["back"].value == alice.list_path + "watched"


# Selecting


@pytest.mark.parametrize("view", ["", "watched"])
def test_checkboxes_appear_only_while_movies_are_selected(alice, view):
    for title in ("Heat", "Ran"):
        alice.add(title)
        if view:
            alice.cross_off(title)
    path = alice.list_path + view
    page = alice.get(path, {"sort": "title"})
    assert not page.html.select("[type=checkbox], #selection")
    page = page.click("Select")
    assert len(page.html.select("[name=movie]")) == 2
    assert not page.html.select("[checked], .cross-off, .rating")
    page = page.click("Select all")
    assert len(page.html.select("[name=movie][checked]")) == 2
    assert page.forms["selection"]["back"].value == f"{path}?sort=title"
    page = page.click("Done")
    assert page.request.path_qs == f"{path}?sort=title"


def test_refused_action_keeps_the_selection(alice):
    for title in ("Heat", "Ran", "Alien"):
        alice.add(title)
    page = alice.change_selected(alice.list_path, ["Heat", "Alien"], "Add tags", tags="")
    assert messages(page, "error")
    checked = [box["aria-label"] for box in page.html.select("[name=movie][checked]")]
    assert checked == ["Select Alien", "Select Heat"]
    page = alice.change_selected(f"{alice.list_path}?sort=title", [], "Add tags", tags="own it")
    assert messages(page, "error") == ["Select at least one movie."]
    assert len(page.html.select("[name=movie]:not([checked])")) == 3
    assert page.forms["selection"]["back"].value == f"{alice.list_path}?sort=title"


def test_selecting_stays_on_its_page(alice, db):
    fill(alice, db, 120)
    second = alice.get(alice.get(alice.list_path).html.select_one("[rel=next]")["href"])
    assert titles(second.click("Select")) == titles(second)


# The message about a movie that was crossed off


def test_movie_is_rated_and_dated_in_the_message(alice, db):
    alice.add("Heat", "1995")
    page = alice.cross_off("Heat")
    rating, date_form, other_day = page.html.select(".new-viewing form")
    yesterday = date.today() - timedelta(days=1)  # noqa: DTZ011 - the site's time zone is that of the tests

    def send(form, **typed):
        fields = {field["name"]: field.get("value", "") for field in form.find_all("input")}
        return alice.post(form["action"], {**fields, **typed}, status=303).follow()

    page = send(rating, rating="4.5")
    assert messages(page) == ["You rated “Heat (1995)” 4½ ★."]
    assert page.html.select_one(".new-viewing option[selected]")["value"] == "4.5"
    page = send(date_form, watched_on="yesterday")
    assert messages(page) == [f"Watched “Heat (1995)” on {format_date(yesterday.isoformat())}."]
    page = send(other_day, watched_on="2009-07")
    assert messages(page) == ["Watched “Heat (1995)” in July 2009."]
    page = send(other_day, watched_on="soon")
    assert messages(page) == ["Watched “Heat (1995)” in July 2009."]
    assert page.html.select_one(".new-viewing .problem").text == "Enter a date like 14 Jul 2009, July 2009 or 2009."
    assert page.html.find("button", string="Undo")
    assert db.scalars(select(Viewing.watched_on)).one() == "2009-07"
    page = send(other_day, watched_on="")
    assert messages(page) == ["Watched “Heat (1995)”, on an unknown date."]
    page = alice.press(page, "Undo")
    assert db.scalars(select(Viewing.watched_on)).one() == "2009-07"
    assert db.scalars(select(Movie.rating)).one() == 9


def test_changing_the_date_keeps_the_note(alice, db):
    alice.add("Heat")
    alice.cross_off("Heat")
    viewing = db.scalars(select(Viewing)).one()
    path = f"{alice.movie_path('Heat')}/viewings/{viewing.id}/"
    alice.send(path + "edit", watched_on="2009", note="with Ann")
    alice.send(path + "change-date", watched_on="2010")
    db.refresh(viewing)
    assert (viewing.watched_on, viewing.note) == ("2010", "with Ann")


def test_long_title_is_shortened_in_messages_but_not_its_year(alice):
    page = alice.add("The Assassination of Jesse James by the Coward Robert Ford", "2007")
    assert messages(page) == ["Added “The Assassination of Jesse James by the… (2007)”."]


@pytest.mark.parametrize("year", ["１９９５", "١٩٩٥", "19９５"])
def test_year_can_have_digits_of_any_script(alice, year, db):
    page = alice.add("Heat", year)
    assert messages(page) == ["Added “Heat (1995)”."]
    assert db.scalars(select(Movie.year)).one() == 1995


def test_joined_emoji_stay_as_typed(alice, db):
    assert titles(alice.add("👨‍👩‍👧")) == ["👨‍👩‍👧"]
    assert db.scalars(select(Movie.title)).one() == "👨\u200d👩\u200d👧"


def test_longest_title_is_accepted(alice):
    assert titles(alice.add("🎬" * 200)) == ["🎬" * 200]


@pytest.mark.parametrize(
    "twin", ["Heat", "HEAT", " heat ", "He\u200bat", "\ufeffHeat", "He\u00adat", "Heat\u200e", "H\u2060e\u034fat"]
)
def test_same_title_in_any_letter_case_is_listed_once(alice, twin):
    alice.add("Heat", "1995")
    page = alice.add(twin, "1995")
    assert messages(page) == ["“Heat (1995)” is already on your watchlist."]
    assert titles(page) == ["Heat"]


@pytest.mark.parametrize(
    ("title", "twin"),
    [
        ("Schindler's List", "Schindler’s List"),
        ("Schindler's List", "Schindler´s List"),
        ("Schindler's List", "Schindlerʼs List"),
        ("Schindler’s List", "Schindler`s List"),
        ('"Heat"', "„Heat“"),
        ("«Heat»", "“Heat”"),
        ("Spider-Man", "Spider\u2011Man"),
        ("Alien - Heat", "Alien – Heat"),
        ("Alien — Heat", "Alien − Heat"),
    ],
)
def test_style_of_quotes_and_dashes_does_not_matter(alice, title, twin):
    alice.add(title)
    page = alice.add(twin)
    assert messages(page) == [f"“{title}” is already on your watchlist."]
    assert titles(page) == [title]


def test_title_is_kept_as_typed(alice):
    assert titles(alice.add("Schindler’s\u00adList –")) == ["Schindler’s\u00adList –"]


@pytest.mark.parametrize(
    ("title", "twin"),
    [
        ("Amélie", "amelie"),
        ("amelie", "Amélie"),
        ("À bout de souffle", "A bout de souffle"),
        ("A bout de souffle", "À bout de souffle"),
        ("Alien³", "Alien3"),
        ("The Élite", "The Elite"),
    ],
)
def test_movie_whose_title_differs_only_in_accents_is_added_and_the_other_is_named(alice, title, twin):
    alice.add(title, "2001")
    page = alice.add(twin, "2001")
    assert messages(page) == [f"Added “{twin} (2001)”. You also have “{title} (2001)”."]
    assert len(titles(page)) == 2


def test_added_movie_is_compared_with_watched_movies_too_and_not_with_removed_ones(alice):
    alice.add("Amélie")
    alice.cross_off("Amélie")
    assert messages(alice.add("Amelie")) == ["Added “Amelie”. You also have “Amélie”."]
    alice.send(alice.movie_path("Amelie") + "/remove")
    assert messages(alice.add("Amèlie")) == ["Added “Amèlie”. You also have “Amélie”."]


def test_movie_of_another_person_is_not_named(alice, bob):
    bob.add("Amélie")
    assert messages(alice.add("Amelie")) == ["Added “Amelie”."]


@pytest.mark.parametrize(
    ("title", "twin"), [("Amélie", "AME\u0301LIE"), ("Straße", "STRASSE"), ("The  Sting", "the sting")]
)
def test_unicode_form_of_title_does_not_matter(alice, title, twin):
    alice.add(title)
    assert len(titles(alice.add(twin))) == 1


def test_remake_is_another_movie(alice):
    alice.add("Heat", "1986")
    assert messages(alice.add("Heat")) == ["Added “Heat”. You also have “Heat (1986)”."]
    page = alice.add("Heat", "1995")
    assert messages(page) == ["Added “Heat (1995)”. You also have “Heat” and 1 more movie with this title."]
    assert len(titles(page)) == 3


def test_watched_movie_is_not_added_again_but_can_be_moved(alice):
    alice.add("Heat")
    alice.cross_off("Heat")
    alice.rate("Heat", "4")
    page = alice.add("heat")
    assert messages(page) == ["“Heat” is on your watched list, so it wasn’t added again."]
    assert titles(page) == []
    page = alice.press(page, "Move to watchlist")
    assert messages(page) == ["Moved “Heat” to your watchlist and removed its rating. Its viewings were kept."]
    assert titles(page) == ["Heat"]
    assert titles(alice.press(page, "Undo")) == []


@pytest.mark.parametrize(
    "title",
    [
        "Gigli",
        "gigli",
        "  Nine  Lives ",
        "Gi\u200bgli",
        "\ufeffNine Lives",
        "Star Wars: Episode II – Attack of the Clones",
        "Star Wars: Episode II - Attack of the Clones",
    ],
)
def test_terrible_movie_is_refused(alice, title):
    page = alice.add(title)
    why = "This site refuses a few terrible movies, and this is one of them."
    assert messages(page) == [f"Trust me, you don’t want {quote(title.strip())} on your watchlist. {why}"]
    assert titles(page) == []


@pytest.mark.parametrize(("view", "name"), [("", "Watchlist"), ("watched", "Watched")])
def test_list_stays_marked_in_the_navigation_after_a_refused_title(alice, view, name):
    page = alice.send(alice.list_path + "add", title="", back=alice.list_path + view, status=400)
    assert page.html.select_one(".places [aria-current]").text == name


def test_message_about_a_listed_movie_links_to_it(alice):
    alice.add("Heat")
    page = alice.add("heat").click("Show it")
    assert page.html.h1.text == "Heat"


def test_terrible_movies_are_a_setting(make_app):
    person = Client(make_app(terrible_movies="Heat\nCats"))
    person.register("alice@example.com")
    assert titles(person.add("cats")) == []
    assert titles(person.add("Gigli")) == ["Gigli"]
    nobody = Client(make_app(terrible_movies=""))
    nobody.log_in("alice@example.com")
    nobody.list_path = person.list_path
    assert len(titles(nobody.add("Cats"))) == 2


def test_number_of_movies_per_person_is_limited(make_app, alice, bob):
    site = make_app(max_movies="2")
    alice.app = bob.app = site
    alice.add("Heat")
    alice.add("Ran")
    (said,) = messages(alice.add("Amélie"), "error")
    assert said.startswith(
        "You can have at most 2 movies, and you’ve reached that limit. A removed movie counts towards it for 30 days."
    )
    assert alice.watchlist() == ["Ran", "Heat"]
    bob.add("Amélie")


def test_two_people_can_have_the_same_movie(alice, bob):
    alice.add("Heat")
    assert titles(bob.add("Heat")) == ["Heat"]


def test_title_is_shown_as_text_and_not_markup(alice):
    hostile = '"><script>alert(1)</script>'
    page = alice.add(hostile)
    assert titles(page) == [hostile]
    assert "<script>" not in page.text


def test_unknown_form_fields_are_ignored(alice, bob, db):
    ids = dict(db.execute(select(User.email, User.id)).all())
    fields = {"owner_id": ids[bob.email], "id": "77", "watched_at": "2020-01-01", "rating": "10"}
    alice.send(alice.list_path + "add", title="Heat", **fields)
    movie = db.scalars(select(Movie)).one()
    assert (movie.owner_id, movie.watched_at, movie.rating) == (ids[alice.email], None, None)
    assert movie.id != 77
    assert bob.watchlist() == []


def test_paged_list_shows_every_movie_once(alice, db):
    fill(alice, db, 120)
    page = alice.get(alice.list_path)
    assert page.html.select_one(".count").text == "120 to watch"
    seen = titles(page)
    assert len(seen) == 50
    pages = [seen]
    while (link := page.html.select_one(".pager [rel=next]")) is not None:
        page = alice.get(link["href"])
        pages.append(titles(page))
    assert [len(each) for each in pages] == [50, 50, 20]
    assert list(chain(*pages)) == [f"Movie {number}" for number in reversed(range(120))]
    page = alice.get(page.html.select_one(".pager [rel=prev]")["href"])
    assert titles(page) == pages[1]
    page = alice.get(page.html.select_one(".pager [rel=prev]")["href"])
    assert titles(page) == pages[0]


def test_crossing_off_on_a_later_page_stays_there(alice, db):
    fill(alice, db, 60)
    second = alice.get(alice.get(alice.list_path).html.select_one(".pager [rel=next]")["href"])
    page = alice.press(second, "I watched it! Movie 3")
    assert page.request.path_qs == second.request.path_qs
    assert titles(page) == [title for title in titles(second) if title != "Movie 3"]


@pytest.mark.parametrize("cursor", ["x", "1", "1-", "-1", "1-0", "9" * 18 + "-1", "1-" + "9" * 30, "١-١", "1-1;", ""])
def test_invalid_cursor_shows_first_page(alice, cursor):
    alice.add("Heat")
    for name in ("after", "before"):
        assert titles(alice.get(alice.list_path, {name: cursor})) == ["Heat"]


def test_count_of_long_list_is_capped(alice, db):
    fill(alice, db, 1001)
    assert alice.get(alice.list_path).html.select_one(".count").text == "more than 1,000 to watch"


def fill(person, db, number):
    """Add movies to a person's list, all with the same time."""
    person.add("The first")
    first = db.scalars(select(Movie).order_by(Movie.id.desc())).first()
    owner_id, moment = first.owner_id, first.added_at
    db.delete(first)
    db.flush()
    db.add_all([Movie(title=f"Movie {each}", owner_id=owner_id, added_at=moment) for each in range(number)])
    db.commit()
