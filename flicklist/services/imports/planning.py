"""Plan an import: what becomes of each row, and what is written. Nothing is written yet."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from sys import getsizeof
from typing import Any, NamedTuple, Self

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flicklist.film_facts import FilmFacts
from flicklist.models import Movie, Viewing
from flicklist.models.change import snapshot, viewing_values
from flicklist.models.movie_import import CHANGED_MOVIES, NEW_MOVIES, NEW_VIEWINGS, Outcome
from flicklist.services.imports.matching import Matched, Options, Target, match
from flicklist.services.imports.merging import Effect, merge, new_movie
from flicklist.services.imports.rows import TOO_MUCH_TEXT, Row, UnusableRow, UploadRefused
from flicklist.services.watchlist import find_movies, own_movie_ids

CHUNK = 500
MAX_VIEWINGS_AT_ONCE = 20_000  # of movies that are loaded together; each viewing takes 1.5 kB of memory
# Estimated bytes that one transaction writes while others wait: 4,500 movies and viewings without notes, or fewer.
MAX_WRITES_SIZE = 5_000_000
# Estimated bytes of the earlier viewings of all movies whose viewings change: 400,000 without notes, or fewer.
MAX_EARLIER_VIEWINGS_SIZE = 100_000_000
TOO_MANY_VIEWINGS = (
    "The movies that this file would change have too many viewings together. Split it into smaller files."
)
_ROW_SIZE = 1_000
_VIEWING_SIZE = 200  # in a snapshot, without its note
MAX_SEARCH_TEXT_SIZE = 100_000_000  # bytes in memory of what searches compare, of all movies that an import changes
# The database computes the others, or the import sets them last.
_NOT_COPIED = {"sort_year", "sort_rating", "change_id"}
NEW_COLUMNS = tuple(column.name for column in Movie.__table__.c if column.name not in _NOT_COPIED)
_ID = NEW_COLUMNS.index("id")
MERGED_COLUMNS = (
    *("why", "notes", "tags", *FilmFacts._fields, "rating", "watched_at", "removed_at", "last_watched_on"),
    *("search_text", "tag_keys", "genre_keys"),
)
# The key, and the fields of `Target` in their order.
_MATCHED_COLUMNS = (
    *(Movie.key, Movie.title, Movie.year, Movie.imdb_id, Movie.tmdb_id, Movie.letterboxd_uri, Movie.id),
    *(Movie.removed_at.is_not(None), Movie.added_at),
)

Step = Callable[[], None]


class PlannedRow(NamedTuple):
    """What becomes of a row. `movie_id` is unknown for a new movie in a preview."""

    outcome: Outcome
    reason: str
    movie_id: int | None = None


_UNCHANGED = PlannedRow(Outcome.PRESENT, "")


class NewViewing(NamedTuple):
    """A viewing to insert."""

    movie_id: int
    watched_on: str | None
    note: str


class Snapshot(NamedTuple):
    """The state and the last change of a movie before the import."""

    movie_id: int
    before: dict[str, Any]
    change_id: int | None

    @property
    def size(self) -> int:
        """Return an estimate in bytes."""
        return _ROW_SIZE + getsizeof(self.before["notes"]) + self.size_of_viewings

    @property
    def size_of_viewings(self) -> int:
        notes = (each["note"] for each in self.before.get("viewings", ()))
        return sum(_VIEWING_SIZE + getsizeof(note) for note in notes)


@dataclass(slots=True)
class Writes:
    """Rows to insert, update and delete in one transaction, ready for the database.

    `new_movies` have the columns `NEW_COLUMNS`. `movies` have a `movie_id`, a `change_id`
    and the columns `MERGED_COLUMNS`. `size` is an estimate in bytes.
    `positions` are those of the rows in the upload, and `counts` the numbers of movies and viewings. A preview has only
    these two.
    """

    positions: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    new_movies: list[tuple[Any, ...]] = field(default_factory=list)
    movies: list[dict[str, Any]] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    new_viewings: list[NewViewing] = field(default_factory=list)
    viewings: list[dict[str, Any]] = field(default_factory=list)
    deleted_viewing_ids: list[int] = field(default_factory=list)
    size: int = 0

    def add(self, movie: Movie) -> None:
        """Insert a movie with its viewings. It has an id already."""
        self.new_movies.append(tuple(getattr(movie, name) for name in NEW_COLUMNS))
        self._add_size(movie)
        for each in movie.viewings:
            self._add_viewing(movie, each)

    def count(self, target: Target, effects: Sequence[Effect], kind: str) -> None:
        """Count the rows of a movie, the movie itself as one of this kind, and its new viewings."""
        self.positions += target.rows
        self.counts += Counter({kind: 1, NEW_VIEWINGS: sum(effect.new_viewings for effect in effects)})

    def add_snapshot(self, earlier: Snapshot) -> None:
        self.snapshots.append(earlier)
        self.size += earlier.size

    def change(self, movie: Movie, before: dict[str, Any]) -> None:
        """Update a movie and its viewings, which differ from an earlier `snapshot`."""
        values = {name: getattr(movie, name) for name in MERGED_COLUMNS}
        self.movies.append({"movie_id": movie.id, "change_id": movie.change_id, **values})
        self._add_size(movie)
        notes = {each["id"]: each["note"] for each in before["viewings"]}
        for each in movie.viewings:
            if each.id not in notes:
                self._add_viewing(movie, each)
            elif each.note != notes[each.id]:
                self.viewings.append({"viewing_id": each.id, "note": each.note})
                self.size += _ROW_SIZE + getsizeof(each.note)
        deleted = notes.keys() - {each.id for each in movie.viewings}
        self.deleted_viewing_ids += deleted
        self.size += _ROW_SIZE * len(deleted)

    def _add_viewing(self, movie: Movie, viewing: Viewing) -> None:
        self.new_viewings.append(NewViewing(movie.id, viewing.watched_on, viewing.note))
        self.size += _ROW_SIZE + getsizeof(viewing.note)

    def _add_size(self, movie: Movie) -> None:
        self.size += _ROW_SIZE + getsizeof(movie.search_text)


class Fingerprint(NamedTuple):
    """Numbers that tell two states of a list apart. Each change of a movie gives it another `change_id`."""

    movies: int
    sum_of_ids: int
    sum_of_change_ids: int

    def after(self, writes: Writes, change_id: int) -> Self:
        """Return the fingerprint of the list after some of an import was written, as the given change."""
        new_ids = [movie[_ID] for movie in writes.new_movies]
        differences = [change_id - (movie["change_id"] or 0) for movie in writes.movies]
        return type(self)(
            self.movies + len(new_ids),
            self.sum_of_ids + sum(new_ids),
            self.sum_of_change_ids + change_id * len(new_ids) + sum(differences),
        )


@dataclass(slots=True)
class Plan:
    """The plan of an import: the rows by their position, and what each transaction writes."""

    fingerprint: Fingerprint
    rows: list[PlannedRow]
    counts: Counter[str] = field(default_factory=Counter)
    writes: list[Writes] = field(default_factory=lambda: [Writes()])

    def writes_with_room(self) -> Writes:
        """Return what the last transaction writes, to which more can be added."""
        if self.writes[-1].size >= MAX_WRITES_SIZE:
            self.writes.append(Writes())
        return self.writes[-1]


@dataclass(slots=True)
class WrittenRows:
    """The rows that an import has written already, by their position, and the numbers of movies and viewings."""

    rows: dict[int, PlannedRow] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, plan: Plan, writes: Writes) -> None:
        self.rows.update((position, plan.rows[position]) for position in writes.positions)
        self.counts += writes.counts


def read_fingerprint(db: Session, owner_id: int) -> Fingerprint:
    sums = (func.sum(Movie.id), func.sum(Movie.change_id))
    movies, of_ids, of_change_ids = db.execute(select(func.count(), *sums).where(Movie.owner_id == owner_id)).one()
    return Fingerprint(movies, int(of_ids or 0), int(of_change_ids or 0))  # PostgreSQL returns decimals


class Planner:
    """Plans the import of one upload. The session must see one snapshot of the database. May raise `UploadRefused`.

    `reserve_ids` returns ids for new movies. Without it, the plan is a preview. `step` is called twice for each row.
    Rows that are `written` are not planned again.
    """

    def __init__(
        self,
        read_db: Session,
        owner_id: int,
        rows: Sequence[Row | UnusableRow],
        options: Options,
        *,
        step: Step,
        reserve_ids: Callable[[int], Sequence[int]] | None = None,
        written: WrittenRows | None = None,
    ) -> None:
        self.read_db = read_db
        self.owner_id = owner_id
        self.rows = rows
        self.options = options
        self.step = step
        self.reserve_ids = reserve_ids
        self.written = written or WrittenRows()
        self.search_text_size = 0
        self.earlier_viewings_size = 0

    def plan(self) -> Plan:
        plan = Plan(read_fingerprint(self.read_db, self.owner_id), [_UNCHANGED] * len(self.rows))
        matched = self._match()
        for position, verdict in matched.verdicts.items():
            plan.rows[position] = PlannedRow(*verdict)
            self.step()
        self._plan_changes(plan, matched.targets)
        self._plan_additions(plan, [target for target in matched.targets if target.movie_id is None])
        for position, row in self.written.rows.items():
            plan.rows[position] = row
        plan.counts = sum((writes.counts for writes in plan.writes), Counter(self.written.counts))
        plan.counts.update(row.outcome.value for row in plan.rows)
        return plan

    def _match(self) -> Matched:
        ids = own_movie_ids(self.read_db, self.owner_id)
        keys: set[str] = set()
        options = self.options._replace(room=self.options.max_movies - len(ids))
        rows = {position: row for position, row in enumerate(self.rows) if position not in self.written.rows}
        return match(rows, self._existing(ids, keys), keys, options, self.step)

    def _existing(self, ids: Sequence[int], keys: set[str]) -> Iterator[Target]:
        """Yield the movies of the account, and collect their keys."""
        written = self._written_movies()
        for some in chunks(ids):
            own = Movie.owner_id + 0 == self.owner_id  # not by an index of owners, see `watchlist.py`
            rows = select(*_MATCHED_COLUMNS).where(own, Movie.id.in_(some))
            for row in self.read_db.execute(rows.order_by(Movie.id)):
                values: tuple[Any, ...] = tuple(row)
                keys.add(values[0])
                target = Target(*values[1:])
                if target.movie_id in written:
                    target.is_written, target.complete_row_of = True, written[target.movie_id]
                yield target

    def _written_movies(self) -> dict[int | None, str | None]:
        """Return the ids of the movies that are written already, each with the file of its complete row, or None."""
        files: dict[int | None, str | None] = {}
        for position, planned in self.written.rows.items():
            row = self.rows[position]
            is_complete = isinstance(row, Row) and row.is_complete
            files[planned.movie_id] = row.file if is_complete else files.get(planned.movie_id)
        return files

    def _plan_changes(self, plan: Plan, targets: Sequence[Target]) -> None:
        """Plan what rows change in movies of the account."""
        by_id = {target.movie_id: target for target in targets if target.movie_id is not None}
        for movies in movies_with_viewings(self.read_db, self.owner_id, list(by_id)):
            for movie in movies:
                before = snapshot(movie, with_viewings=True)
                target = by_id[movie.id]
                effects = self._merge(plan, movie, target, is_new=False)
                if not any(effect.added for effect in effects):
                    continue
                writes = plan.writes_with_room()
                writes.count(target, effects, CHANGED_MOVIES)
                earlier = Snapshot(movie.id, _without_unchanged_viewings(before, movie), movie.change_id)
                self._limit_earlier_viewings(earlier)
                if self.reserve_ids:
                    writes.change(movie, before)
                    writes.add_snapshot(earlier)

    def _plan_additions(self, plan: Plan, targets: Sequence[Target]) -> None:
        """Plan the movies that rows add."""
        ids: Sequence[int | None] = self.reserve_ids(len(targets)) if self.reserve_ids else [None] * len(targets)
        for target, movie_id in zip(targets, ids, strict=True):
            movie = new_movie(target, self._rows_of(target), self.owner_id)
            if movie_id is not None:
                movie.id = movie_id
            effects = self._merge(plan, movie, target, is_new=True)
            writes = plan.writes_with_room()
            writes.count(target, effects, NEW_MOVIES)
            if movie_id is not None:
                if target.needs_id_in_key:
                    movie.add_id_to_key()
                writes.add(movie)

    def _merge(self, plan: Plan, movie: Movie, target: Target, *, is_new: bool) -> Sequence[Effect]:
        """Change a movie in memory, set what becomes of its rows, and return the effect of each."""
        effects = merge(movie, self._rows_of(target), self.step, is_new=is_new)
        for position, effect in zip(target.rows, effects, strict=True):
            plan.rows[position] = PlannedRow(effect.outcome(is_new=is_new), effect.reason(is_new=is_new), movie.id)
        if any(effect.added for effect in effects):
            self._limit_search_text(movie)
        return effects

    def _rows_of(self, target: Target) -> Sequence[Row]:
        return [row for position in target.rows if isinstance(row := self.rows[position], Row)]

    def _limit_search_text(self, movie: Movie) -> None:
        """Count the text in memory. Raises `UploadRefused` if it is too much."""
        self.search_text_size += getsizeof(movie.search_text)
        if self.search_text_size > MAX_SEARCH_TEXT_SIZE:
            raise UploadRefused(TOO_MUCH_TEXT)

    def _limit_earlier_viewings(self, earlier: Snapshot) -> None:
        """Count the viewings in memory. Raises `UploadRefused` if they are too many."""
        self.earlier_viewings_size += earlier.size_of_viewings
        if self.earlier_viewings_size > MAX_EARLIER_VIEWINGS_SIZE:
            raise UploadRefused(TOO_MANY_VIEWINGS)


def movies_with_viewings(read_db: Session, owner_id: int, movie_ids: Sequence[int]) -> Iterator[Sequence[Movie]]:
    """Yield some movies of an account at a time, with at most `MAX_VIEWINGS_AT_ONCE` viewings, or a single movie.

    They are outside the session, so changing them writes nothing.
    """
    for some in ids_with_few_viewings(read_db, movie_ids):
        movies = find_movies(read_db, owner_id, some, for_update=False, with_viewings=True)
        read_db.expunge_all()
        yield movies


def ids_with_few_viewings(read_db: Session, movie_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield some of the movies at a time, which together have at most `MAX_VIEWINGS_AT_ONCE` viewings, or one movie."""
    for chunk in chunks(movie_ids):
        of_movies = Viewing.movie_id.in_(chunk)
        counted = select(Viewing.movie_id, func.count().label("number")).where(of_movies).group_by(Viewing.movie_id)
        numbers = Counter({row.movie_id: row.number for row in read_db.execute(counted)})
        some: list[int] = []
        viewings = 0
        for movie_id in chunk:
            viewings += numbers[movie_id]
            if some and viewings > MAX_VIEWINGS_AT_ONCE:
                yield some
                some, viewings = [], numbers[movie_id]
            some.append(movie_id)
        yield some


def _without_unchanged_viewings(before: dict[str, Any], movie: Movie) -> dict[str, Any]:
    """Return a snapshot, without the viewings if the movie still has the same ones. A list can have millions."""
    if before["viewings"] != viewing_values(movie):
        return before
    return {name: value for name, value in before.items() if name != "viewings"}


def chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
