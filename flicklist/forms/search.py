"""The form that searches, filters and sorts a list."""

from datetime import date
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from wtforms import Field, ValidationError

from flicklist.dates import day_after, first_day, format_date
from flicklist.film_facts import MAX_GENRES_LENGTH, MAX_RUNTIME
from flicklist.forms.fields import (
    DateField,
    DigitsField,
    LabelsField,
    MaxLength,
    NoControlCharacters,
    SiteForm,
    TextField,
)
from flicklist.forms.film_facts import parse_runtime
from flicklist.forms.movies import RatingForm
from flicklist.labels import split_labels
from flicklist.models.movie import MAX_TAG_LENGTH, MAX_TITLE_LENGTH
from flicklist.ratings import rating_text
from flicklist.services.search import SearchFilters
from flicklist.text import first_sentence, quote

FIRST_DECADE, LAST_DECADE = 1870, 2030


# The fields of `SearchForm` that filter, each of which can read a whole list.
SEARCH_FILTERS = (
    "q",
    "tag",
    "decade",
    "genre",
    "max_runtime",
    "rated",
    "min_rating",
    "added_from",
    "added_to",
    "watched_from",
    "watched_to",
)


class Chip(NamedTuple):
    """An active filter: its text, and the parameters of the search without it."""

    text: str
    rest: dict[str, str]


