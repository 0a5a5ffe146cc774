"""Letterboxd's export."""

from collections import Counter

import pytest

from flicklist.services.imports.formats import letterboxd
from flicklist.services.imports.formats.letterboxd import WHICH_FILE
from flicklist.services.imports.list_only import ADD, LEAVE_OUT, NAME
from flicklist.services.imports.rows import RowViewing, Status
from flicklist.services.imports.uploads import MAX_NOTICES
from tests.services.imports.files import (
    SAMPLES,
    assert_storable,
    counts,
    merged,
    movie,
    read,
    read_bytes,
    refusal,
    refused,
    undecided,
    usable,
    zipped,
)

FILMS = "Date,Name,Year,Letterboxd URI\n"
DIARY = "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date\n"
REVIEWS = "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,Watched Date\n"
HEAT = "2024-03-01,Heat,1995,https://boxd.it/2b0k"


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    return read_bytes(tmp_path_factory.mktemp("account"), zipped(SAMPLES / "letterboxd-export"), "letterboxd-alice.zip")


def rows_of(parsed, file):
    return [row for row in usable(parsed) if row.file == file]


def test_real_account(account):
    assert counts(account) == (3391, 777, 2132, 527, 5)
    assert refused(account) == undecided(account) == []
    assert_storable(account)


def test_every_row_of_real_account_becomes_a_row(account):
    files = Counter(row.file for row in account.rows)
    assert (files["watched.csv"], files["diary.csv"], files["watchlist.csv"]) == (2604, 2132, 805)
    assert (files["reviews.csv"], files["ratings.csv"]) == (162, 5)
    assert sum(number for file, number in files.items() if file.startswith("lists/")) == 324


def test_films_with_same_title_and_year_stay_two(account):
    assert len([each for each in merged(account) if each.title.lower() == "rain" and each.year == 2019]) == 2
    castles = [each for each in merged(account) if (each.title, each.year) == ("The Haunted Castle", 1897)]
    assert [len(castle.days) for castle in castles] == [1, 1]


def test_movies_that_are_only_in_lists_are_one_question(account, tmp_path):
    (question,) = account.questions
    assert (question.name, question.default) == (NAME, LEAVE_OUT)
    assert "225 movies" in question.text
    added = read_bytes(tmp_path, zipped(SAMPLES / "letterboxd-export"), answers={NAME: ADD})
    assert counts(added) == (3391 + 225, 777 + 225, 2132, 527, 5)


def test_watched_movies_on_watchlist_have_both_rows(account):
    assert sum(len(each.statuses) == 2 for each in merged(account)) == 28


def test_export_of_2024():
    parsed = read(SAMPLES / "letterboxd-export-2024.zip")
    assert counts(parsed) == (271, 4, 293, 44, 266)
    assert sum(max(each.ratings, default=0) % 2 for each in merged(parsed)) == 108
    assert refused(parsed) == undecided(parsed) == []
    assert [question.text for question in parsed.questions if "2 movies" in question.text]
    assert "deleted" in " ".join(parsed.notices)


def test_profile_comments_and_deleted_entries_are_not_opened():
    parsed = read(SAMPLES / "letterboxd-export-2024.zip")
    assert not {"profile.csv", "comments.csv", "deleted/diary.csv"} & {row.file for row in parsed.rows}
    assert "Nightcrawler" not in {row.title for row in rows_of(parsed, "diary.csv")}
    assert "“profile.csv”" in parsed.notices[1]


def test_export_with_top_folder_and_without_diary():
    parsed = read(SAMPLES / "letterboxd-export-2025-no-diary.zip")
    assert counts(parsed) == (214, 24, 0, 190, 0)
    assert sum("liked" in each.tags for each in merged(parsed)) == 156
    assert refused(parsed) == undecided(parsed) == []


def test_diary_gets_links_of_films(account):
    assert movie(account, "Soylent Green").viewings.keys() >= {"1996-08-24"}
    row = next(row for row in rows_of(account, "diary.csv") if row.title == "Soylent Green")
    (watched,) = [row for row in rows_of(account, "watched.csv") if row.title == "Soylent Green"]
    assert row.facts.letterboxd_uri == watched.facts.letterboxd_uri != ""


