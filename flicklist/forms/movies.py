"""The forms for movies: adding, editing, selecting, viewings and ratings."""

from datetime import date
from typing import Any, ClassVar

import regex
from wtforms import BooleanField, Field, HiddenField, ValidationError

from flicklist.dates import FIRST_YEAR, LAST_YEAR, first_day, parse_year
from flicklist.film_facts import FilmFacts
from flicklist.forms.fields import (
    IN_FUTURE,
    DateField,
    DigitsField,
    LinesField,
    MaxLength,
    NoControlCharacters,
    RowIdsField,
    SiteForm,
    TextField,
)
from flicklist.forms.film_facts import FilmFactsForm
from flicklist.forms.tags import TagsField
from flicklist.labels import join_labels
from flicklist.models.movie import (
    BEST_RATING,
    MAX_NOTES_LENGTH,
    MAX_TITLE_LENGTH,
    MAX_VIEWING_NOTE_LENGTH,
    MAX_WHY_LENGTH,
    MovieDetails,
)
from flicklist.ratings import rating_text
from flicklist.services.pagination import PAGE_SIZE
from flicklist.text import compare_key, has_visible_character, parse_row_id, plain_digits, quote

_TITLE_AND_YEAR = regex.compile(r"(.*\S)\s*\((\p{Nd}{4})\)")
WHY_NOUN = "text of “Why it’s on the list”"


def form_value(rating: int) -> str:
    """Return a rating of 1 to 10 half-stars as the value of a form field: ``0.5`` to ``5`` stars."""
    return f"{rating / 2:g}"


class MovieForm(SiteForm):
    """The title and year of a movie. The limits are those of the table ``movies``."""

    title = TextField(validators=[NoControlCharacters("title"), MaxLength("title", MAX_TITLE_LENGTH)])
    year = DigitsField()

    @property
    def year_number(self) -> int | None:
        return parse_year(self.year.data)

    @property
    def title_and_year(self) -> tuple[str, int | None]:
        """The title and the year. ``Heat (1995)`` is both, unless the field of the year has another one."""
        typed = _TITLE_AND_YEAR.fullmatch(self.title.data)
        year = parse_year(plain_digits(typed[2])) if typed else None
        if typed and year and self.year_number in {year, None}:
            return typed[1], year
        return self.title.data, self.year_number

    def validate_title(self, field: Field) -> None:
        if not has_visible_character(field.data):
            raise ValidationError("Enter the title of the movie.")

    def validate_year(self, field: Field) -> None:
        if field.data and parse_year(field.data) is None:
            raise ValidationError(f"Enter a year from {FIRST_YEAR} to {LAST_YEAR}.")