class SearchForm(SiteForm):
    """Search filters and sort order of a list. They come from the URL, so every field is optional.

    Validate it first: its properties ignore invalid fields, and are computed once. `today` is the date that ``today``
    and ``yesterday`` refer to.
    """

    q = TextField(validators=[NoControlCharacters("search text"), MaxLength("search text", MAX_TITLE_LENGTH)])
    tag = TextField(validators=[NoControlCharacters("tag"), MaxLength("tag", MAX_TAG_LENGTH)])
    decade = TextField()
    genre = LabelsField(validators=[NoControlCharacters("genre"), MaxLength("genre", MAX_GENRES_LENGTH)])
    max_runtime = DigitsField()
    rated = TextField()
    min_rating = TextField()
    added_from = DateField()
    added_to = DateField()
    watched_from = DateField()
    watched_to = DateField()
    sort = TextField()

    DECADES: ClassVar[dict[str, int]] = {str(decade): decade for decade in range(LAST_DECADE, FIRST_DECADE - 1, -10)}
    # The genres that most films of the catalog have.
    GENRES = (
        "Action",
        "Adventure",
        "Animation",
        "Biography",
        "Children's",
        "Comedy",
        "Comedy-drama",
        "Crime",
        "Documentary",
        "Drama",
        "Family",
        "Fantasy",
        "History",
        "Horror",
        "LGBT-related",
        "Martial arts",
        "Musical",
        "Mystery",
        "Noir",
        "Romance",
        "Romantic comedy",
        "Science Fiction",
        "Silent",
        "Sports",
        "Thriller",
        "War",
        "Western",
    )
    RATED: ClassVar[dict[str, bool]] = {"yes": True, "no": False}
    latest = date.max  # a search may look for any date
    LABELS: ClassVar[dict[str, str]] = {
        "tag": "Tag",
        "decade": "Decade",
        "genre": "Genre",
        "max_runtime": "Longest runtime",
        "rated": "Rated",
        "min_rating": "Minimum rating",
    }
    SPANS: ClassVar[dict[str, str]] = {"added": "Date added", "watched": "Date watched"}

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    @property
    def problem(self) -> str:
        """Which filter was not used, and why."""
        if len(self.errors) > 1:
            return f"{len(self.errors)} filters were not used. Please correct them."
        name, error = self.first_error
        if name == "q":
            return f"The search was not used. {error}"
        return f"The filter “{self._label(name)}” was not used. {first_sentence(error)}"

    def _label(self, name: str) -> str:
        """Return what the page calls a filter."""
        if name in self.LABELS:
            return self.LABELS[name]
        span, _, end = name.partition("_")
        return f"{self.SPANS[span]} {end}"

    def validate_tag(self, field: Field) -> None:
        if field.data and len(split_labels(field.data)) != 1:
            raise ValidationError("Enter one tag, without commas.")

    def validate_decade(self, field: Field) -> None:
        if field.data and field.data not in self.DECADES:
            raise ValidationError(f"Choose a decade from the {FIRST_DECADE}s to the {LAST_DECADE}s.")

    def validate_rated(self, field: Field) -> None:
        if field.data and field.data not in self.RATED:
            raise ValidationError("Choose whether the movie is rated.")

    def validate_min_rating(self, field: Field) -> None:
        if field.data and not RatingForm.SCALE.get(field.data):
            raise ValidationError("Choose a minimum rating from ½ to 5 stars.")

    def validate_max_runtime(self, field: Field) -> None:
        if field.data and parse_runtime(field.data) is None:
            raise ValidationError(f"Enter the longest runtime in minutes, from 1 to {MAX_RUNTIME:,}.")

    def validate_added_to(self, field: DateField) -> None:
        self._require_span(self.added_from, field)

    def validate_watched_to(self, field: DateField) -> None:
        self._require_span(self.watched_from, field)

    def _require_span(self, start: DateField, end: DateField) -> None:
        if start.iso and end.iso and first_day(start.iso) >= day_after(end.iso):
            raise ValidationError("The first date is after the second.")

    @cached_property
    def filters(self) -> SearchFilters:
        valid = self.query
        return SearchFilters(
            text=valid.get("q", ""),
            tag=valid.get("tag", ""),
            decade=self.DECADES.get(self.decade.data),
            genre=valid.get("genre", ""),
            max_runtime=parse_runtime(valid.get("max_runtime", "")),
            rated=self.RATED.get(self.rated.data),
            min_rating=RatingForm.SCALE.get(self.min_rating.data),
            added_from=self.added_from.iso,
            added_to=self.added_to.iso,
            watched_from=self.watched_from.iso,
            watched_to=self.watched_to.iso,
        )

    @property
    def is_search(self) -> bool:
        return bool(self.query.keys() - {"sort"})

    @property
    def decade_choices(self) -> list[tuple[str, str]]:
        return [(decade, f"{decade}s") for decade in self.DECADES]

    @property
    def genre_choices(self) -> list[tuple[str, str]]:
        """The genres to choose from, and the chosen one."""
        chosen = self.genre.data
        more = [chosen] if chosen and chosen not in self.GENRES else []
        return [(genre, genre) for genre in (*more, *self.GENRES)]

    @property
    def min_rating_choices(self) -> list[tuple[str, str]]:
        return [(typed, rating_text(rating)) for typed, rating in reversed(RatingForm.SCALE.items()) if rating]

    @cached_property
    def chips(self) -> list[Chip]:
        """The active filters, in the order of the fields."""
        found = self.filters
        texts = {
            "q": found.text and quote(found.text),
            "tag": found.tag,
            "decade": found.decade and f"{found.decade}s",
            "genre": found.genre,
            "max_runtime": found.max_runtime and f"up to {found.max_runtime} min",
            "rated": found.rated is not None and ("rated" if found.rated else "not rated"),
            "min_rating": found.min_rating and f"{rating_text(found.min_rating)} or more",
            **{name: self._span_text(name) for name in self.SPANS},
        }
        return [Chip(text, self._query_without(name)) for name, text in texts.items() if text]

    def _query_without(self, name: str) -> dict[str, str]:
        removed = {name, f"{name}_from", f"{name}_to"}
        return {field: typed for field, typed in self.query.items() if field not in removed}

    def _span_text(self, name: str) -> str:
        """Return the dates of a span, or an empty text: ``watched from July 2009 to 2010``."""
        fields: dict[str, Any] = {word: self[f"{name}_{word}"] for word in ("from", "to")}
        ends = [(word, field.iso) for word, field in fields.items()]
        words = [f"{word} {format_date(end)}" for word, end in ends if end]
        return " ".join([name, *words]) if words else ""

    @cached_property
    def query(self) -> dict[str, str]:
        """The valid parameters of this search, for its URL."""
        return {name: typed for name, typed in self.data.items() if typed and name not in self.errors}


# Shared by all requests without input; see `flicklist.views.watchlist`.
NO_SEARCH = SearchForm(today=date.min)  # it has no dates
NO_SEARCH.validate()