def test_dates_of_marking_are_not_days_of_viewing(tmp_path):
    parsed = read_bytes(tmp_path, zipped({"watched.csv": f"{FILMS}{HEAT}\n", "watchlist.csv": f"{FILMS}{HEAT}\n"}))
    watched, on_watchlist = usable(parsed)
    assert (watched.viewings, f"{watched.watched_at:%Y-%m-%d}", watched.added_at) == ((), "2024-03-01", None)
    assert (on_watchlist.status, f"{on_watchlist.added_at:%Y-%m-%d}") == (Status.WATCHLIST, "2024-03-01")


@pytest.mark.parametrize("kind", ["watched.csv", "watchlist.csv", "likes/films.csv"])
def test_single_file_of_films_asks_which_it_is(tmp_path, kind):
    parsed = read_bytes(tmp_path, f"{FILMS}{HEAT}\n", kind)
    assert ([question.name for question in parsed.questions], list(parsed.rows)) == ([WHICH_FILE], [])
    assert kind in {option.value for option in parsed.questions[0].options}
    (row,) = read_bytes(tmp_path, f"{FILMS}{HEAT}\n", answers={WHICH_FILE: kind}).rows
    expected = {"watched.csv": Status.WATCHED, "watchlist.csv": Status.WATCHLIST, "likes/films.csv": None}
    assert (row.status, row.facts.letterboxd_uri) == (expected[kind], "https://boxd.it/2b0k")


@pytest.mark.parametrize("name", ["diary.csv", "ratings.csv", "reviews.csv", "lists/my-criterion-collection.csv"])
def test_other_single_files_are_recognized_by_their_columns(account, name):
    parsed = read(SAMPLES / "letterboxd-export" / name, name="download.csv")
    assert [question.name for question in parsed.questions if not question.default] == []
    assert len(parsed.rows) == len([row for row in account.rows if row.file == name])
    assert refused(parsed) == undecided(parsed) == []


def test_film_without_entry_in_watched_keeps_no_link_of_an_entry(tmp_path):
    (row,) = read_bytes(tmp_path, f"{DIARY}2024-03-02,Heat,1995,https://boxd.it/ENTRY,4.5,Yes,,2024-03-01\n").rows
    assert row.facts.letterboxd_uri == ""
    assert (row.viewings, row.rating) == ((RowViewing("2024-03-01"),), 9)


def test_diary_of_2017_without_rewatch(tmp_path):
    header = "Date,Name,Year,Letterboxd URI,Rating,Tags,Watched Date\n"
    (row,) = read_bytes(
        tmp_path, f'{header}2017-01-02,Heat,1995,https://letterboxd.com/film/heat-1995/,4,"a, b",2017-01-01'
    ).rows
    assert (row.viewings, row.tags, row.rating) == ((RowViewing("2017-01-01"),), ("a", "b"), 8)


def test_ratings_file_decides_over_diary(tmp_path):
    diary = f"{DIARY}2024-01-02,Heat,1995,x,2,,,2024-01-01\n2024-01-02,Ran,1985,x,2,,,2024-01-01\n"
    newer = "2024-02-02,Ran,1985,x,4.5,,,2024-02-01\n2024-01-20,Ran,1985,x,3,,,2024-01-20\n"
    ratings = "Date,Name,Year,Letterboxd URI,Rating\n2024-03-01,Heat,1995,https://boxd.it/2b0k,5\n"
    parsed = read_bytes(tmp_path, zipped({"diary.csv": diary + newer, "ratings.csv": ratings}))
    assert (movie(parsed, "Heat").ratings, movie(parsed, "Ran").ratings) == ({10}, {9})


