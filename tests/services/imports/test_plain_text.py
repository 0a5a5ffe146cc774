"""Plain text with one title per line."""

import pytest

from flicklist.film_facts import FilmFacts
from flicklist.services.imports.rows import Row, Status
from tests.services.imports.files import MADE, assert_storable, counts, read, read_bytes, refused, undecided, usable


def one(tmp_path, line):
    (row,) = read_bytes(tmp_path, f"First\n{line}\n", "list.txt").rows[1:]
    return row


def test_sample():
    parsed = read(MADE / "plain-list.txt")
    assert len(usable(parsed)) == 11  # two of them twice
    assert counts(parsed) == (8, 7, 0, 1, 0)
    assert (refused(parsed), undecided(parsed)) == ([""], ["Old Film (1700)"])
    assert "“My films”" in parsed.notices[0]
    assert_storable(parsed)


@pytest.mark.parametrize(
    ("line", "title", "year"),
    [
        ("Heat (1995)", "Heat", 1995),
        ("Heat [1995]", "Heat", 1995),
        ("Heat, 1995", "Heat", 1995),
        ("Passage de Vénus (1874)", "Passage de Vénus", 1874),
        ("Not Made Yet (2100)", "Not Made Yet", 2100),
        (
            "Birdman or (The Unexpected Virtue of Ignorance) (2014)",
            "Birdman or (The Unexpected Virtue of Ignorance)",
            2014,
        ),
        ("(500) Days of Summer (2009)", "(500) Days of Summer", 2009),
        ("1917", "1917", None),
        ("300", "300", None),
        ("Crouching Tiger, Hidden Dragon", "Crouching Tiger, Hidden Dragon", None),
        ("Synecdoche, New York", "Synecdoche, New York", None),
        ("2001: A Space Odyssey (1968)", "2001: A Space Odyssey", 1968),
        ("- Heat (1995)", "Heat", 1995),
        ("• Heat (1995)", "Heat", 1995),
        ("12. Heat (1995)", "Heat", 1995),
        ("2) 12 Monkeys (1995)", "12 Monkeys", 1995),
        ("  Heat  (1995) ", "Heat", 1995),
        ("\ufeffAmelie\u0301 (2001)\u200b", "Amelié", 2001),
    ],
)
def test_title_and_year(tmp_path, line, title, year):
    row = one(tmp_path, line)
    assert (row.title, row.year, row.status) == (title, year, Status.WATCHLIST)


@pytest.mark.parametrize("box", ["[x]", "- [x]", "[X]", "✓", "* ✓"])
def test_checked_line_is_watched(tmp_path, box):
    row = one(tmp_path, f"{box} Heat (1995)")
    assert (row.title, row.status, row.viewings) == ("Heat", Status.WATCHED, ())


@pytest.mark.parametrize("first", ["[ ] Heat", "[x] Heat"])
def test_list_that_begins_with_a_box_is_not_json(tmp_path, first):
    assert [row.title for row in read_bytes(tmp_path, f"{first}\n[ ] Ran\n").rows] == ["Heat", "Ran"]


@pytest.mark.parametrize("rest", [" - with Sam", " # with Sam", "\twith Sam"])
def test_text_behind_the_year_is_left_out_and_reported(tmp_path, rest):
    row = one(tmp_path, f"Heat (1995){rest}")
    assert (row.title, row.year, row.remark) == ("Heat", 1995, "Left out: “with Sam”.")


@pytest.mark.parametrize(
    ("address", "facts"),
    [
        ("https://www.imdb.com/title/tt0113277/?ref_=x", FilmFacts(imdb_id="tt0113277")),
        ("https://m.imdb.com/de/title/tt0113277", FilmFacts(imdb_id="tt0113277")),
        ("https://letterboxd.com/film/heat-1995/", FilmFacts(letterboxd_uri="https://letterboxd.com/film/heat-1995/")),
        ("https://boxd.it/2b0k", FilmFacts(letterboxd_uri="https://boxd.it/2b0k")),
    ],
)
def test_address_becomes_an_id(tmp_path, address, facts):
    row = one(tmp_path, f"Heat (1995) {address}")
    assert (row.title, row.year, row.facts) == ("Heat", 1995, facts)
    assert one(tmp_path, address) == Row("list.txt", 2, "", None, facts, Status.WATCHLIST)


@pytest.mark.parametrize("line", ["Friends S01E02", "x" * 201, "x" * 5000, "He\x1bat"])
def test_refused_lines(tmp_path, line):
    assert one(tmp_path, line).needs_decision is False


@pytest.mark.parametrize("line", ["Blade Runner (2149)", "Old Film, 1700", "Old Film [0000]"])
def test_impossible_year_needs_a_decision(tmp_path, line):
    assert one(tmp_path, line).needs_decision is True


def test_headings_and_rules_are_skipped(tmp_path):
    text = "Mine\n====\n\n# More\nHeat\n\n-----\nRan\n***\n"
    parsed = read_bytes(tmp_path, text)
    assert [row.title for row in parsed.rows] == ["Heat"]  # "Ran" is above an underline
    assert list(parsed.notices) == ["Skipped as headings: “Mine”, “# More”, “Ran”."]
