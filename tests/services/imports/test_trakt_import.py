"""Files for Trakt's import, and the CSV files of its older website."""

import json

import pytest

from flicklist.services.imports.rows import RowViewing, Status
from tests.services.imports.files import MADE, assert_storable, counts, read, read_bytes, refused, undecided, usable


def test_samples():
    website, made = read(MADE / "trakt-website.csv"), read(MADE / "trakt-import.csv")
    assert (counts(website), len(refused(website))) == ((1, 0, 0, 1, 1), 1)
    assert (counts(made), len(refused(made))) == ((2, 1, 1, 0, 1), 2)
    assert undecided(website) == undecided(made) == []
    assert_storable(website)
    assert_storable(made)


def test_rating_of_the_public_is_not_the_persons():
    (row,) = usable(read(MADE / "trakt-website.csv"))
    assert (row.title, row.rating, row.viewings) == ("Heat", 9, [])


@pytest.mark.parametrize(
    "ids", [{"imdb_id": "tt0113277"}, {"ids": {"imdb": "tt0113277"}}, {"id": {"imdb": "tt0113277"}}, {"imdb": "113277"}]
)
def test_json_for_import(tmp_path, ids):
    element = {**ids, "type": "movie", "title": "Heat", "year": 1995, "watched_at": "unknown", "listed_at": None}
    (row,) = read_bytes(tmp_path, json.dumps([element])).rows
    assert (row.facts.imdb_id, row.viewings) == ("tt0113277", [RowViewing(None)])


def test_row_can_be_watched_and_on_the_watchlist(tmp_path):
    text = "imdb,name,watchlisted_at,rating\n,Heat,2024-01-01,8\n,Ran,2024-01-01,\n,Alien,,\n"
    parsed = read_bytes(tmp_path, text)
    heat, ran = usable(parsed)
    assert (heat.status, heat.tags, heat.rating) == (Status.WATCHED, ["rewatch"], 8)
    assert (ran.status, ran.tags, f"{ran.added_at:%Y-%m-%d}") == (Status.WATCHLIST, [], "2024-01-01")
    assert undecided(parsed) == ["Alien"]