def test_review_becomes_note_of_its_viewing(tmp_path):
    diary = f"{DIARY}2024-01-02,Heat,1995,x,,,,2024-01-01\n2024-01-02,Heat,1995,x,,,,2024-02-01\n"
    review = '2024-01-03,Heat,1995,x,,,"<p>So <i>good</i> &amp; long.</p>\r\n\r\nA line.<br />Another.",,2024-02-01\n'
    parsed = read_bytes(tmp_path, zipped({"diary.csv": diary, "reviews.csv": REVIEWS + review}))
    assert movie(parsed, "Heat").viewings == {"2024-01-01": "", "2024-02-01": "So good & long.\n\nA line.\nAnother."}


def test_review_without_day_is_the_note_of_a_viewing_without_day(tmp_path):
    files = {
        "diary.csv": f"{DIARY}2024-01-02,Heat,1995,x,,,,2024-01-01\n",
        "reviews.csv": f"{REVIEWS}d,Heat,1995,x,,,Ah,,\n",
    }
    assert movie(read_bytes(tmp_path, zipped(files)), "Heat").viewings == {"2024-01-01": "", None: "Ah"}


def test_long_review_is_kept_in_notes(account):
    longest = max(rows_of(account, "reviews.csv"), key=lambda row: len(row.notes))
    assert (len(longest.notes), longest.notes[-1]) == (5000, "…")
    assert "first 5,000 characters" in longest.remark
    long = [row for row in rows_of(account, "reviews.csv") if row.notes]
    assert len(long) >= 14
    for row in long:
        assert row.viewings[0].note.removesuffix("…") in row.notes


def test_entries_of_removed_films_are_imported(tmp_path):
    entry = f"{DIARY}2024-01-02,Gone,1995,,4,,,2024-01-01\n"
    parsed = read_bytes(
        tmp_path, zipped({"watched.csv": FILMS, "orphaned/diary.csv": entry, "deleted/diary.csv": entry})
    )
    (row,) = parsed.rows
    assert (row.file, row.title, row.rating) == ("orphaned/diary.csv", "Gone", 8)


def test_films_of_one_name_get_the_entries_in_order(tmp_path):
    watched = f"{FILMS}d,Castle,1897,https://boxd.it/a\nd,Castle,1897,https://boxd.it/b\n"
    diary = f"{DIARY}d,Castle,1897,x,,,,2020-01-01\nd,Castle,1897,x,,,,2020-01-02\n"
    review = f"{REVIEWS}d,Castle,1897,x,,,Good,,2020-01-02\n"
    parsed = read_bytes(tmp_path, zipped({"watched.csv": watched, "diary.csv": diary, "reviews.csv": review}))
    links = [(row.file, row.facts.letterboxd_uri) for row in usable(parsed)]
    assert links[2:] == [
        *(("diary.csv", "https://boxd.it/a"), ("diary.csv", "https://boxd.it/b")),
        ("reviews.csv", "https://boxd.it/b"),
    ]


def test_entries_need_a_decision_if_films_of_one_name_do_not_match_them(tmp_path):
    watched = f"{FILMS}d,Castle,1897,https://boxd.it/a\nd,Castle,1897,https://boxd.it/b\n"
    diary = f"{DIARY}d,Castle,1897,x,,,,2020-01-01\n"
    assert undecided(read_bytes(tmp_path, zipped({"watched.csv": watched, "diary.csv": diary}))) == ["Castle"]


def test_entry_is_joined_by_exact_title_first(tmp_path):
    watched = f"{FILMS}d,rain,2019,https://boxd.it/a\nd,Rain,2019,https://boxd.it/b\n"
    diary = f"{DIARY}d,Rain,2019,x,,,,2020-01-01\nd,Heat,1995,x,,,,2020-01-01\n"
    films = f"{FILMS}d,HEAT,1995,https://boxd.it/c\n"
    parsed = read_bytes(tmp_path, zipped({"watched.csv": watched, "diary.csv": diary, "watchlist.csv": films}))
    links = {row.title: row.facts.letterboxd_uri for row in rows_of(parsed, "diary.csv")}
    assert links == {"Rain": "https://boxd.it/b", "Heat": "https://boxd.it/c"}


