"""Files made to do harm are refused in bounded time and memory."""

import json
import stat
import struct
import time
import tracemalloc
from contextlib import suppress
from functools import partial
from io import BytesIO
from zipfile import ZIP_BZIP2, ZIP_STORED, ZipFile, ZipInfo

import pytest

from flicklist.services.export.json_file import VERSION
from flicklist.services.imports.formats import flicklist_export
from flicklist.services.imports.reading import UploadLimits
from flicklist.services.imports.rows import UnusableRow, UploadRefused
from flicklist.services.imports.text_decoding import detect_encoding
from flicklist.services.imports.uploads import read_rows
from tests.services.imports.files import LIMITS, assert_storable, read, undecided, usable, zipped

FILMS = "Date,Name,Year,Letterboxd URI\n"
WATCHED = f"{FILMS}2024-01-01,Heat,1995,https://boxd.it/2b0k\n"
MAX_SECONDS, MAX_BYTES = 10, 60_000_000


def bounded(tmp_path, content, name="upload.csv", limits=LIMITS, max_bytes=MAX_BYTES):
    """Read a file, and fail if that takes long or much memory."""
    path = tmp_path / "upload"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    tracemalloc.start()
    start = time.process_time()
    try:
        return read(path, name=name, limits=limits)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert time.process_time() - start < MAX_SECONDS
        assert peak < max_bytes


def refusal(*arguments, **options):
    with pytest.raises(UploadRefused) as refused:
        bounded(*arguments, **options)
    return str(refused.value)


def entry(name, **attributes):
    info = ZipInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def archive_of(*entries):
    """Return a ZIP with these headers and contents."""
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for info, content in entries:
            archive.writestr(info, content)
    return buffer.getvalue()


def bomb(name, megabytes):
    buffer = BytesIO()
    with ZipFile(buffer, "w", compresslevel=9) as archive, archive.open(entry(name, compress_type=8), "w") as file:
        file.write(FILMS.encode())
        for _ in range(megabytes):
            file.write((b"2024-01-01,Heat,1995,\n" * 50_000)[:1_000_000])
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["watched.csv", "watched-history.json"])
def test_zip_bomb(tmp_path, name):
    assert "too large when it is unpacked" in refusal(tmp_path, bomb(name, 101))


def test_zip_bomb_with_sizes_that_lie(tmp_path):
    content = bomb("watched.csv", 101)
    directory = content.rindex(b"PK\1\2")
    header = content.index(b"PK\3\4")
    lying = bytearray(content)
    struct.pack_into("<I", lying, directory + 24, 1000)
    struct.pack_into("<I", lying, header + 22, 1000)
    assert refusal(tmp_path, bytes(lying))


def test_sum_of_entries_is_limited(tmp_path):
    limits = UploadLimits(max_unpacked_size=2_000)
    rows = "".join(f"2024-01-01,Film {number},1995,\n" for number in range(50))
    files = {"watched.csv": FILMS + rows, "watchlist.csv": FILMS + rows}
    assert "too large" in refusal(tmp_path, zipped(files), limits=limits)
    assert len(bounded(tmp_path, zipped({"watched.csv": FILMS + rows}), limits=limits).rows) == 50


@pytest.mark.parametrize("number", [1_001, 10_000, 100_000])
def test_too_many_entries(tmp_path, number):
    content = zipped({f"{each}": "" for each in range(number)}, ZIP_STORED)
    assert "too many files" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    "name", ["../watched.csv", "a/../../watched.csv", "/watched.csv", "C:/watched.csv", "a\\watched.csv"]
)
def test_unsafe_names(tmp_path, name):
    assert "unsafe name" in refusal(tmp_path, zipped({"watched.csv": WATCHED, name: WATCHED}))


def test_zip_in_zip(tmp_path):
    files = {"watched.csv": WATCHED, "more.zip": zipped({"watched.csv": WATCHED})}
    assert "contains another ZIP" in refusal(tmp_path, zipped(files))
    hidden = {"watched.csv": zipped({"watched.csv": WATCHED})}
    assert refusal(tmp_path, zipped(hidden))


def test_symbolic_link(tmp_path):
    link = entry("watchlist.csv", create_system=3, external_attr=(stat.S_IFLNK | 0o777) << 16)
    assert "contains a link" in refusal(tmp_path, archive_of((entry("watched.csv"), WATCHED), (link, "/etc/passwd")))