class AddForm(MovieForm):
    """A movie to add. Terrible movies are refused.

    The title can have the year behind it, in parentheses. `film` is the id of the suggestion that was chosen.
    """

    why = TextField(validators=[NoControlCharacters(WHY_NOUN), MaxLength(WHY_NOUN, MAX_WHY_LENGTH)])
    film = TextField()

    def __init__(self, *args: Any, terrible_movies: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.terrible_movies = terrible_movies

    @property
    def film_id(self) -> int | None:
        return parse_row_id(self.film.data)

    @property
    def typed(self) -> str:
        """The title, with the year if that was sent in its own field."""
        return f"{self.title.data} ({self.year.data})" if self.year.data else self.title.data

    def validate_title(self, field: Field) -> None:
        super().validate_title(field)
        title, _ = self.title_and_year
        if compare_key(title) in map(compare_key, self.terrible_movies):
            joke = f"Trust me, you don’t want {quote(title)} on your watchlist."
            raise ValidationError(f"{joke} This site refuses a few terrible movies, and this is one of them.")


class EditMovieForm(MovieForm, FilmFactsForm):
    """Everything a person can write about a movie."""

    LABELS: ClassVar = {
        "title": "Title",
        "year": "Year",
        "why": "Why it’s on the list",
        "tags": "Tags",
        "notes": "Notes",
        **FilmFactsForm.LABELS,
    }

    why = TextField(validators=[NoControlCharacters(WHY_NOUN), MaxLength(WHY_NOUN, MAX_WHY_LENGTH)])
    tags = TagsField()
    notes = LinesField(validators=[NoControlCharacters("notes", allowed="\n\t"), MaxLength("notes", MAX_NOTES_LENGTH)])
    version = HiddenField()

    @classmethod
    def of(cls, details: MovieDetails) -> "EditMovieForm":
        """Return the form with the details filled in."""
        values = {**details._asdict(), **details.facts._asdict(), "version": details.version}
        return cls(data={name: str(value or "") for name, value in values.items()})

    @property
    def errors(self) -> dict[str, Any]:
        """The errors in the order of the page, where the facts come last."""
        return dict(sorted(super().errors.items(), key=lambda error: error[0] in FilmFacts._fields))

    @property
    def details(self) -> MovieDetails:
        return MovieDetails(
            *self.title_and_year,
            self.why.data,
            self.notes.data,
            join_labels(self.tags.labels),
            self.facts,
        )


class ViewingDateForm(SiteForm):
    """When a movie was watched. `today` is the date for the person, and `latest` is the last date allowed."""

    watched_on = DateField()

    def __init__(self, *args: Any, today: date, latest: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.latest = latest

    def validate_watched_on(self, field: DateField) -> None:
        if field.iso and first_day(field.iso) > self.latest:
            raise ValidationError(IN_FUTURE)


class ViewingForm(ViewingDateForm):
    """One viewing of a movie: when, and a note. The date of a button replaces the one in the field."""

    LABELS: ClassVar = {"watched_on": "Date", "note": "Note"}

    button_date = TextField()
    note = TextField(validators=[NoControlCharacters("note"), MaxLength("note", MAX_VIEWING_NOTE_LENGTH)])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.watched_on.data = self.button_date.data or self.watched_on.data


class DeleteViewingForm(SiteForm):
    """Whether the movie also moves back to the watchlist. Any value but an empty one means yes."""

    move_to_watchlist = BooleanField(false_values=("",))


class RestoreForm(SiteForm):
    """The form that was not saved because the movie was removed; see `flicklist.unsent_forms`."""

    unsent = HiddenField(default="")


class SelectionForm(SiteForm):
    """The movies selected on a page of a list."""

    movie = RowIdsField(max_values=PAGE_SIZE)

    @property
    def movie_ids(self) -> list[int]:
        return self.movie.data


class TagsForm(SelectionForm):
    """Tags to add to the selected movies, or to remove from them."""

    tags = TagsField()

    def validate_tags(self, field: TagsField) -> None:
        if not field.labels:
            raise ValidationError("Enter a tag, such as “own it”.")


class RatingForm(SiteForm):
    """No rating, or a number of stars from 0.5 to 5 in halves."""

    SCALE: ClassVar[dict[str, int | None]] = {
        "": None,
        **{form_value(rating): rating for rating in range(1, BEST_RATING + 1)},
    }

    rating = TextField()
    viewing = TextField()

    @property
    def viewing_id(self) -> int | None:
        """The viewing that the message with this form is about."""
        return parse_row_id(self.viewing.data)

    @property
    def half_stars(self) -> int | None:
        return self.SCALE[self.rating.data]

    @property
    def outcome(self) -> str:
        return f"rated {rating_text(self.half_stars)}" if self.half_stars else "rating removed"

    @property
    def message(self) -> str:
        """The message about the rated movies, with ``{}`` in place of their names."""
        return f"You rated {{}} {rating_text(self.half_stars)}." if self.half_stars else "Rating removed from {}."

    def validate_rating(self, field: Field) -> None:
        if field.data not in self.SCALE:
            raise ValidationError("Choose a rating from ½ to 5 stars.")
