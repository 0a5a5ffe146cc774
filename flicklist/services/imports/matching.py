"""Decide which movie each row of an upload is about: one of the account, or a new one.

Two movies are the same if they share an id. Otherwise their titles must have the same `compare_key`, and their years
must be equal. A movie of a neighbouring year or with a similar title is never taken.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from flicklist.dates import FIRST_YEAR, LAST_YEAR, first_day
from flicklist.film_facts import FilmFacts, invalid_facts, without_facts
from flicklist.models.meta import utc_now
from flicklist.models.movie import BEST_RATING, MAX_TITLE_LENGTH, REMOVED_RETENTION, movie_key
from flicklist.models.movie_import import Outcome
from flicklist.services.imports.problems import NO_TITLE
from flicklist.services.imports.rows import Row, Status, UnusableRow
from flicklist.text import compare_key, has_visible_character, quote

ONLY_IN_LISTS = "Left out: only in your lists or among your favorites."
WAS_REMOVED = "You removed this movie. Restore it first, then import the file again."
LIST_CHANGED = "Your list changed during the import. Import the file again."
DIFFERENT_IDS = "The ids in this row belong to different movies."
# Each row is compared with all movies of its title. No list of real films has so many of one title.
MAX_MOVIES_OF_ONE_TITLE = 500


@dataclass(slots=True, eq=False)
class Target:
    """A movie that rows are about. A new one has no `movie_id`.

    `rows` are the positions of the rows in the upload.
    """

    title: str
    year: int | None
    imdb_id: str = ""
    tmdb_id: int | None = None
    letterboxd_uri: str = ""
    movie_id: int | None = None
    is_removed: bool = False
    added_at: datetime | None = None
    needs_id_in_key: bool = False
    complete_row_of: str | None = None
    """The file with a complete row about this movie. Each complete row of a file is another movie."""
    is_written: bool = False
    """Whether this import has written the movie already, with all rows that were about it."""
    rows: list[int] = field(default_factory=list)


class Verdict(NamedTuple):
    """The outcome of a row that is about no movie, and the reason."""

    outcome: Outcome
    reason: str


class Options(NamedTuple):
    """The limits that rows are checked against.

    `latest` is the last day that is not in the future for the person. `room` is how many movies the account can still
    have.
    """

    max_movies: int
    latest: date
    room: int = 0


class Matched(NamedTuple):
    """The movies that rows are about, and the verdict on all other rows by their position."""

    targets: Sequence[Target]
    verdicts: Mapping[int, Verdict]


def match(
    rows: Mapping[int, Row | UnusableRow],
    existing: Iterable[Target],
    keys: set[str],
    options: Options,
    step: Callable[[], None],
) -> Matched:
    """Return which movie each row is about. `rows` are given by their position.

    `keys` are the keys of all movies of the account, see `Movie.key`. `step` is called after each row.
    """
    return _Matcher(rows, existing, keys, options).match(step)


class _NotMatched(Exception):
    """Raised when it is clear that a row is about no movie, or unclear which one. The reason is shown to the person."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


