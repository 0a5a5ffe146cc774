"""Values in the cells of files: ratings, days, ids, tags and notes."""

import unicodedata
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flicklist.services.imports import html_tree
from flicklist.services.imports.days import read_added_at, read_day
from flicklist.services.imports.html_text import MAX_HTML_LENGTH, html_to_text
from flicklist.services.imports.problems import RowProblem, RowUndecided
from flicklist.services.imports.ratings import read_rating
from flicklist.services.imports.values import (
    clean_line,
    place_list_note,
    place_note,
    read_imdb_id,
    read_letterboxd_uri,
    read_tags,
    read_title,
    read_tmdb_id,
    read_year,
)
from flicklist.text import MAX_NORMALIZED_LENGTH

UTC_ZONE, BERLIN = ZoneInfo("UTC"), ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "best", "half_stars"),
    [
        *(("0.5", 5, 1), ("4.5", 5, 9), ("5", 5, 10), ("3,5", 5, 7), (2.5, 5, 5), ("4.", 5, 8)),
        *(("1", 10, 1), ("10", 10, 10), (9, 10, 9), ("85", 100, 9), ("100", 100, 10), ("84", 100, 8)),
        *(("", 5, None), ("0", 10, None), ("0.0", 5, None), (None, 10, None), ("null", 100, None)),
    ],
)
def test_ratings_of_all_scales(value, best, half_stars):
    assert read_rating(value, best).half_stars == half_stars


@pytest.mark.parametrize(
    ("value", "best", "half_stars", "remark"),
    [
        ("7.5", 10, 8, "Rating 7.5 of 10, rounded to 4 ★."),
        ("8.4", 10, 8, "Rating 8.4 of 10, rounded to 4 ★."),
        ("3.3", 5, 7, "Rating 3.3 of 5, rounded to 3½ ★."),
        ("85", 100, 9, "Rating 85 of 100, rounded to 4½ ★."),
    ],
)
def test_rounded_ratings_are_reported(value, best, half_stars, remark):
    assert read_rating(value, best) == (half_stars, remark)


@pytest.mark.parametrize(
    "value", ["5.5", "-1", "NaN", "1e9", "inf", "five", "0.4", float("nan"), 1e9, "½", "٣", "1" * 999]
)
def test_ratings_off_the_scale_need_a_decision(value):
    with pytest.raises(RowUndecided):
        read_rating(value, 5)


@given(
    st.one_of(st.text(max_size=8), st.floats(), st.integers(), st.booleans(), st.none()), st.sampled_from([5, 10, 100])
)
def test_any_rating_is_read_or_undecided(value, best):
    try:
        half_stars, remark = read_rating(value, best)
    except RowUndecided:
        return
    assert half_stars is None or 1 <= half_stars <= 10
    assert bool(remark) <= (half_stars is not None)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-03-02", "2024-03-02"),
        ("2024-03-02T23:30:00.000Z", "2024-03-03"),
        ("2024-03-02T23:30:00+00:00", "2024-03-03"),
        ("2025-09-10 23:18:03+00:00", "2025-09-11"),
        ("2024-03-02T23:30:00", "2024-03-02"),
        ("2024-03-02 23:30", "2024-03-02"),
        ("1970-01-01T00:00:00.000Z", None),
        ("1970-01-01", "1970-01-01"),
        *((" unknown ", None), ("", None), (None, None), ("1874-01-01", "1874-01-01")),
    ],
)
def test_days_in_berlin(text, day):
    assert read_day(text, BERLIN) == day


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30",
        "1873-12-31",
        "2199-01-01",
        "02/03/2024",
        "2024",
        "20240302",
        "yesterday",
        "0001-01-01T00:00Z",
        "٢٠٢٤-٠١-٠١",
    ],
)
def test_other_days_need_a_decision(text):
    with pytest.raises(RowUndecided):
        read_day(text, ZoneInfo("America/New_York"))


def test_tomorrow_is_a_day_and_the_day_after_is_not():
    today = datetime.now(UTC).date()
    assert read_day(str(today + timedelta(days=1)), UTC_ZONE)
    with pytest.raises(RowUndecided):
        read_day(str(today + timedelta(days=2)), UTC_ZONE)


@given(st.text(alphabet="0123456789-T: Z+.unkow", max_size=30))
def test_any_text_is_a_day_or_undecided(text):
    try:
        day = read_day(text, BERLIN)
    except RowUndecided:
        return
    assert day is None or datetime.fromisoformat(day)


def test_time_of_adding():
    assert read_added_at("2024-03-02") == datetime(2024, 3, 2, tzinfo=UTC)
    assert read_added_at("2024-03-02T01:00:00+02:00") == datetime(2024, 3, 1, 23, tzinfo=UTC)
    for text in ("", "soon", "1874-01-01", "1970-01-01T00:00:00Z", "2199-01-01", "0001-01-01T00:00:00+14:00"):
        assert read_added_at(text) is None


