"""The catalog of films: its file, its checks and its update."""

import csv
import gzip
import io
import sqlite3

import pytest

from flicklist.services import catalog
from flicklist.services.catalog import DATA, Film, all_films
from flicklist.services.suggestions import suggest

FILM = Film("Heat", "", 1995, "Michael Mann", 170, "Crime, Drama", "United States", "tt0113277", 60)
OTHER = Film("Ran", "乱", 1985, "Akira Kurosawa", None, "", "Japan", "", 50)


def test_catalog_of_the_package_has_well_known_films_of_every_decade():
    films = all_films()
    assert len(films) == len(set(films)) > 40_000
    assert {film.year // 10 * 10 for film in films} == set(range(1880, 2030, 10))
    assert all(film.title.strip() == film.title != "" for film in films)
    assert sum(bool(film.directors) for film in films[:5000]) > 4500


def test_catalog_of_the_package_has_a_notice_with_its_number_of_films():
    notice = (DATA / "NOTICE.md").read_text(encoding="utf-8")
    assert f"{len(all_films()):,} films" in notice


def as_csv(films, **changes):
    text = io.StringIO()
    writer = csv.DictWriter(text, Film._fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**film._asdict(), **changes} for film in films)
    return text.getvalue()


@pytest.fixture
def path(tmp_path):
    """The path of a catalog that does not exist yet."""
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def update(run, path, tmp_path):
    """Return a function that runs ``flicklist catalog update`` with a file of this content."""

    def update_from(content, name="films.csv", path=path):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return run("catalog update", str(file), catalog_path=str(path))

    return update_from


def titles(path, query):
    return [film.title for film in suggest(path, query)]


@pytest.mark.parametrize("name", ["films.csv", "films.csv.gz"])
def test_update_replaces_the_catalog(update, path, name):
    content = as_csv([FILM, OTHER]).encode()
    result = update(gzip.compress(content) if name.endswith("gz") else content, name)
    assert (result.exit_code, result.output) == (0, "The catalog has 2 films.\n")
    assert titles(path, "h") == ["Heat"]
    assert [film[1:] for film in suggest(path, "乱")] == [("Ran", 1985, "Akira Kurosawa")]
    update(as_csv([OTHER]))
    assert titles(path, "heat") == []


def test_running_site_uses_the_new_catalog_at_once(update, make_app, alice, path):
    update(as_csv([FILM]))
    alice.app = make_app(catalog_path=str(path))
    assert [film["title"] for film in alice.get("/suggestions?q=heat").json] == ["Heat"]
    update(as_csv([OTHER]))
    assert alice.get("/suggestions?q=heat").json == []


BAD_FILES = [
    ("", "Line 1: the column countries is missing."),
    ("title,year\nHeat,1995\n", "Line 1: the column countries is missing."),
    (as_csv([]), "There are no films in the file."),
    (as_csv([FILM], title=" "), "Line 2: the title must have 1 to 200 characters."),
    (as_csv([FILM], title="x" * 201), "Line 2: the title must have 1 to 200 characters."),
    (as_csv([FILM, FILM]), "Line 3: Heat (1995) is there twice."),
    (as_csv([FILM], year="1873"), "Line 2: year must be a number from 1874 to 2100, not '1873'."),
    (as_csv([FILM], year=""), "Line 2: year must be a number"),
    (as_csv([FILM], fame="101"), "Line 2: fame must be a number from 0 to 100, not '101'."),
    (as_csv([FILM], runtime_min="long"), "Line 2: runtime_min must be a number from 1 to 9999, not 'long'."),
    (as_csv([FILM], runtime_min="10000"), "Line 2: runtime_min must be a number from 1 to 9999, not '10000'."),
    (as_csv([FILM], directors="x" * 701), "Line 2: directors can have at most 700 characters."),
    (as_csv([FILM], genres="x" * 201), "Line 2: genres can have at most 200 characters."),
    (as_csv([FILM], imdb_id="113277"), "Line 2: imdb_id must be like tt0113277, not '113277'."),
    (as_csv([FILM]) + '"unclosed', "cannot be read"),
    (as_csv([FILM]) + "Ran\n", "Line 3: year must be a number"),
    (b"\xff\xfe", "cannot be read"),
]


@pytest.mark.parametrize(("content", "reason"), BAD_FILES)
def test_file_with_an_error_replaces_nothing(update, path, content, reason):
    update(as_csv([OTHER]))
    result = update(content)
    assert result.exit_code == 1
    assert "The catalog was not replaced. " in result.output
    assert reason in result.output
    assert titles(path, "ran") == ["Ran"]
    assert [file for file in path.parent.iterdir() if file.is_dir()] == []


@pytest.mark.parametrize("content", [b"not gzip", gzip.compress(as_csv([FILM, OTHER]).encode())[:-20]])
def test_damaged_archive_replaces_nothing(update, path, content):
    update(as_csv([OTHER]))
    assert "cannot be read" in update(content, "films.csv.gz").output
    assert titles(path, "ran") == ["Ran"]


def test_path_that_cannot_be_written_is_named(update, tmp_path):
    output = update(as_csv([FILM]), path=tmp_path / "missing" / "catalog.sqlite").output
    assert "cannot be written" in output
    assert "No such file or directory" in output
    assert "FLICKLIST_CATALOG_PATH" in output


def test_full_disk_replaces_nothing_and_is_named(update, path, monkeypatch):
    update(as_csv([OTHER]))

    def fail(connection, films):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(catalog, "_fill", fail)
    assert "cannot be written (database or disk is full)" in update(as_csv([FILM])).output
    assert titles(path, "ran") == ["Ran"]
