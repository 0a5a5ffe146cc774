"""Uploads are recognized by their content, and what is ambiguous is asked."""

import json

import pytest

from flicklist.services.imports.reading import FORMATS, WHICH_FORMAT
from flicklist.services.imports.rows import UploadRefused
from tests.services.imports.files import LIMITS, MADE, SAMPLES, read, read_bytes, refusal, zipped

IMDB = "Const,Title,Title Type,Your Rating\ntt0113277,Heat,Movie,9\n"
RECOGNIZED = {
    SAMPLES / "letterboxd-export-2024.zip": "Letterboxd export",
    SAMPLES / "letterboxd-export" / "diary.csv": "Letterboxd export",
    SAMPLES / "letterboxd-import-format.csv": "Letterboxd",
    SAMPLES / "imdb-ratings.csv": "IMDb",
    MADE / "imdb" / "v1-watchlist.csv": "IMDb",
    MADE / "trakt" / "ratings-movies.json": "Trakt export",
    MADE / "trakt-import.csv": "Trakt list",
    MADE / "netflix" / "viewing-us.csv": "Netflix viewing history",
    MADE / "plain-list.txt": "Plain text",
}


@pytest.mark.parametrize("path", RECOGNIZED, ids=lambda path: path.name)
def test_samples_are_recognized_whatever_their_names(path):
    assert read(path, name="download.bin").format_name == RECOGNIZED[path]


def test_names_of_formats_are_unique():
    assert len({each.name for each in FORMATS}) == len(FORMATS)


def test_zip_with_a_single_file_is_like_that_file(tmp_path):
    parsed = read_bytes(tmp_path, zipped({"__MACOSX/._a.csv": "x", "top/ratings.csv": IMDB, "top/.DS_Store": "x"}))
    assert [(row.title, row.file) for row in parsed.rows] == [("Heat", "ratings.csv")]


def test_zip_without_known_names_is_refused_with_its_names(tmp_path):
    assert "“a.csv”, “b.csv”" in refusal(tmp_path, zipped({"a.csv": IMDB, "b.csv": IMDB}))


def test_header_of_two_formats_is_asked(tmp_path):
    text = "const,title,title type,your rating,watcheddate\ntt0113277,Heat,Movie,9,2024-01-01\n"
    (question,) = read_bytes(tmp_path, text).questions
    assert (question.name, question.default) == (WHICH_FORMAT, "")
    assert {option.value for option in question.options} == {"IMDb", "Letterboxd"}
    for option in question.options:
        parsed = read_bytes(tmp_path, text, answers={WHICH_FORMAT: option.value})
        assert (parsed.format_name, len(parsed.rows)) == (option.value, 1)


def test_small_table_can_be_a_table_or_text(tmp_path):
    text = "Title,Year\nHeat,1995\nRan,1985\n"
    (question,) = read_bytes(tmp_path, text).questions
    assert question.text == "The file begins with “Title, Year”. What kind of file is this?"
    lengths = {
        option.value: len(read_bytes(tmp_path, text, answers={WHICH_FORMAT: option.value}).rows)
        for option in question.options
    }
    assert lengths == {"Letterboxd": 2, "Plain text": 3}


def test_unknown_table_is_refused_with_its_columns(tmp_path):
    reason = refusal(tmp_path, "media_id,Title,media_type\n1,Friends,tv\n")
    assert "a table with the columns “media_id”, “Title”, “media_type”." in reason
    assert "The columns can be Title, Year, WatchedDate" in reason


def test_table_with_the_columns_that_the_message_names_is_read(tmp_path):
    text = "Title,Year,WatchedDate,Rating10,Tags,Review\nHeat,1995,2020-07-14,9,own it,Great\n"
    assert read_bytes(tmp_path, text).format_name == "Letterboxd"


@pytest.mark.parametrize(
    "first", ["Crouching Tiger, Hidden Dragon", "The Good, the Bad and the Ugly (1966)", "[REC] (2007)"]
)
def test_list_of_titles_is_not_taken_for_a_table_or_json(tmp_path, first):
    parsed = read_bytes(tmp_path, f"{first}\nHeat\n")
    assert (parsed.format_name, len(parsed.rows)) == ("Plain text", 2)


@pytest.mark.parametrize("header", ["Movie,Date watched", "Name;Rating", "title\tscore"])
def test_table_with_two_other_columns_is_refused_with_its_columns(tmp_path, header):
    assert "FlickList doesn’t know a table with the columns" in refusal(tmp_path, f"{header}\n")


@pytest.mark.parametrize(
    "text",
    [
        '"Infinite","10/11/24"\n',
        '"Infinite","10/11/24"\n"Crouching Tiger, Hidden Dragon","9/8/23"\n',
        "Heat,Michael Mann\nRan,Akira Kurosawa\n",
        "Heat;1995;9\n\nRan;1985;10\n",
        "Heat\t1995\nRan\t1985\n",
    ],
)
def test_table_without_header_is_not_taken_for_titles(tmp_path, text):
    reason = refusal(tmp_path, text)
    assert "This looks like a table, but its first line doesn’t name the columns" in reason
    assert "The columns can be Title, Year" in reason


@pytest.mark.parametrize(
    "text",
    [
        "Crouching Tiger, Hidden Dragon\nSynecdoche, New York\n",
        "10,000 BC\n20,000 Leagues Under the Sea\n",
        "Heat,1995\nRan,1985\n",
        "1.\tHeat\n2.\tRan\n",
        "Heat (1995)\tgreat\nRan (1985)\tgreater\n",
        "Me,Myself & Irene\n",
        "Heat\nMe,Myself & Irene\n",
        '"Heat\n' + ("x y " * 480 + "\n") * 99,  # a quotation mark that is never closed
    ],
)
def test_titles_with_commas_numbers_and_years_are_no_table(tmp_path, text):
    parsed = read_bytes(tmp_path, text)
    assert (parsed.format_name, len(parsed.rows)) == ("Plain text", text.count("\n"))


def test_json_on_one_long_line(tmp_path):
    play = {"watched_at": "2024-01-01T00:00:00Z", "type": "movie", "movie": {"title": "x" * 200, "year": 1995}}
    text = json.dumps([play] * 6_000)
    assert len(text) > 1_000_000
    assert len(read_bytes(tmp_path, text).rows) == 6_000


def test_large_file_is_refused(tmp_path):
    limits = LIMITS._replace(max_entry_size=10)
    with pytest.raises(UploadRefused, match="too large"):
        read_bytes(tmp_path, IMDB, limits=limits)


@pytest.mark.parametrize("path", [*RECOGNIZED, MADE / "trakt-2026" / "watched-movies.json"], ids=lambda path: path.name)
def test_reading_can_be_stopped_at_each_row(path):
    steps = []
    rows = read(path, step=lambda: steps.append(path)).rows
    assert len(steps) >= len(rows)

    def stop():
        raise UploadRefused("Stop.")

    with pytest.raises(UploadRefused, match="Stop"):
        read(path, step=stop)
