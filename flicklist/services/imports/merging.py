"""Decide what rows of an upload change in the movie that they are about.

The movie is changed in memory, through its own methods. The person's title, year, rating, notes and viewings stay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flicklist.film_facts import FilmFacts, fact_name, invalid_facts, without_facts
from flicklist.labels import split_labels
from flicklist.models import Movie, Viewing
from flicklist.models.meta import utc_now
from flicklist.models.movie import (
    MAX_NOTES_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS,
    MAX_VIEWING_NOTE_LENGTH,
    MAX_WHY_LENGTH,
    LimitReached,
)
from flicklist.models.movie_import import Outcome
from flicklist.ratings import rating_text
from flicklist.services.imports.claims import Claims, ViewingIndex
from flicklist.services.imports.matching import Target, says_watched
from flicklist.services.imports.rows import REWATCH, Row, RowViewing, Status
from flicklist.text import compare_key, quote

NOTE_IN_NOTES = "The text is too long for the note of a viewing, so it belongs in the notes of the movie."
_NO_FACTS = FilmFacts()


@dataclass(slots=True)
class Effect:
    """The effect of a row on its movie: texts about what was added, what could not be added, and remarks."""

    added: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    new_viewings: int = 0
    needs_decision: bool = False

    def outcome(self, *, is_new: bool) -> Outcome:
        if self.added:
            return Outcome.ADDED if is_new else Outcome.CHANGED
        if self.needs_decision:
            return Outcome.UNDECIDED
        return Outcome.REFUSED if self.failed else Outcome.PRESENT

    def reason(self, *, is_new: bool) -> str:
        added = [] if is_new or not self.added else [f"New: {', '.join(dict.fromkeys(self.added))}."]
        return " ".join(dict.fromkeys([*added, *self.failed, *self.remarks]))


def new_movie(target: Target, rows: Sequence[Row], owner_id: int) -> Movie:
    """Return the movie that rows add, still on the watchlist and without viewings and tags."""
    return Movie(
        title=target.title,
        year=target.year,
        owner_id=owner_id,
        added_at=min((row.added_at for row in rows if row.added_at is not None), default=None) or utc_now(),
        watched_at=None,
        removed_at=rows[0].removed_at if all(row.removed_at for row in rows) else None,
        rating=None,
        last_watched_on="",
        **_valid_facts(rows[0].facts, Effect())._asdict(),
    )


def merge(movie: Movie, rows: Sequence[Row], step: Callable[[], None], *, is_new: bool) -> list[Effect]:
    """Change the movie as the rows say, and return the effect of each row. `step` is called after each row."""
    return _Merger(movie, rows, is_new=is_new).merge(step)


class _Merger:
    def __init__(self, movie: Movie, rows: Sequence[Row], *, is_new: bool) -> None:
        self.movie = movie
        self.rows = rows
        self.is_new = is_new
        self.effects = [Effect(remarks=[row.remark] if row.remark else []) for row in rows]
        self.viewings = ViewingIndex(movie.viewings)

    def merge(self, step: Callable[[], None]) -> list[Effect]:
        watched_at = self.movie.watched_at
        if self.is_new:
            self.effects[0].added.append("the movie")
        for row, effect in zip(self.rows, self.effects, strict=True):
            self._merge_facts(row.facts, effect)
            self._merge_texts(row, effect)
            self._merge_tags(row.tags, effect)
            self._merge_viewings(row.viewings, effect)
            step()
        if not any(map(says_watched, self.rows)):
            self.movie.watched_at = watched_at  # a movie that was moved back to the watchlist keeps its viewings
        self._mark_as_watched()
        if not watched_at:
            self._set_watched_at()
        for row, effect in zip(self.rows, self.effects, strict=True):
            self._merge_rating(row.rating, effect)
        return self.effects

    def _merge_facts(self, facts: FilmFacts, effect: Effect) -> None:
        if facts in {_NO_FACTS, self.movie.facts}:
            return
        valid = _valid_facts(facts, effect)
        gaps = {name: value for name, value in valid._asdict().items() if value and not getattr(self.movie, name)}
        if gaps:
            self.movie.set_details(self.movie.details._replace(facts=self.movie.facts._replace(**gaps)))
            effect.added += map(fact_name, gaps)

    def _merge_texts(self, row: Row, effect: Effect) -> None:
        details = self.movie.details
        if row.why and self._check_text("why", details.why, row.why, MAX_WHY_LENGTH, effect):
            details = details._replace(why=row.why)
        is_set = row.notes and row.is_complete
        if is_set and self._check_text("notes", details.notes, row.notes, MAX_NOTES_LENGTH, effect):
            details = details._replace(notes=row.notes)
        if details != self.movie.details:
            self.movie.set_details(details)
        if row.notes and not row.is_complete:
            self._add_to_notes(row.notes, effect)

    @staticmethod
    def _check_text(name: str, present: str, text: str, max_length: int, effect: Effect) -> bool:
        """Return whether a new text can be set, because there is none yet and it fits. Record that in the effect."""
        if text == present:
            return False
        if present:
            effect.remarks.append(f"“{name.capitalize()}” already has another text, which stays.")
        elif len(text) > max_length:
            effect.failed.append(f"“{name.capitalize()}” can have at most {max_length:,} characters.")
        else:
            effect.added.append(name)
            return True
        return False

    def _merge_tags(self, tags: Sequence[str], effect: Effect) -> None:
        if not tags:
            return
        present = split_labels(self.movie.tags)
        keys = set(map(compare_key, present))
        # A tag cannot contain a comma, but the name of a list can.
        labels = {compare_key(label): label for label in (" ".join(split_labels(tag)) for tag in tags) if label}
        new = [label for key, label in labels.items() if key not in keys]
        too_long = [label for label in new if len(label) > MAX_TAG_LENGTH]
        fitting = [label for label in new if len(label) <= MAX_TAG_LENGTH]
        room = MAX_TAGS - len(present)
        effect.failed += (f"The tag {quote(label)} has more than {MAX_TAG_LENGTH} characters." for label in too_long)
        if len(fitting) > room:
            effect.failed.append(f"A movie can have at most {MAX_TAGS} tags.")
        if fitting[:room]:
            self.movie.add_tags(fitting[:room])
            effect.added.append("tags")

    def _merge_viewings(self, viewings: Sequence[RowViewing], effect: Effect) -> None:
        """Add the viewings of one row, except those that the movie has.

        The viewings of one row are different ones, even on one day. Each row is compared with all viewings.
        """
        if len(viewings) == 1 and not self.viewings.has(viewings[0].watched_on):
            self._add_viewing(viewings[0], effect)
            return
        claims = Claims(self.viewings)
        others: Sequence[RowViewing] = viewings
        for claim in (claims.with_note, claims.containing_note):
            others = [viewing for viewing in others if claim(viewing) is None]
        for viewing in others:
            if (same := claims.on_date(viewing)) is not None:
                self._append_note(same, viewing.note, effect)
            elif (added := self._add_viewing(viewing, effect)) is not None:
                claims.add(added)

    def _add_viewing(self, viewing: RowViewing, effect: Effect) -> Viewing | None:
        fits = len(viewing.note) <= MAX_VIEWING_NOTE_LENGTH
        try:
            note = viewing.note if fits else ""
            self.movie.add_viewing(viewing.watched_on, note, notes_length=self.viewings.notes_length)
        except LimitReached as limit:
            effect.failed.append(str(limit))
            return None
        added = self.movie.viewings[-1]
        self.viewings.add(added)
        effect.added.append("a viewing")
        effect.new_viewings += 1
        if not fits:
            self._add_to_notes(viewing.note, effect)
            effect.remarks.append(NOTE_IN_NOTES)
        return added

    def _append_note(self, viewing: Viewing, note: str, effect: Effect) -> None:
        """Append a note to that of a viewing. If it is too long for that, it becomes notes of the movie."""
        if note in viewing.note:
            return
        longer = f"{viewing.note}\n{note}" if viewing.note else note
        if len(longer) > MAX_VIEWING_NOTE_LENGTH:
            self._add_to_notes(note, effect)
            effect.remarks.append(NOTE_IN_NOTES)
            return
        old = viewing.note
        try:
            self.movie.edit_viewing(viewing, viewing.watched_on, longer, notes_length=self.viewings.notes_length)
        except LimitReached as limit:
            effect.failed.append(str(limit))
            return
        self.viewings.replace_note(viewing, old)
        effect.added.append("a note")

    def _add_to_notes(self, note: str, effect: Effect) -> None:
        present = self.movie.notes
        if note in present:
            return
        longer = f"{present}\n\n{note}" if present else note
        if len(longer) > MAX_NOTES_LENGTH:
            effect.failed.append(f"The text of {len(note):,} characters doesn’t fit into the notes of the movie.")
            return
        self.movie.set_details(self.movie.details._replace(notes=longer))
        effect.added.append("notes")

    def _mark_as_watched(self) -> None:
        """Mark the movie as watched if a row says so without a date.

        It gets a viewing without a date, unless it has a viewing, or the row is complete.
        """
        marks = [(row, effect) for row, effect in zip(self.rows, self.effects, strict=True) if says_watched(row)]
        if marks and not self.movie.is_watched and not self.movie.viewings:
            row, effect = marks[0]
            if row.is_complete:
                self.movie.watched_at = row.watched_at or utc_now()
                effect.added.append("the mark as watched")
            else:
                self._add_viewing(RowViewing(None), effect)
        wanted = [effect for row, effect in zip(self.rows, self.effects, strict=True) if row.status is Status.WATCHLIST]
        if marks and wanted and self.movie.is_watched:
            self._merge_tags([REWATCH], wanted[0])

    def _set_watched_at(self) -> None:
        """Set when the movie was marked as watched, if it is watched now and a row says when."""
        times = [row.watched_at for row in self.rows if row.watched_at is not None and says_watched(row)]
        if times and self.movie.is_watched:
            self.movie.watched_at = min(times)

    def _merge_rating(self, rating: int | None, effect: Effect) -> None:
        if not rating or rating == self.movie.rating:
            return
        if not self.movie.is_watched:
            effect.failed.append("The movie is on your watchlist, and only a watched one has a rating.")
            effect.needs_decision = True
        elif self.movie.rating is None:
            self.movie.rate(rating)
            effect.added.append("a rating")
        else:
            effect.remarks.append(
                f"You rated it {rating_text(self.movie.rating)}, which stays. The file says {rating_text(rating)}."
            )


def _valid_facts(facts: FilmFacts, effect: Effect) -> FilmFacts:
    """Return the facts that a movie can have. The effect names the others."""
    if facts == _NO_FACTS:
        return facts
    invalid = invalid_facts(facts)
    effect.remarks += (f"The {fact_name(name)} isn’t valid, so it was left out." for name in invalid)
    return without_facts(facts, invalid)
