"""Trakt's export."""

import json
from zoneinfo import ZoneInfo

import pytest

from flicklist.services.imports.formats.trakt import WHICH_LIST
from flicklist.services.imports.list_only import NAME
from flicklist.services.imports.rows import RowViewing, Status
from tests.services.imports.files import (
    MADE,
    assert_storable,
    counts,
    movie,
    read,
    read_bytes,
    refusal,
    refused,
    undecided,
    usable,
    zipped,
)

HEAT = {"title": "Heat", "year": 1995, "ids": {"trakt": 614, "slug": "heat-1995", "imdb": "tt0113277", "tmdb": 949}}
RAN = {"title": "Ran", "year": None, "ids": {"trakt": 9_000_000_000, "imdb": None, "tmdb": None, "plex": {"guid": "x"}}}


def play(movie, watched_at, number=1):
    return {"id": number, "watched_at": watched_at, "action": "watch", "type": "movie", "movie": movie}


def export(tmp_path, answers=None, **files):
    """Return what a ZIP with these lists says. Underscores in names stand for hyphens."""
    named = {f"{name.replace('_', '-')}.json": json.dumps(content) for name, content in files.items()}
    return read_bytes(tmp_path, zipped(named), answers=answers)


def test_export_of_2025(tmp_path):
    parsed = read_bytes(tmp_path, zipped(MADE / "trakt"))
    assert counts(parsed) == (3, 1, 3, 0, 1)
    assert refused(parsed) == undecided(parsed) == []
    assert_storable(parsed)


def test_export_of_2026(tmp_path):
    parsed = read_bytes(tmp_path, zipped(MADE / "trakt-2026"))
    assert counts(parsed) == (5, 1, 4, 2, 3)
    assert len([row for row in usable(parsed) if row.file.startswith("watched-history") and row.viewings]) == 6
    assert (refused(parsed), undecided(parsed)) == (["Friends", "Friends"], [])
    assert movie(parsed, "Heat").statuses == {Status.WATCHED, Status.WATCHLIST}
    assert "ratings/seasons" in parsed.notices[0]
    assert_storable(parsed)


def test_only_own_comments_are_read(tmp_path):
    parsed = read_bytes(tmp_path, zipped(MADE / "trakt-2026"))
    notes = {row.title: row.viewings for row in usable(parsed) if row.file == "comments-movies.json"}
    assert notes == {"Heat": (RowViewing("2025-01-11", "Invented words.\nA second line."),)}


def test_settings_with_email_are_not_opened(tmp_path):
    files = {path.name: path.read_bytes() for path in (MADE / "trakt-2026").iterdir()}
    parsed = read_bytes(tmp_path, zipped({**files, "user-settings.json": b"\0broken"}))
    assert counts(parsed) == (5, 1, 4, 2, 3)


def test_day_depends_on_time_zone(tmp_path):
    content = zipped({"watched-history.json": json.dumps([play(HEAT, "2024-03-02T23:30:00.000Z")])})
    assert usable(read_bytes(tmp_path, content))[0].viewings == (RowViewing("2024-03-02"),)
    berlin = read_bytes(tmp_path, content, time_zone=ZoneInfo("Europe/Berlin"))
    assert usable(berlin)[0].viewings == (RowViewing("2024-03-03"),)


def test_unknown_day(tmp_path):
    parsed = export(tmp_path, watched_history=[play(HEAT, "1970-01-01T00:00:00.000Z")])
    assert usable(parsed)[0].viewings == (RowViewing(None),)


def test_pages_are_read_in_the_order_of_their_numbers(tmp_path):
    files = {f"watched_history_{number}": [play({**HEAT, "title": str(number)}, "unknown")] for number in (10, 2, 1)}
    assert [row.title for row in export(tmp_path, **files).rows] == ["1", "2", "10"]


@pytest.mark.parametrize("name", ["watched/history-1.json", "watched-history.json", "watched-history-3.json"])
def test_names_of_history(tmp_path, name):
    files = {name: json.dumps([play(HEAT, "2024-03-02T20:00:00Z")]), "lists/watchlist.json": "[]"}
    assert [row.file for row in read_bytes(tmp_path, zipped(files)).rows] == [name]