@pytest.mark.parametrize("start", ["Letterboxd list export v7\r\n", "\r\n"])
def test_list_becomes_a_tag(tmp_path, start):
    text = (
        f'{start}Date,Name,Tags,URL,Description\r\n2024-01-01,"Films, with cake",,https://boxd.it/list,"Two\nlines"\r\n\r\n'
        "Position,Name,Year,URL,Description\r\n1,Heat,1995,https://boxd.it/2b0k,Mine\r\n"
    )
    parsed = read_bytes(tmp_path, zipped({"lists/null-1.csv": text, "watched.csv": f"{FILMS}{HEAT}\n"}))
    (row,) = rows_of(parsed, "lists/null-1.csv")
    assert (row.title, row.tags, row.status, row.facts.letterboxd_uri) == (
        "Heat",
        ("Films with cake",),
        None,
        "https://boxd.it/2b0k",
    )
    assert row.line == 7
    assert "“Films, with cake”: “Films with cake”" in parsed.notices[0]


def test_only_some_of_many_notices_about_lists_are_kept(tmp_path):
    lists = {
        f"lists/{number}.csv": "Letterboxd list export v7\r\nDate,Name,Tags,URL,Description\r\n"
        f'd,"{number}, x",,u,\r\n\r\n'
        "Position,Name,Year,URL,Description\r\n1,Heat,1995,https://boxd.it/2b0k,\r\n"
        for number in range(60)
    }
    parsed = read_bytes(tmp_path, zipped({"watched.csv": f"{FILMS}{HEAT}\n", **lists}))
    assert len(parsed.notices) == MAX_NOTICES + 1
    assert parsed.notices[-1] == "And 10 more."


def test_bad_day_or_rating_needs_a_decision_and_spoils_no_other_row(tmp_path):
    days = {"A": "2024-13-01", "B": "2024-01-01", "C": "2099-01-01", "D": "2024-01-01"}
    rows = "".join(f"d,{title},1995,x,{'7' * (title == 'B')},,,{day}\n" for title, day in days.items())
    rows += ",,,,\n,,1995,,,,,2024-01-01\n"
    parsed = read_bytes(tmp_path, DIARY + rows)
    assert undecided(parsed) == ["A", "B", "C"]
    assert [row.title for row in usable(parsed)] == ["D"]
    assert [(row.line, row.reason) for row in parsed.rows[4:]] == [
        (7, "There is no title, so it is unclear which movie this is.")
    ]


def test_columns_in_another_order_and_semicolons(tmp_path):
    text = " watched date ;NAME;Year;letterboxd uri;Date;More\n2024-01-01;Heat;1995;x;d;1\n"
    (row,) = read_bytes(tmp_path, text).rows
    assert (row.title, row.viewings) == ("Heat", (RowViewing("2024-01-01"),))


def test_zip_of_other_site_with_same_file_names_is_not_from_letterboxd(tmp_path):
    files = {
        "ratings.csv": "title,year,tmdbId,imdbId,userRating\n",
        "watchlist.csv": "title,year,tmdbId,imdbId,addedAt\n",
    }
    assert "can’t read a ZIP with these files" in refusal(tmp_path, zipped(files))


def test_links_of_films_with_one_name_are_not_compared_with_each_other(tmp_path, monkeypatch):
    class Link(str):
        __slots__ = ()
        comparisons = 0
        __hash__ = str.__hash__

        def __eq__(self, other):
            Link.comparisons += 1
            return str(self) == str(other)

    monkeypatch.setattr(letterboxd, "read_letterboxd_uri", Link)
    films = "".join(f"2024-03-01,Heat,1995,https://boxd.it/{number}\n" for number in range(1_000))
    diary = "2024-03-01,Heat,1995,https://boxd.it/a,,,,2024-03-01\n"
    read_bytes(tmp_path, zipped({"watched.csv": FILMS + films, "diary.csv": DIARY + diary}))
    assert Link.comparisons < 10_000