def test_encrypted_zip(tmp_path):
    content = bytearray(zipped({"watched.csv": WATCHED}))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + offset] |= 1
    assert "encrypted" in refusal(tmp_path, bytes(content))


def test_unusual_compression(tmp_path):
    assert "unusual way" in refusal(tmp_path, zipped({"watched.csv": WATCHED}, ZIP_BZIP2))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_with_one_name(tmp_path):
    content = archive_of((entry("watched.csv"), WATCHED), (entry("watched.csv"), FILMS))
    assert "two files with the name “watched.csv”" in refusal(tmp_path, content)


def test_truncated_zip(tmp_path):
    content = zipped({"watched.csv": WATCHED, "watchlist.csv": WATCHED})
    for length in range(8, len(content)):
        assert refusal(tmp_path, content[:length])


def test_wrong_checksum(tmp_path):
    content = bytearray(zipped({"watched.csv": WATCHED}, ZIP_STORED))
    content[content.index(b"Heat")] ^= 1
    assert "damaged" in refusal(tmp_path, bytes(content))


@pytest.mark.parametrize("offset", [2**62, 2**63, 2**64 - 1])
def test_entry_with_an_offset_of_64_bits(tmp_path, offset):
    content = bytearray(archive_of((entry("watched.csv", extra=struct.pack("<HHQ", 1, 8, offset)), WATCHED)))
    struct.pack_into("<I", content, content.index(b"PK\x01\x02") + 42, 0xFFFFFFFF)  # see the extra field
    assert "damaged" in refusal(tmp_path, bytes(content))


@pytest.mark.parametrize("name", ["x.csv", "x.txt", "x.json"])
def test_one_endless_line(tmp_path, name):
    starts = {"x.csv": "Const,Title\n", "x.txt": "Heat\n", "x.json": '[{"movie": "'}
    assert refusal(tmp_path, (starts[name] + "x" * 20_000_000), name=name)


def test_cell_without_closing_quotation_mark(tmp_path):
    rows = "".join(f"2024-01-01,Film {number},1995,\n" for number in range(20_000))
    parsed = bounded(tmp_path, f'Const,Title,Title Type,Your Rating\ntt0000001,"A,Movie,9\n{rows}')
    assert any("quotation mark" in row.reason for row in parsed.rows if row.line == 2)
    cells = ",".join(['"' + "x\n" * 60_000 + '"'] * 20)
    assert "quotation mark" in refusal(tmp_path, f"Const,Title\n{cells}\n")


@pytest.mark.parametrize("where", ["start", "row", "json"])
def test_nul_characters(tmp_path, where):
    content = {
        "start": f"\0{WATCHED}",
        "row": "Const,Title\ntt0000001,a\0b\n",
        "json": '[{"movie": {}, "x": "\0"}]',
    }
    assert "not a text file" in refusal(tmp_path, content[where])


def test_utf_8_with_single_broken_rows(tmp_path):
    text = "Const,Title,Title Type,Your Rating\ntt0000001,Amélie,Movie,9\ntt0000002,Léon,Movie,9\n".encode()
    parsed = bounded(tmp_path, text + b"tt0000003,Am\xe9lie,Movie,9\n")
    assert [row.title for row in usable(parsed)] == ["Amélie", "Léon"]
    assert undecided(parsed) == ["Amlie"]
    assert_storable(parsed)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_other_encodings(tmp_path, encoding):
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    text = f"{mark}Const,Title,Title Type,Your Rating\ntt0000001,Amélie,Movie,9\n"
    assert [row.title for row in usable(bounded(tmp_path, text.encode(encoding)))] == ["Amélie"]


def test_encoding_is_detected_by_as_many_lines_as_can_be_read(tmp_path):
    """Of 100 MB with two bytes on each line, comparing all took 90 s."""
    content = (b"Title\n" + "Amélie\n".encode("cp1252") * 3) + "Léon\n".encode() * 10
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    detected = [detect_encoding(partial(path.open, "rb"), max_lines).name for max_lines in (4, 100)]
    assert detected == ["cp1252", "utf-8-sig"]


def test_truncated_utf_16(tmp_path):
    assert "cut off" in refusal(tmp_path, "Heat\nRan".encode("utf-16")[:-1])


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"version": 1, "email": "x", "movies": [' + "[" * 100_000 + "]" * 100_000 + "]}",
        '[{"type": "movie", "watched_at": ' + "[" * 100_000 + "]" * 100_000 + ', "movie": {}}]',
        '[{"movie": ' + "9" * 100_000 + "}]",
    ],
    ids=["open", "list", "object", "movies", "element", "number"],
)
def test_deep_json(tmp_path, text):
    assert refusal(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    ["[", "[}", '["', "[1, 2", "[1] [2]", '[{"a": 1', '{"a" 1}', "[1,]", "{,}", "{1: 2}", "[1 2]", "{", '{"a": ['],
)
def test_malformed_json(tmp_path, text):
    assert "malformed" in refusal(tmp_path, text)


