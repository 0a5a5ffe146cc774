"""The format that Letterboxd imports."""

import pytest

from flicklist.film_facts import FilmFacts
from flicklist.services.imports.formats.letterboxd_import import MEANING
from flicklist.services.imports.rows import RowViewing, Status
from tests.services.imports.files import MADE, SAMPLES, assert_storable, counts, read, read_bytes, undecided, usable


def test_real_diary():
    parsed = read(SAMPLES / "letterboxd-import-format.csv")
    assert (len(parsed.rows), counts(parsed)) == (785, (754, 0, 785, 0, 752))
    assert (undecided(parsed), list(parsed.questions)) == ([], [])
    assert_storable(parsed)


def test_made_sample_asks_about_rows_without_date_and_rating():
    parsed = read(MADE / "letterboxd-import.csv")
    assert undecided(parsed) == ["Synecdoche, New York"]
    (question,) = parsed.questions
    assert (question.name, question.default) == (MEANING, "")
    assert question.text == "“Synecdoche, New York” (line 2) has no date and no rating. Did you watch it?"
    assert [option.label for option in question.options] == ["Yes, I watched it", "No, put it on my watchlist"]
    assert counts(parsed) == (1, 0, 2, 0, 1)  # the second movie is open
    first, second = usable(parsed)
    assert (first.line, first.facts) == (3, FilmFacts(imdb_id="tt0113277", tmdb_id=949))
    assert first.viewings == (RowViewing("2024-03-02", 'Said "again", twice.\nAnd a second line.'),)
    assert (first.tags, second.line) == (("cinema", "with:mom"), 5)


def test_question_about_several_rows_is_in_the_plural(tmp_path):
    (question,) = read_bytes(tmp_path, "Title,WatchedDate\nHeat,\nRan,\n").questions
    assert question.text == "2 rows have no date and no rating. Did you watch these movies?"
    assert [option.label for option in question.options] == ["Yes, I watched them", "No, put them on my watchlist"]


@pytest.mark.parametrize("status", Status)
def test_answer_says_what_such_rows_mean(status):
    parsed = read(MADE / "letterboxd-import.csv", {MEANING: status.value})
    assert [row.status for row in usable(parsed) if row.title.startswith("Syn")] == [status]
    assert undecided(parsed) == []


def test_rating_without_date_is_watched(tmp_path):
    text = "url,Title,Year,Rating,WatchedDate\nhttps://letterboxd.com/film/heat-1995/,Heat,1995,4.5,\n"
    (row,) = read_bytes(tmp_path, text).rows
    assert (row.status, row.rating, row.viewings) == (Status.WATCHED, 9, ())
    assert row.facts.letterboxd_uri == "https://letterboxd.com/film/heat-1995/"


def test_year_is_not_part_of_the_title_if_it_has_a_column(tmp_path):
    text = (
        "Title,Year,WatchedDate\nHeat (1995),1995,2024-01-01\nClass of (1999),1990,2024-01-01\n(2020),2020,2024-01-01\n"
    )
    assert [row.title for row in read_bytes(tmp_path, text).rows] == ["Heat", "Class of (1999)", "(2020)"]


@pytest.mark.parametrize(
    ("review", "note"),
    [
        ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
        ("<b>Good</b> &amp; long<br>Yes", "Good & long\nYes"),
        ("AT&amp;T", "AT&amp;T"),
    ],
)
def test_review_is_html_only_if_it_has_elements(tmp_path, review, note):
    (row,) = read_bytes(tmp_path, f'Title,WatchedDate,Review\nHeat,2024-01-01,"{review}"\n').rows
    assert row.viewings == (RowViewing("2024-01-01", note),)


def test_row_with_an_id_but_no_title_is_left_to_matching(tmp_path):
    parsed = read_bytes(tmp_path, "tmdbID,Title,WatchedDate\n949,,2024-01-01\n,,2024-01-01\n")
    assert [(row.title, row.facts.tmdb_id) for row in usable(parsed)] == [("", 949)]
    assert [row.reason for row in parsed.rows[1:]] == ["There is no title, so it is unclear which movie this is."]
