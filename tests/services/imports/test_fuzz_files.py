"""Random files and rows: every file is read or refused, and every row is accounted for.

FLICKLIST_TEST_FILES sets how many mutations of each sample are tried.
"""

import csv
import json
import os
import random
from contextlib import suppress
from io import BytesIO, StringIO
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flicklist.services.imports.rows import UploadRefused
from tests.services.imports.files import MADE, SAMPLES, assert_storable, read, read_bytes, zipped

FILES = int(os.environ.get("FLICKLIST_TEST_FILES", "60"))
SMALL_ACCOUNT = {
    path.name: path.read_bytes()[:3_000] for path in sorted((SAMPLES / "letterboxd-export").glob("*.csv"))
} | {"lists/a.csv": (SAMPLES / "letterboxd-export" / "lists" / "favorite-films-of-2021.csv").read_bytes()}
OWN = {
    "version": 1,
    "email": "a@example.com",
    "movies": [
        {"title": "Heat", "year": 1995, "rating": 4.5, "tags": ["a"], "added_at": "2026-01-01T00:00:00+00:00"}
        | {"watched_at": "2026-01-01T00:00:00+00:00", "viewings": [{"watched_on": "2009-07", "note": "x"}]}
    ],
}
SAMPLE_FILES = {
    "flicklist.json": json.dumps(OWN).encode(),
    "flicklist.zip": zipped({"flicklist.json": json.dumps(OWN)}),
    "letterboxd.zip": zipped(SMALL_ACCOUNT),
    "letterboxd-import.csv": (MADE / "letterboxd-import.csv").read_bytes(),
    "trakt.zip": zipped(MADE / "trakt-2026"),
    **{path.name: path.read_bytes() for path in sorted((MADE / "trakt-2026").glob("*-*.json"))},
    **{path.name: path.read_bytes() for path in sorted((MADE / "imdb").iterdir())},
    **{f"{name}": (MADE / name).read_bytes() for name in ("trakt-website.csv", "trakt-import.csv", "plain-list.txt")},
    **{path.name: path.read_bytes() for path in sorted((MADE / "netflix").iterdir())},
    **{name: content for name, content in SMALL_ACCOUNT.items() if name != "lists/a.csv"},
}
ANSWERS = {
    "letterboxd_file": "watched.csv",
    "letterboxd_import": "watched",
    "trakt_list": "lists-list",
    "imdb_list": "tag",
    "netflix_date_order": "day-first",
    "netflix_colon": "add",
}
INSERTED = [
    *(b"\0", b"\xff", b"\xe9", b'"', b"'", b",", b";", b"\r", b"\n", b"\r\n", b"\t", b"[", b"]", b"{", b"}", b":"),
    *(b"<p>", b"&#x1b;", b"\\ud800", b"\\u0000", b"null", b"NaN", b"1e999", b"-1", b"9" * 5000, b"PK\3\4", b"PK\1\2"),
    *("é".encode(), "\u202e".encode(), "\ufeff".encode(), "\u0301".encode() * 40, b" " * 2000, b"2099-01-01"),
]


def mutated(content, rng):
    """Return the bytes after some cuts, copies and insertions."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 6)):
        start = rng.randrange(len(changed) + 1)
        end = min(len(changed), start + rng.choice([0, 1, 1, 4, 50]))
        piece = rng.choice([rng.choice(INSERTED), rng.randbytes(rng.randint(0, 3)), changed[end : end + 40]])
        changed[start:end] = piece
    return bytes(changed[: rng.choice([len(changed)] * 4 + [rng.randrange(len(changed) + 1)])])


def mutations(content, rng):
    """Yield mutations of a file. Those of a ZIP are broken archives, and archives of broken files."""
    for number in range(FILES):
        if content.startswith(b"PK") and number % 2:
            with ZipFile(BytesIO(content)) as archive:
                files = {name: archive.read(name) for name in archive.namelist()}
            name = rng.choice(sorted(files))
            yield zipped({**files, name: mutated(files[name], rng)})
        else:
            yield mutated(content, rng)


@pytest.mark.parametrize("name", SAMPLE_FILES)
def test_mutated_file_is_read_or_refused(tmp_path, name):
    path, rng = tmp_path / "upload", random.Random(name)
    for content in mutations(SAMPLE_FILES[name], rng):
        path.write_bytes(content)
        with suppress(UploadRefused):
            assert_storable(read(path, rng.choice([ANSWERS, {}]), name))


@settings(max_examples=FILES)
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    with suppress(UploadRefused):
        assert_storable(read_bytes(tmp_path_factory.mktemp("any"), content, answers=ANSWERS))


HEADERS = {
    "diary": "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date",
    "reviews": "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,Watched Date",
    "ratings": "Date,Name,Year,Letterboxd URI,Rating",
    "import": "LetterboxdURI,tmdbID,imdbID,Title,Year,Rating10,WatchedDate,Tags,Review",
    "imdb": "Position,Const,Created,Description,Title,Original Title,Title Type,Year,Your Rating",
    "trakt": "imdb_id,tmdb_id,title,year,type,watched_at,watchlisted_at,rating",
}
CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["Heat", "1995", "4.5", "9", "11", "tt0113277", "949", "movie", "2024-01-01", "2024-01-01T23:30:00Z"]
    ),
    st.sampled_from(["https://boxd.it/2b0k", "a, b", "<p>x</p>", "x" * 250, 'say "x"', "a\nb", "1970-01-01T00:00:00Z"]),
)


@pytest.mark.parametrize("kind", HEADERS)
@settings(max_examples=FILES)
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=11), max_size=6))
def test_every_row_is_accounted_for(tmp_path_factory, kind, rows):
    filled = [row for row in rows if any(cell and not cell.isspace() for cell in row)]
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADERS[kind].split(","))
    writer.writerows(rows)
    content = text.getvalue().replace("\0", "")
    parsed = read_bytes(tmp_path_factory.mktemp("rows"), content, answers=ANSWERS)
    assert len(parsed.rows) == len([row for row in filled if any(c.replace("\0", "").strip() for c in row)])
    assert_storable(parsed)