def test_million_columns(tmp_path):
    assert "more than 1,000 columns" in refusal(tmp_path, "Const," + "," * 900_000)
    (row,) = bounded(tmp_path, "Const,Title,Title Type,Your Rating\ntt0000001,Heat,Movie,9" + "," * 900_000).rows
    assert row.title == "Heat"
    assert refusal(tmp_path, "Const," + "x," * 1_000_000)


NESTED = '{"":' * 400 + "0" + "}" * 400


@pytest.mark.parametrize(
    "text",
    [
        f"[{','.join(['{}'] * 30_000)}]",
        f"[{','.join([NESTED] * 500)}]",
        json.dumps("x" * 2_100_000),
        f"[{'0.5,' * 530_000}0]",
    ],
    ids=["objects", "nested", "text", "numbers"],
)
@pytest.mark.parametrize("start", ['[{"rated_at":', '{"version":1,"email":"x","movies":[{"notes":'])
def test_entry_of_json_that_is_too_long_is_refused_before_it_is_decoded(tmp_path, start, text):
    assert refusal(tmp_path, start + text, max_bytes=40_000_000) == "An entry of this JSON file is too long."


def test_few_entries_of_json_are_kept_to_recognize_a_file(tmp_path):
    entry = f'{{"rated_at":[{",".join([NESTED] * 45)}],"movie":{{"title":"Heat"}}}}'
    parsed = bounded(tmp_path, f"[{','.join([entry] * 20)}]", "ratings-movies.json", max_bytes=15_000_000)
    assert len(parsed.rows) == 20


def test_ids_of_trakt_are_kept_only_if_they_are_short(tmp_path):
    movies = [{"title": "Heat", "ids": {"trakt": [f"{number}{'x' * 100_000}😀"]}} for number in range(90)]
    history = [{"watched_at": "2024-01-01", "type": "movie", "movie": movie} for movie in movies]
    content = zipped({"watched-history.json": json.dumps(history)})
    assert len(bounded(tmp_path, content, max_bytes=10_000_000).rows) == 90


def test_profile_of_trakt_is_read_for_its_names_only(tmp_path):
    profile = {f"k{number}": {"x": [[]] * 15_000} for number in range(20)} | {"user": {"ids": {"slug": "ann"}}}
    comment = {"comment": {"comment": "Good", "user": {"ids": {"slug": "ann"}}}, "movie": {"title": "Heat"}}
    rated = {"rated_at": "", "movie": {"title": "Ran"}}
    files = {"user-profile.json": profile, "comments-movies.json": [{"type": "movie", **comment}]}
    content = zipped({name: json.dumps(value) for name, value in (files | {"ratings-movies.json": [rated]}).items()})
    rows = bounded(tmp_path, content, max_bytes=10_000_000).rows
    assert {row.title: row.notes for row in rows} == {"Heat": "Good", "Ran": ""}


def test_errors_of_trakt_are_read_up_to_a_number(tmp_path):
    errors = [{"endpoint": f"users/ann/{number}"} for number in range(20_000)]
    files = {"_errors.json": errors, "ratings-movies.json": [{"rated_at": "", "movie": {"title": "Heat"}}]}
    content = zipped({name: json.dumps(value) for name, value in files.items()})
    notice = bounded(tmp_path, content, max_bytes=5_000_000).notices[0]
    assert notice.startswith("Trakt couldn’t export these parts, so they are missing: “0”, “100”, “101”, ")


def test_long_names_of_films_are_compared_by_their_beginning(tmp_path):
    names = [f"Heat {number}{' ' * 50_000}😀" for number in range(100)]
    files = {
        "watched.csv": FILMS + "".join(f"2024-01-01,{name},1995,https://boxd.it/2b0k\n" for name in names),
        "diary.csv": "Date,Name,Year,Letterboxd URI,Watched Date\n2024-01-01,\u0f73Heat,1995,,2024-01-01\n",
    }
    assert len(bounded(tmp_path, zipped(files), max_bytes=15_000_000).rows) == 101