def test_totals_count_only_without_a_history(tmp_path):
    total = {"plays": 2, "last_watched_at": "2024-03-02T20:00:00Z", "movie": HEAT}
    assert len(export(tmp_path, watched_movies=[total], watched_history=[]).rows) == 0
    assert export(tmp_path, watched_movies=[total]).rows[0].viewings == (RowViewing("2024-03-02"),)


def test_lists_and_favorites_become_tags(tmp_path):
    item = {"listed_at": "2024-01-01T00:00:00Z", "notes": None, "type": "movie"}
    lists = [{"name": "Noir, mostly", "ids": {"trakt": 12, "slug": "another-slug"}}]
    files = {"lists_lists": lists, "lists_list_12_old_slug_2": [{**item, "movie": RAN}], "lists_watchlist": []}
    parsed = export(tmp_path, **files, lists_favorites=[{**item, "movie": HEAT}])
    assert [(row.title, row.tags, row.status) for row in parsed.rows] == [
        *(("Heat", ("liked",), None), ("Ran", ("Noir mostly",), None)),
    ]
    assert [question.name for question in parsed.questions] == [NAME]


def test_comment_goes_to_newest_viewing_or_to_the_notes(tmp_path):
    user = {"ids": {"slug": "me"}}
    comments = [
        {
            "type": "movie",
            "movie": each,
            "comment": {"comment": "Wow", "created_at": "2026-01-01T00:00:00Z", "user": user},
        }
        for each in (HEAT, RAN)
    ]
    history = [play(HEAT, "2024-03-02T20:00:00Z"), play(HEAT, "2025-03-02T20:00:00Z")]
    parsed = export(tmp_path, watched_history=history, comments_movies=comments, user_profile=user)
    heat, ran = parsed.rows[2:]
    assert heat.viewings == (RowViewing("2025-03-02", "Wow"),)
    assert (ran.status, ran.viewings, ran.notes) == (None, (), "Wow")


def test_comments_of_unknown_owner_are_not_read(tmp_path):
    comment = {"comment": "Wow", "created_at": "2026-01-01T00:00:00Z", "user": {"ids": {"slug": "me"}}}
    parsed = export(
        tmp_path, watched_history=[], comments_movies=[{"type": "movie", "movie": HEAT, "comment": comment}]
    )
    assert (parsed.rows, "which ones are yours" in parsed.notices[0]) == ((), True)


@pytest.mark.parametrize(
    "bad",
    [None, 1, "x", [], {}, {"type": "movie"}, {"type": "movie", "movie": 5}, {"type": "movie", "movie": {"title": {}}}],
)
def test_bad_element_spoils_no_other(tmp_path, bad):
    parsed = export(tmp_path, watched_history=[bad, play(HEAT, "2024-03-02T20:00:00Z")])
    assert ([row.line for row in parsed.rows], [row.title for row in usable(parsed)]) == ([1, 2], ["Heat"])
    assert_storable(parsed)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("watched_at", (Status.WATCHED, None)),
        ("rated_at", (Status.WATCHED, 7)),
        ("last_watched_at", (Status.WATCHED, None)),
    ],
)
def test_single_file_is_recognized_by_its_keys(tmp_path, key, expected):
    element = {"rating": 7, "type": "movie", "movie": HEAT, key: "2024-03-02T20:00:00Z"}
    (row,) = read_bytes(tmp_path, json.dumps([element]), "download.txt").rows
    assert (row.status, row.rating) == expected


def test_single_list_asks_which_it_is(tmp_path):
    text = json.dumps([{"listed_at": "2024-01-01T00:00:00Z", "notes": None, "type": "movie", "movie": HEAT}])
    assert [question.name for question in read_bytes(tmp_path, text, "x.json").questions] == [WHICH_LIST]
    (row,) = read_bytes(tmp_path, text, "lists-list-12-noir.json").rows
    assert row.tags == ("noir",)
    (row,) = read_bytes(tmp_path, text, "x.json", {WHICH_LIST: "lists-watchlist"}).rows
    assert (row.status, f"{row.added_at:%Y-%m-%d}") == (Status.WATCHLIST, "2024-01-01")
    assert read(MADE / "trakt" / "lists-watchlist.json").rows[0].status == Status.WATCHLIST


def test_single_file_of_comments_is_refused(tmp_path):
    text = json.dumps([{"type": "movie", "movie": HEAT, "comment": {"comment": "Wow"}}])
    assert "comments of others" in refusal(tmp_path, text)