class _Matcher:
    def __init__(
        self, rows: Mapping[int, Row | UnusableRow], existing: Iterable[Target], keys: set[str], options: Options
    ) -> None:
        self.rows = rows
        self.keys = keys
        self.options = options
        self.room = options.room
        self.verdicts: dict[int, Verdict] = {}
        self.new: list[Target] = []
        self.only_in_lists: list[Target] = []
        self.found: dict[int, Target] = {}
        self.by_imdb_id: dict[str, Target] = {}
        self.by_tmdb_id: dict[int, Target] = {}
        self.by_letterboxd_uri: dict[str, Target] = {}
        self.by_title: dict[str, list[Target]] = defaultdict(list)
        for target in existing:
            self._remember(target)

    def match(self, step: Callable[[], None]) -> Matched:
        for position in sorted(self.rows, key=self._turn):
            row = self.rows[position]
            if isinstance(row, UnusableRow):
                outcome = Outcome.UNDECIDED if row.needs_decision else Outcome.REFUSED
                self.verdicts[position] = Verdict(outcome, row.reason)
            else:
                self._match_row(position, _with_valid_facts(row))
            step()
        for target in self.only_in_lists:
            self.verdicts.update(dict.fromkeys(target.rows, Verdict(Outcome.UNDECIDED, ONLY_IN_LISTS)))
        targets = [*self.found.values(), *self.new]
        for target in targets:
            target.rows.sort()
        return Matched(targets, self.verdicts)

    def _turn(self, position: int) -> int:
        """Return when a row is matched: one that says more about the movie first.

        So a row without a year finds the movie that a later row adds, and one that only tags a movie finds it anyway.
        """
        row = self.rows[position]
        if isinstance(row, UnusableRow):
            return 0
        precision = (0 if _has_id(row.facts) else 2) + (0 if row.year else 1)
        return precision + (0 if puts_on_list(row) else 4) + (0 if row.title else 8)

    def _match_row(self, position: int, row: Row) -> None:
        try:
            self._check(row)
            target = self._find(row)
            if target is None:
                target = self._add(row)
        except _NotMatched as not_matched:
            self.verdicts[position] = Verdict(not_matched.outcome, not_matched.reason)
            return
        if target.movie_id is not None:
            self.found.setdefault(target.movie_id, target)
        target.rows.append(position)
        if row.is_complete:
            target.complete_row_of = row.file
        self._learn(target, row.facts)

    def _check(self, row: Row) -> None:
        """Raise `_NotMatched` if the row says something impossible. Most formats have refused it before."""
        for viewing in row.viewings:
            if viewing.watched_on is not None and (problem := self._problem_with_date(viewing.watched_on)):
                raise _NotMatched(Outcome.UNDECIDED, problem)
        if row.rating is not None and not 1 <= row.rating <= BEST_RATING:
            raise _NotMatched(Outcome.UNDECIDED, "The rating is outside the scale.")
        if row.removed_at is not None and row.removed_at < utc_now() - REMOVED_RETENTION:
            days = REMOVED_RETENTION.days
            raise _NotMatched(Outcome.REFUSED, f"This movie was removed more than {days} days ago.")

    def _problem_with_date(self, watched_on: str) -> str | None:
        try:
            is_future = first_day(watched_on) > self.options.latest
        except ValueError:
            return f"{quote(watched_on)} is not a date."
        return f"The date {watched_on} is in the future." if is_future else None

    def _find(self, row: Row) -> Target | None:
        target = self._find_complete(row) if row.is_complete else self._find_by_id(row.facts)
        if target is None and row.title and not row.is_complete:
            target = self._find_by_title(row.title, row)
            if target is None and row.year and row.facts.original_title:
                target = self._find_by_title(row.facts.original_title, row)
        if target is not None and target.is_written:
            raise _NotMatched(Outcome.UNDECIDED, LIST_CHANGED)
        if target is not None and target.is_removed and row.removed_at is None:
            raise _NotMatched(Outcome.UNDECIDED, WAS_REMOVED)
        return target

    def _find_complete(self, row: Row) -> Target | None:
        """Return the movie of a complete row. If several have its title and year, that which was added then."""
        same_title = [target for target in self.by_title.get(compare_key(row.title), ()) if target.year == row.year]
        candidates = [target for target in same_title if not _is_other(target, row.facts)]
        free = [target for target in candidates if target.complete_row_of != row.file]
        if not any(_shares_id(target, row.facts) for target in free):
            by_id = self._find_by_id(row.facts)
            if by_id is not None and by_id.complete_row_of != row.file:
                return by_id
        return next((target for target in free if target.added_at == row.added_at), next(iter(free), None))

    def _find_by_id(self, facts: FilmFacts) -> Target | None:
        by_id = (self.by_imdb_id.get(facts.imdb_id), self.by_tmdb_id.get(facts.tmdb_id or 0))
        found = {id(target): target for target in by_id if target is not None}
        if not found and (target := self.by_letterboxd_uri.get(facts.letterboxd_uri)) is not None:
            found = {id(target): target}
        if len(found) > 1 or any(_has_other_id(target, facts) for target in found.values()):
            raise _NotMatched(Outcome.UNDECIDED, DIFFERENT_IDS)
        return next(iter(found.values()), None)

    def _find_by_title(self, title: str, row: Row) -> Target | None:
        named = [target for target in self.by_title.get(compare_key(title), ()) if not _is_other(target, row.facts)]
        same_year = [target for target in named if target.year == row.year]
        candidates = same_year if same_year or row.year else named
        exact = [target for target in candidates if target.title == title] if len(candidates) > 1 else candidates
        if len(candidates) > 1 and len(exact) != 1:
            known = "title and year" if row.year else "title"
            reason = f"{len(candidates)} movies have this {known}. Add an id or a year to the row."
            raise _NotMatched(Outcome.UNDECIDED, reason)
        return exact[0] if exact else None

    def _add(self, row: Row) -> Target:
        self._check_new(row)
        target = Target(row.title, row.year)
        key = movie_key(row.title, row.year)
        target.needs_id_in_key = key in self.keys
        self.keys.add(key)
        self.room -= 1
        self._remember(target)
        (self.new if puts_on_list(row) else self.only_in_lists).append(target)
        return target

    def _check_new(self, row: Row) -> None:
        """Raise `_NotMatched` if the row cannot become a new movie."""
        if not has_visible_character(row.title):
            raise _NotMatched(Outcome.REFUSED, NO_TITLE)
        if len(row.title) > MAX_TITLE_LENGTH:
            raise _NotMatched(Outcome.REFUSED, f"A title can have at most {MAX_TITLE_LENGTH} characters.")
        if row.year is not None and not FIRST_YEAR <= row.year <= LAST_YEAR:
            raise _NotMatched(Outcome.UNDECIDED, f"The year {row.year} is not from {FIRST_YEAR} to {LAST_YEAR}.")
        if len(self.by_title[compare_key(row.title)]) >= MAX_MOVIES_OF_ONE_TITLE:
            raise _NotMatched(Outcome.REFUSED, f"You already have {MAX_MOVIES_OF_ONE_TITLE} movies with this title.")
        if self.room <= 0:
            limit = f"You can have at most {self.options.max_movies:,} movies, and you’ve reached that limit."
            raise _NotMatched(Outcome.REFUSED, limit)

    def _remember(self, target: Target) -> None:
        same_title = self.by_title[compare_key(target.title)]
        if len(same_title) < MAX_MOVIES_OF_ONE_TITLE:
            same_title.append(target)
        self._index_ids(target)

    def _learn(self, target: Target, facts: FilmFacts) -> None:
        """Add the ids that a movie lacks, so that later rows find it by them."""
        if _has_id(facts):
            target.imdb_id = target.imdb_id or facts.imdb_id
            target.tmdb_id = target.tmdb_id or facts.tmdb_id
            target.letterboxd_uri = target.letterboxd_uri or facts.letterboxd_uri
            self._index_ids(target)

    def _index_ids(self, target: Target) -> None:
        if target.imdb_id:
            self.by_imdb_id.setdefault(target.imdb_id, target)
        if target.tmdb_id:
            self.by_tmdb_id.setdefault(target.tmdb_id, target)
        if target.letterboxd_uri:
            self.by_letterboxd_uri.setdefault(target.letterboxd_uri, target)


