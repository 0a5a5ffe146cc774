"""CSV files of IMDb."""

from datetime import UTC, datetime

import pytest

from flicklist.services.imports.formats.imdb import WHICH_LIST
from flicklist.services.imports.list_only import ADD, NAME
from flicklist.services.imports.rows import Status
from tests.services.imports.files import (
    MADE,
    SAMPLES,
    assert_storable,
    counts,
    movie,
    read,
    read_bytes,
    refused,
    undecided,
    usable,
)

LIST = "Position,Const,Created,Modified,Description,Title,Title Type,Year,Your Rating\n"


@pytest.mark.parametrize(
    ("path", "expected", "number_refused"),
    [
        (SAMPLES / "imdb-ratings.csv", (5, 0, 0, 5, 5), 1),
        (MADE / "imdb" / "v1-watchlist.csv", (1, 0, 0, 1, 1), 1),
        (MADE / "imdb" / "v2-ratings.csv", (1, 0, 0, 1, 1), 0),
        (MADE / "imdb" / "v2-watchlist-cp1252.csv", (1, 1, 0, 0, 0), 1),
        (MADE / "imdb" / "v3-watchlist.csv", (4, 3, 0, 1, 1), 2),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_samples(path, expected, number_refused):
    parsed = read(path)
    assert (counts(parsed), len(refused(parsed)), undecided(parsed)) == (expected, number_refused, [])
    assert_storable(parsed)


def test_rated_movie_on_the_watchlist_is_tagged():
    row = usable(read(MADE / "imdb" / "v1-watchlist.csv"))[0]
    assert (row.status, row.rating, row.tags) == (Status.WATCHED, 9, ("rewatch",))
    assert row.added_at == datetime(2014, 11, 7, 9, 7, 24, tzinfo=UTC)


def test_unreadable_date_is_reported(tmp_path):
    header = "Const,Your Rating,Date Rated,Title,Title Type\n"
    rows = "tt0113277,9,someday,Heat,Movie\ntt0089881,9,2021-05-05,Ran,Movie\n"
    heat, ran = read_bytes(tmp_path, header + rows).rows
    assert (heat.remark, ran.remark) == ("The date “someday” can’t be read, so it was left out.", "")


def test_titles_in_windows_1252():
    parsed = read(MADE / "imdb" / "v2-watchlist-cp1252.csv")
    assert usable(parsed)[0].title == "Amélie"
    assert "Windows-1252" in parsed.notices[0]


def test_newest_watchlist():
    parsed = read(MADE / "imdb" / "v3-watchlist.csv")
    ids = [row.facts.imdb_id for row in usable(parsed)]
    assert ids == ["tt0113277", "tt0211915", "tt0211915", "tt16968450", "tt9999991"]
    assert (movie(parsed, "Announced Film").year, usable(parsed)[0].why) == (None, "lent by a neighbour")
    assert usable(parsed)[1].facts.original_title == "Le fabuleux destin d'Amélie Poulain"


def test_movies_of_one_title_with_different_ids_are_two():
    parsed = read(SAMPLES / "imdb-ratings.csv")
    assert [row.year for row in usable(parsed) if row.title == "Dune"] == [1984, 2021]


def test_list_with_another_name_asks_whether_it_is_the_watchlist(tmp_path):
    text = f"{LIST}1,tt0113277,2024-07-09,,,Heat,Movie,1995,9\n2,tt0089881,09-07-24,,,Ran,Movie,1985,\n"
    parsed = read_bytes(tmp_path, text, "Crime, mostly.csv")
    assert ([question.name for question in parsed.questions], parsed.rows) == ([WHICH_LIST], ())
    heat, ran = read_bytes(tmp_path, text, "Crime.csv", {WHICH_LIST: "watchlist"}).rows
    assert (heat.status, ran.status, ran.added_at) == ("watched", "watchlist", datetime(2024, 7, 9, tzinfo=UTC))
    tagged = read_bytes(tmp_path, text, "Crime, mostly.csv", {WHICH_LIST: "tag"})
    assert [(row.status, row.tags) for row in tagged.rows] == [
        *(("watched", ("Crime mostly",)), (None, ("Crime mostly",))),
    ]
    assert [question.name for question in tagged.questions] == [NAME]
    assert read_bytes(tmp_path, text, "Crime.csv", {WHICH_LIST: "tag", NAME: ADD}).rows[1].status == "watchlist"


@pytest.mark.parametrize(
    ("title_type", "reason"),
    [
        ("TV Mini Series", "This is a series."),
        ("tvEpisode", "This is an episode of a series."),
        ("Video Game", "This is a game."),
        ("Podcast Series", "This is a podcast."),
        ("Hologram", "This is not a movie, but “Hologram”."),
    ],
)
def test_other_types_are_refused(tmp_path, title_type, reason):
    (row,) = read_bytes(tmp_path, f"Const,Title,Title Type,Your Rating\ntt0000001,X,{title_type},9\n").rows
    assert (row.reason, row.needs_decision) == (reason, False)


@pytest.mark.parametrize(
    "title_type", ["movie", "TV Movie", "tvShort", "Short Film", "Music Video", "Documentary", "TV Special"]
)
def test_films_of_all_types_are_taken(tmp_path, title_type):
    (row,) = read_bytes(tmp_path, f"Const,Title,Title Type,Your Rating\ntt0000001,X,{title_type},9\n").rows
    assert (row.status, row.rating) == (Status.WATCHED, 9)


def test_people_ranges_and_unrated_rows_of_ratings(tmp_path):
    rows = "nm0000134,Robert De Niro,,,\ntt0000001,A,Movie,2013–2023,9\ntt0000002,B,Movie,1995,\n"
    parsed = read_bytes(tmp_path, f"Const,Title,Title Type,Year,Your Rating\n{rows}")
    assert (refused(parsed), undecided(parsed)) == (["Robert De Niro"], ["A", "B"])


@pytest.mark.parametrize("created", ["Mon Jan  1 00:00:00 0001", "Fri Dec 31 23:59:59 9999"])
def test_impossible_date_is_left_out(tmp_path, created):
    text = f"{LIST}1,tt0113277,{created},,,Heat,Movie,1995,\n"
    (row,) = read_bytes(tmp_path, text, "watchlist.csv", {WHICH_LIST: "watchlist"}).rows
    assert (row.added_at, row.remark) == (None, f"The date “{created}” can’t be read, so it was left out.")