def test_too_long_names_of_films_are_refused_before_all_of_them_are_kept(tmp_path):
    limits = LIMITS._replace(max_text_size=1_000_000)
    names = [f"{number}{'A' * 190}😀" for number in range(3_000)]
    rows = "".join(f"2024-01-01,{name},1995,https://boxd.it/2b0k\n" for name in names)
    files = dict.fromkeys(("watched.csv", "ratings.csv", "watchlist.csv"), FILMS + rows)
    files["diary.csv"] = "Date,Name,Year,Letterboxd URI,Watched Date\n2024-01-01,Heat,1995,,2024-01-01\n"
    message = refusal(tmp_path, zipped(files), limits=limits, max_bytes=10_000_000)
    assert message.startswith("The texts in this upload are too long")


def test_lists_of_trakt_are_read_up_to_a_number(tmp_path):
    def lists(first):
        numbers = range(first, first + 7_000)
        return [{"name": f"{n}{'A' * 180}😀", "ids": {"trakt": f"{n}{'B' * 180}😀"}} for n in numbers]

    files = {f"lists-lists-{page}.json": lists(page * 7_000) for page in range(1, 5)}
    files["ratings-movies.json"] = [{"rated_at": "", "movie": {"title": "Ran"}}]
    content = zipped({name: json.dumps(value) for name, value in files.items()})
    assert len(bounded(tmp_path, content, max_bytes=25_000_000).rows) == 1


def test_too_many_keys_of_json(tmp_path):
    keys = "".join(f'"{number}":[],' for number in range(20_000))
    content = f'{{"version":{VERSION},"email":"alice@example.com",{keys}"movies":[]}}'
    assert refusal(tmp_path, content) == "This JSON file has more than 10,000 keys."


def test_tags_count_as_objects(tmp_path):
    limits = LIMITS._replace(max_text_size=50_000)
    content = "Title,WatchedDate,Tags\n" + 'Heat,2024-01-01,"a,b,c,d,e"\n' * 1_000
    assert refusal(tmp_path, content, limits=limits).startswith("The texts in this upload are too long")


def test_reference_to_a_character_with_a_long_number_stays(tmp_path):
    header = "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,Watched Date\n"
    review = f"<b>x</b>&#{'1' * 4_400};&#33;"
    (row,) = bounded(tmp_path, f"{header}2024-01-01,Heat,1995,,,,{review},,2024-01-01\n").rows
    assert row.notes == f"x&#{'1' * 4_400};!"


def test_movie_with_the_longest_notes_is_read(tmp_path):
    content = export_with_viewings([1_000], viewing={"watched_on": None, "note": "😀" * 50}, notes="😀" * 5_000)
    (row,) = bounded(tmp_path, content).rows
    assert (len(row.notes), len(row.viewings)) == (5_000, 1_000)


def test_too_many_rows(tmp_path):
    limits = LIMITS._replace(max_rows=10)
    row = "2024-01-01,Heat,1995,\n"
    assert len(bounded(tmp_path, zipped({"watched.csv": FILMS + row * 10}), limits=limits).rows) == 10
    for files in ({"watched.csv": 11}, {"watched.csv": 6, "watchlist.csv": 5}):
        content = zipped({name: FILMS + row * number for name, number in files.items()})
        assert "more than 10 rows" in refusal(tmp_path, content, limits=limits)
    assert "more than 10 rows" in refusal(tmp_path, "Heat\n" * 12, limits=limits)
    assert "more than 10 rows" in refusal(tmp_path, json.dumps([{"watched_at": "x", "movie": {}}] * 12), limits=limits)


def test_too_many_viewings_are_refused_before_the_rest_is_read(tmp_path, monkeypatch):
    """Each one is small, but all of them would be written in one transaction."""
    limits = LIMITS._replace(max_rows=2_000)
    assert len(bounded(tmp_path, export_with_viewings([1_000, 1_000]), limits=limits).rows) == 2
    read_movies = []

    def note_rows(*arguments):
        for row in read_rows(*arguments):
            read_movies.append(row.title)
            yield row

    monkeypatch.setattr(flicklist_export, "read_rows", note_rows)
    message = refusal(tmp_path, export_with_viewings([1_000] * 100), limits=limits)
    assert message == "This upload has more than 2,000 viewings. Split it into smaller files."
    assert len(read_movies) == 3