def puts_on_list(row: Row) -> bool:
    """Return whether a row puts its movie on one of the lists. Other rows only tag a movie."""
    return row.status is not None or row.rating is not None or bool(row.viewings)


def says_watched(row: Row) -> bool:
    """Return whether a row says that the movie is watched. Moved back to the watchlist, it can have viewings."""
    if row.status is Status.WATCHLIST:
        return row.rating is not None
    return puts_on_list(row)


def _with_valid_facts(row: Row) -> Row:
    """Return the row without impossible facts. Otherwise rows could be compared by ids that are not kept."""
    invalid = invalid_facts(row.facts)
    return replace(row, facts=without_facts(row.facts, invalid)) if invalid else row


def _has_id(facts: FilmFacts) -> bool:
    return bool(facts.imdb_id or facts.tmdb_id or facts.letterboxd_uri)


def _shares_id(target: Target, facts: FilmFacts) -> bool:
    has_imdb_id = facts.imdb_id != "" and target.imdb_id == facts.imdb_id
    return has_imdb_id or (facts.tmdb_id is not None and target.tmdb_id == facts.tmdb_id)


def _has_other_id(target: Target, facts: FilmFacts) -> bool:
    has_other_imdb_id = target.imdb_id and facts.imdb_id and target.imdb_id != facts.imdb_id
    has_other_tmdb_id = target.tmdb_id and facts.tmdb_id and target.tmdb_id != facts.tmdb_id
    return bool(has_other_imdb_id or has_other_tmdb_id)


def _is_other(target: Target, facts: FilmFacts) -> bool:
    """Return whether a movie and a row with the same title and year are two movies."""
    return _has_other_id(target, facts) or _has_other_address(target.letterboxd_uri, facts.letterboxd_uri)


def _has_other_address(one: str, other: str) -> bool:
    """Return whether two addresses lead to two films. A short and a long address can lead to the same one."""
    return bool(one and other and one != other) and urlsplit(one).netloc == urlsplit(other).netloc