def test_ids():
    assert [read_imdb_id(each) for each in ("tt0113277", "113277", " TT0113277 ", 113277)] == ["tt0113277"] * 4
    assert {read_imdb_id(each) for each in ("", "-1", "0", "null", None, "nm0000134", "tt1", "tt" + "1" * 20, "x")} == {
        ""
    }
    assert [read_tmdb_id(each) for each in ("949", 949, "0949")] == [949] * 3
    assert {read_tmdb_id(each) for each in ("", "0", "-1", "9" * 10, "x", None, True, {}, 1.5)} == {None}
    assert read_letterboxd_uri("http://www.letterboxd.com/film/heat-1995/") == "https://letterboxd.com/film/heat-1995/"
    for uri in (
        "javascript:alert(1)",
        "https://boxd.it/",
        "https://boxd.it.evil/x",
        "https://letterboxd.com/alice/film/heat/",
    ):
        assert read_letterboxd_uri(uri) == ""


def test_years():
    assert [read_year(each) for each in ("1995", 1995, "1995.0", "", None, "0")] == [1995, 1995, 1995, None, None, None]
    for text in ("1873", "2013–2023", "95", "19955", "x"):
        with pytest.raises(RowUndecided):
            read_year(text)


def test_titles_are_composed_and_visible():
    assert read_title(" \u200bAme\u0301lie\x07 \u200e") == "Amélie"
    assert (read_title("a\r\nb\tc"), read_title("❤️"), read_title("\u2800"), read_title({})) == ("a b c", "❤️", "", "")


@given(st.text(st.characters(exclude_categories=[]), max_size=300))
def test_any_title_is_clean_or_a_problem(text):
    try:
        title = read_title(text)
    except RowProblem:
        return
    assert title == unicodedata.normalize("NFC", title) == title.strip() == read_title(title)
    title.encode()


def test_many_accents_are_kept_in_small_groups():
    """Sorting a group takes quadratic time."""
    cleaned = clean_line("n" + "\u0327\u0301" * 10_000)
    assert max(map(len, cleaned.split("\u034f"))) <= 31
    assert cleaned.count("\u0301") == MAX_NORMALIZED_LENGTH // 2


def test_tags():
    assert read_tags(["a", "", " A ", "x, y"]) == (("a", "x y"), "")
    tags, remark = read_tags(["long " * 20])
    assert (len(tags[0]), tags[0][-1], "was shortened" in remark) == (40, "…", True)
    tags, remark = read_tags(map(str, range(25)))
    assert (len(tags), remark) == (20, "Only the first 20 tags were kept.")


def test_long_notes_go_to_the_notes_of_the_movie():
    assert place_note("short") == ("short", "", "")
    placed = place_note("x" * 1001)
    assert (len(placed.note), placed.notes) == (1000, "x" * 1001)
    assert place_list_note("Sam\tsaid so") == ("Sam said so", "")
    assert place_list_note("a\nb") == ("", "a\nb")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain\ntext", "plain\ntext"),
        ("<p>One.</p><p>Two.</p>", "One.\n\nTwo."),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<b>Good</b> &amp; <i>long</i> &lt;3", "Good & long <3"),
        ("I <3 it, 2 < 3", "I <3 it, 2 < 3"),
        ('<a href="https://x.example/">this</a>', "this (https://x.example/)"),
        ('<a href="https://x.example/">https://x.example/</a>', "https://x.example/"),
        ('<a href="javascript:alert(1)">this</a>', "this"),
        ("<blockquote>Quoted.</blockquote>Answer.", "Quoted.\n\nAnswer."),
        ("a<script>alert(1)</script>b", "ab"),
        ("https://x.example/?a=1&b=2", "https://x.example/?a=1&b=2"),
    ],
)
def test_html_to_text(html, text):
    assert html_to_text(html) == text


@pytest.mark.parametrize("before", range(9))
def test_only_the_beginning_of_long_html_is_parsed(monkeypatch, before):
    """The cut can be in an element, which does not become text."""
    parsed, texts = [], html_tree.texts
    monkeypatch.setattr(html_tree, "texts", lambda html: parsed.append(html) or texts(html))
    text = html_to_text("-" * before + "x<b>y</b>" * 2_000)
    assert set(text.strip("-")) == {"x", "y", "…"}
    assert text.endswith("…")
    assert [len(html) <= MAX_HTML_LENGTH + 1 for html in parsed] == [True]


def test_html_that_fills_the_notes_is_parsed_whole():
    paragraphs = ["<p>" + "word " * 18 + "<b>end</b></p>"] * 50
    text = html_to_text("".join(paragraphs))
    assert (len(text) > 4_500, text.count("end")) == (True, 50)
