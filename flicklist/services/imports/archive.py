"""Reading the ZIP of a stranger: nothing is written to disk, and every byte that is unpacked counts."""

import io
import stat
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, LargeZipFile, ZipFile, ZipInfo

import regex

from flicklist.services.imports.rows import UploadRefused
from flicklist.services.imports.values import printable
from flicklist.text import quote

CHUNK = 64 * 1024
MAX_DIRECTORY_ENTRY_SIZE = 1_000  # on average, in the directory of the archive
MAX_RATIO = 500  # of unpacked to packed bytes; real exports have less than 40
MIN_SIZE_FOR_RATIO = 10_000_000
# All that zipfile raises for archives that are damaged or made to do harm.
_DAMAGES = (
    BadZipFile,
    LargeZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    OverflowError,  # an offset of 64 bits
)
_DAMAGED = "This ZIP is damaged or cut off. Download it again, and upload it as it is."
_UNSAFE_NAME = regex.compile(r"^/|\\|^[A-Za-z]:|(?:^|/)\.\.(?:/|$)|\p{Cc}")
_CLUTTER = regex.compile(r"(?:^|/)(?:__MACOSX/.*|\._[^/]*|\.DS_Store|Thumbs\.db)$|/$", regex.IGNORECASE)


class UploadLimits(NamedTuple):
    """The limits of an upload. Sizes are in bytes, unpacked."""

    max_entries: int = 1_000
    max_entry_size: int = 100_000_000
    max_unpacked_size: int = 500_000_000
    max_rows: int = 200_000
    max_lines: int = 2_000_000  # of one file, with those of texts that have several
    max_text_size: int = 50_000_000  # of all texts that are kept, as they are in memory

    @property
    def max_viewings(self) -> int:
        """The viewings of all rows together. Only an export of FlickList can have more than one in a row."""
        return self.max_rows


class Archive:
    """The files of a ZIP by name, without a top folder that all of them are in."""

    def __init__(self, archive: ZipFile, limits: UploadLimits) -> None:
        self._archive, self._limits = archive, limits
        self._sizes: dict[str, int] = {}
        infos = archive.infolist()
        if len(infos) > limits.max_entries:
            raise _too_many_entries(limits)
        _check_entries(infos)
        self.entries = _without_top_folder(
            {info.filename: info for info in infos if not _CLUTTER.search(info.filename)}
        )

    def open(self, name: str) -> BinaryIO:
        """Open a file for reading. Raises `UploadRefused`, also while it is read."""
        info = self.entries[name]
        with _damages_refused():
            file = self._archive.open(info)
        return io.BufferedReader(_CountingReader(self, info, file), CHUNK)

    def count(self, info: ZipInfo, size: int) -> None:
        """Note that so many bytes of an entry have been unpacked. Files can be read more than once."""
        self._sizes[info.filename] = max(size, self._sizes.get(info.filename, 0))
        is_too_large = size > self._limits.max_entry_size
        if is_too_large or sum(self._sizes.values()) > self._limits.max_unpacked_size or _is_bomb(info, size):
            raise UploadRefused("This ZIP is too large when it is unpacked.")


class _CountingReader(io.RawIOBase):
    """Counts what is really unpacked: the sizes in the directory of an archive can lie."""

    def __init__(self, archive: Archive, info: ZipInfo, file: IO[bytes]) -> None:
        self._archive, self._info, self._file = archive, info, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with _damages_refused():
            data = self._file.read(min(len(buffer), CHUNK))
            position = self._file.tell()
        self._archive.count(self._info, position)
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


class _ShortReads(io.FileIO):
    """A file that refuses to read a large directory of a ZIP, which zipfile would read at once."""

    limits: UploadLimits

    def read(self, size: int | None = -1, /) -> bytes:
        if size and size > max(self.limits.max_entries * MAX_DIRECTORY_ENTRY_SIZE, 2 * CHUNK):
            raise _too_many_entries(self.limits)
        return super().read(size if size is not None else -1) or b""


@contextmanager
def open_archive(path: Path, limits: UploadLimits) -> Iterator[Archive]:
    """Open a ZIP. Raises `UploadRefused` if it is damaged, encrypted, too large or made to do harm."""
    with _ShortReads(path) as file:
        file.limits = limits
        with _damages_refused():
            archive = ZipFile(file)
        with archive:
            yield Archive(archive, limits)


@contextmanager
def _damages_refused() -> Iterator[None]:
    try:
        yield
    except _DAMAGES:
        raise UploadRefused(_DAMAGED) from None


def _check_entries(infos: list[ZipInfo]) -> None:
    names = set()
    for info in infos:
        if info.filename in names:
            raise UploadRefused(f"This ZIP contains two files with the name {_shown(info)}.")
        names.add(info.filename)
        if (problem := _problem(info)) is not None:
            raise UploadRefused(problem)


def _problem(info: ZipInfo) -> str | None:
    """Return why an archive with this entry is refused, or None."""
    if _UNSAFE_NAME.search(info.filename):
        return f"This ZIP contains a file with the unsafe name {_shown(info)}."
    if info.flag_bits & 0x1:
        return "This ZIP is encrypted. Unpack it, and upload it without a password."
    if stat.S_ISLNK(info.external_attr >> 16):
        return f"This ZIP contains a link: {_shown(info)}."
    if info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        return "This ZIP is compressed in an unusual way. Unpack it, and zip it again."
    if info.filename.lower().endswith(".zip"):
        return f"This ZIP contains another ZIP, {_shown(info)}. Upload that one alone."
    return None


def _is_bomb(info: ZipInfo, size: int) -> bool:
    return size > MIN_SIZE_FOR_RATIO and size > MAX_RATIO * info.compress_size


def _without_top_folder(infos: dict[str, ZipInfo]) -> Mapping[str, ZipInfo]:
    tops = {name.partition("/")[0] for name in infos}
    if len(tops) != 1 or any("/" not in name for name in infos):
        return infos
    return {name.partition("/")[2]: info for name, info in infos.items()}


def _too_many_entries(limits: UploadLimits) -> UploadRefused:
    return UploadRefused(f"This ZIP contains too many files: more than {limits.max_entries:,}.")


def _shown(info: ZipInfo) -> str:
    return quote(printable(info.filename))
