"""The form fields for facts about a film."""

import re
from typing import ClassVar

from wtforms import Field, ValidationError

from flicklist.film_facts import (
    MAX_COUNTRIES_LENGTH,
    MAX_DIRECTORS_LENGTH,
    MAX_GENRES_LENGTH,
    MAX_LETTERBOXD_URI_LENGTH,
    MAX_ORIGINAL_TITLE_LENGTH,
    MAX_RUNTIME,
    MAX_TMDB_ID,
    FilmFacts,
    is_imdb_id,
)
from flicklist.forms.fields import DigitsField, LabelsField, MaxLength, NoControlCharacters, SiteForm, TextField

# Addresses of a movie on these sites, as people paste them.
_IMDB = re.compile(r"(?:https?://)?(?:www\.|m\.)?imdb\.com/(?:[a-z-]+/)?title/(tt[0-9]+)(?:[/?#].*)?", re.ASCII)
_TMDB = re.compile(r"(?:https?://)?(?:www\.)?themoviedb\.org/movie/([0-9]+)(?:[-/?#].*)?", re.ASCII)
_LETTERBOXD = re.compile(
    r"(?:https?://)?(?:www\.)?((?:boxd\.it/\w+|letterboxd\.com/(?:[\w-]+/)?film/[\w-]+)/?)", re.ASCII
)


def parse_runtime(text: str) -> int | None:
    """Parse the text as a runtime in minutes. Return None if it is not one."""
    is_runtime = re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) and 1 <= int(text) <= MAX_RUNTIME
    return int(text) if is_runtime else None


class FilmFactsForm(SiteForm):
    """Facts about a film. All are optional."""

    LABELS: ClassVar = {
        "original_title": "Original title",
        "directors": "Directors",
        "runtime": "Runtime",
        "genres": "Genres",
        "countries": "Countries",
        "imdb_id": "IMDb",
        "tmdb_id": "TMDB",
        "letterboxd_uri": "Letterboxd",
    }

    original_title = TextField(
        validators=[NoControlCharacters("original title"), MaxLength("original title", MAX_ORIGINAL_TITLE_LENGTH)]
    )
    directors = LabelsField(validators=[NoControlCharacters("directors"), MaxLength("directors", MAX_DIRECTORS_LENGTH)])
    runtime = DigitsField()
    genres = LabelsField(validators=[NoControlCharacters("genres"), MaxLength("genres", MAX_GENRES_LENGTH)])
    countries = LabelsField(validators=[NoControlCharacters("countries"), MaxLength("countries", MAX_COUNTRIES_LENGTH)])
    imdb_id = TextField(filters=[lambda text: _first_group(_IMDB, text)])
    tmdb_id = DigitsField()
    letterboxd_uri = TextField(
        filters=[lambda text: _letterboxd_uri(text) or text],
        validators=[MaxLength("Letterboxd link", MAX_LETTERBOXD_URI_LENGTH)],
    )

    @property
    def facts(self) -> FilmFacts:
        tmdb_id = self._tmdb_id
        return FilmFacts(
            original_title=self.original_title.data,
            directors=self.directors.data,
            runtime=parse_runtime(self.runtime.data),
            genres=self.genres.data,
            countries=self.countries.data,
            imdb_id=self.imdb_id.data,
            tmdb_id=int(tmdb_id) if tmdb_id else None,
            letterboxd_uri=self.letterboxd_uri.data,
        )

    @property
    def has_wrong_facts(self) -> bool:
        return any(name in self.errors for name in FilmFacts._fields)

    @property
    def _tmdb_id(self) -> str:
        return _first_group(_TMDB, self.tmdb_id.data)

    def validate_runtime(self, field: Field) -> None:
        if field.data and parse_runtime(field.data) is None:
            raise ValidationError(f"Enter the runtime in minutes, from 1 to {MAX_RUNTIME:,}.")

    def validate_imdb_id(self, field: Field) -> None:
        if field.data and not is_imdb_id(field.data):
            raise ValidationError("Enter the IMDb link or ID of the movie, such as tt0113277.")

    def validate_tmdb_id(self, field: Field) -> None:
        typed = self._tmdb_id
        is_id = re.fullmatch(r"[0-9]{1,10}", typed, re.ASCII) and 1 <= int(typed) <= MAX_TMDB_ID
        if typed and not is_id:
            raise ValidationError("Enter the TMDB link or ID of the movie, such as 949.")

    def validate_letterboxd_uri(self, field: Field) -> None:
        if field.data and _letterboxd_uri(field.data) is None:
            raise ValidationError("Enter the Letterboxd link of the movie, such as letterboxd.com/film/heat-1995.")


def _first_group(pattern: re.Pattern[str], text: str) -> str:
    """Return the id in an address that matches, otherwise the text."""
    match = pattern.fullmatch(text)
    return match[1] if match else text


def _letterboxd_uri(text: str) -> str | None:
    match = _LETTERBOXD.fullmatch(text)
    return f"https://{match[1]}" if match else None