def test_headings_and_blank_lines_are_not_kept(tmp_path):
    parsed = bounded(tmp_path, "#a\n" * 100_000 + "\n" * 100_000 + "Heat\n", max_bytes=1_000_000)
    assert [row.title for row in parsed.rows] == ["Heat"]
    assert parsed.notices == ("Skipped as headings: “#a”, “#a”, “#a”, “#a”, “#a” and others.",)


@pytest.mark.parametrize("first", ["Heat\n", "Date,Name,Year,Letterboxd URI,Rating\n"], ids=["text", "csv"])
@pytest.mark.parametrize("line", ["\r", "#a\n"])
def test_too_many_lines(tmp_path, first, line):
    limits = LIMITS._replace(max_lines=1_000)
    bounded(tmp_path, first + line * 999, limits=limits)
    message = refusal(tmp_path, first + line * 1_000, limits=limits)
    assert message == "A file has more than 1,000 lines. Split it into smaller files."


def test_too_much_text_is_refused_before_all_of_it_is_kept(tmp_path):
    """One character that needs four bytes makes each of the others need four."""
    limits = LIMITS._replace(max_text_size=1_000_000)
    header = "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,Watched Date\n"
    row = f"2024-01-01,Heat,1995,https://boxd.it/2b0k,,,{'x' * 4_900}😀,,2024-01-01\n"
    files = {"reviews.csv": header + row * 25, "orphaned/reviews.csv": header + row * 20}
    assert len(bounded(tmp_path, zipped(files), limits=limits).rows) == 45
    files["orphaned/reviews.csv"] = header + row * 1_000
    message = refusal(tmp_path, zipped(files), limits=limits, max_bytes=10_000_000)
    assert message == "The texts in this upload are too long together. Split it into smaller files."


def test_viewings_that_are_not_objects_are_refused(tmp_path):
    (row,) = bounded(tmp_path, export_with_viewings([1_000], viewing=0)).rows
    assert row == UnusableRow("upload.csv", 1, "Heat", "A viewing of this movie can’t be read.")


def test_long_list_with_two_viewings_of_each_movie_is_accepted():
    assert LIMITS.max_viewings >= 2 * 100_000


def export_with_viewings(numbers, viewing=None, **others):
    """Return an export of movies with so many viewings each."""
    viewing = {} if viewing is None else viewing
    movies = [{"title": "Heat", "viewings": [viewing] * number, **others} for number in numbers]
    return json.dumps({"version": VERSION, "email": "alice@example.com", "movies": movies})


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "empty"),
        (b" \n\n", "no text"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"\x1f\x8b\x08", "not as a ZIP"),
        (b"PK\x05\x06" + bytes(18), "an empty ZIP"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (zipped({"[Content_Types].xml": "", "xl/workbook.xml": ""}), "Save it as CSV"),
        (zipped({"__MACOSX/._watched.csv": "x", "folder/": ""}), "no files"),
        (b'{"metadata": []}', "this kind of JSON"),
        (b'[{"lot": "movie"}]', "with “lot”"),
    ],
)
def test_other_files(tmp_path, content, kind):
    assert kind in refusal(tmp_path, content)


@pytest.mark.parametrize("name", ["watched.pdf", "x.zip", "", "../../etc/passwd", "a\0b", "x" * 5000, "\ud800"])
def test_name_of_the_file_does_not_matter(tmp_path, name):
    text = "Const,Title,Title Type,Your Rating\ntt0000001,Heat,Movie,9\n"
    parsed = bounded(tmp_path, text, name)
    assert [row.title for row in parsed.rows] == ["Heat"]
    assert_storable(parsed)


def test_review_with_deeply_nested_html(tmp_path):
    header = "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Review,Tags,Watched Date\n"
    reviews = ["<b>" * 5_000 + "x", "<p>" * 5_000, "<br>" * 5_000, "<" * 15_000, "&" * 15_000, " " * 15_000 + "<i>x"]
    rows = "".join(f'2024-01-01,Heat,1995,,,,"{review}",,2024-01-01\n' for review in reviews)
    parsed = bounded(tmp_path, header + rows)
    assert len(usable(parsed)) == len(reviews)
    assert_storable(parsed)


@pytest.mark.parametrize(
    "character", [" ", "(", "[", ",", "1", "-", "#", "x ", "(1", "\t", "[x] ", "e\u0301", "\u0327\u0301"]
)
def test_lines_of_one_character(tmp_path, character):
    lines = f"{character * 1_900}z\n" * 200
    with suppress(UploadRefused):
        assert_storable(bounded(tmp_path, f"Heat\n{lines}"))
