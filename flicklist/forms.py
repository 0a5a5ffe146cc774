"""What may be typed, and what is said when it may not."""

import re
import unicodedata
from datetime import date
from typing import Any, ClassVar

from wtforms import Field, Form, PasswordField, StringField, TextAreaField, ValidationError
from wtforms.form import BaseForm
from wtforms.validators import StopValidation

from flicklist.dates import day_after, first_day
from flicklist.flash import quote
from flicklist.models.movie import (
    BEST_RATING,
    FIRST_YEAR,
    LAST_YEAR,
    MAX_NOTES_LENGTH,
    MAX_TITLE_LENGTH,
    MAX_VIEWING_NOTE_LENGTH,
    MAX_WHY_LENGTH,
    title_key,
)
from flicklist.models.user import email_key
from flicklist.services.passwords import PasswordHasher
from flicklist.services.search import SearchFilters

FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}  # control characters, lone surrogates, line and paragraph ends
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
INVISIBLE_CATEGORIES = ("C", "Z")
FIRST_DECADE, LAST_DECADE = 1870, 2030
MAX_NORMALIZED_LENGTH = (
    20_000  # characters: longer than any field may be, and short enough to be brought to NFC in no time
)


def normalize(text: str | None) -> str:
    """Bring text to NFC, without blanks around it; what is too long for any field stays as it is, and is refused."""
    text = text or ""
    return text if len(text) > MAX_NORMALIZED_LENGTH else unicodedata.normalize("NFC", text).strip()


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def half_stars(rating: int) -> str:
    """Write a rating of 1 to 10 half-stars as a number of stars: ``0.5`` to ``5``."""
    return f"{rating / 2:g}"


class NoControlCharacters:
    """Visible text: no control characters, and none that change the direction of what follows."""

    def __init__(self, noun: str, *, lines: str = "") -> None:
        self.noun = noun
        self.allowed = lines

    def __call__(self, form: Form, field: Field) -> None:
        for char in field.data:
            is_control = unicodedata.category(char) in FORBIDDEN_CATEGORIES or char in BIDI_CONTROLS
            if is_control and char not in self.allowed:
                raise StopValidation(f"{self.noun} cannot contain control characters.")


class MaxLength:
    """Text of so many characters at most, as the table has it."""

    def __init__(self, noun: str, length: int) -> None:
        self.noun = noun
        self.length = length

    def __call__(self, form: Form, field: Field) -> None:
        if len(field.data) > self.length:
            raise StopValidation(f"{self.noun} can have at most {self.length:,} characters.")


class DateOfAnyPrecision:
    """A day, a month, a year, or nothing."""

    def __call__(self, form: Form, field: Field) -> None:
        if not field.data:
            return
        try:
            first_day(field.data)
        except ValueError:
            raise StopValidation(
                f"{quote(field.data)} is no date. Write a day (2009-07-14), a month (2009-07) or a year (2009)."
            ) from None


class TextField(StringField):
    """One line of text, tidied; what is missing is empty."""

    data: str

    def __init__(self, **options: Any) -> None:
        super().__init__(filters=[normalize], **options)


class LinesField(TextAreaField):
    """Lines of text, tidied, with line feeds only."""

    data: str

    def __init__(self, **options: Any) -> None:
        super().__init__(filters=[normalize, _with_line_feeds], **options)


class SiteForm(Form):
    """A form that can say in one sentence why it refuses."""

    @property
    def first_error(self) -> tuple[str, str]:
        """The name of the first field with an error, and its message. The empty name is the form as a whole."""
        return next((name, error) for name, errors in self.errors.items() for error in errors)

    @property
    def problem(self) -> str:
        return self.first_error[1]

    def refuse(self, field: str, problem: str) -> None:
        """Add an error to a field, or with an empty name to the form as a whole."""
        if field:
            self[field].errors = [*self[field].errors, problem]
        else:
            self.form_errors.append(problem)


class EmailField(TextField):
    """An email address."""

    def pre_validate(self, form: BaseForm) -> None:
        try:
            email_key(self.data)
        except ValueError:
            if not self.data:
                raise ValidationError("Please type your email address.") from None
            raise ValidationError("That is not a valid email address.") from None


class ForgotForm(SiteForm):
    """The email address to which a link for a new password is sent."""

    email = EmailField()


class NewPasswordForm(SiteForm):
    """A new password, twice, of a person whose email address it must not be."""

    password = PasswordField()
    verify = PasswordField()

    def __init__(self, *args: Any, passwords: PasswordHasher, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.passwords = passwords

    @property
    def whose(self) -> str:
        """The email address of the person."""
        raise NotImplementedError

    def validate_password(self, field: Field) -> None:
        known_words = [self.whose, self.whose.partition("@")[0]]
        if problem := self.passwords.weakness(field.data or "", known_words):
            raise ValidationError(problem)

    def validate_verify(self, field: Field) -> None:
        if field.data != self.password.data:
            raise ValidationError("The two passwords are not the same.")


class RegisterForm(NewPasswordForm):
    """The way to a new account."""

    email = EmailField()
    password = PasswordField()
    verify = PasswordField()

    @property
    def whose(self) -> str:
        return self.email.data


class ResetForm(NewPasswordForm):
    """Another password, for a person who is known."""

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    @property
    def whose(self) -> str:
        return self.email


class ChangePasswordForm(ResetForm):
    """Another password, for who knows the current one."""

    current_password = PasswordField()


class ChangeEmailForm(SiteForm):
    """Another email address, for who knows the password."""

    email = EmailField()
    current_password = PasswordField()


class LogInForm(SiteForm):
    """Email and password. Whatever is typed is at worst wrong, never malformed: so much is nobody's business."""

    email = TextField()
    password = PasswordField()

    @property
    def email_key(self) -> str | None:
        try:
            return email_key(self.email.data)
        except ValueError:
            return None


class CodeForm(SiteForm):
    """A code of an authenticator app, or a recovery code."""

    code = TextField()


class MovieForm(SiteForm):
    """The name of a movie. The limits are those of the table ``movies``."""

    title = TextField(validators=[NoControlCharacters("A title"), MaxLength("A title", MAX_TITLE_LENGTH)])
    year = TextField()

    @property
    def year_number(self) -> int | None:
        return int(self.year.data) if self.year.data else None

    def validate_title(self, field: Field) -> None:
        if all(unicodedata.category(char).startswith(INVISIBLE_CATEGORIES) for char in field.data):
            raise ValidationError("Please type the title of the movie.")

    def validate_year(self, field: Field) -> None:
        typed = field.data
        is_number = re.fullmatch(r"[0-9]{4}", typed, re.ASCII)
        if typed and not (is_number and FIRST_YEAR <= int(typed) <= LAST_YEAR):
            raise ValidationError(f"A year is a number from {FIRST_YEAR} to {LAST_YEAR}.")


class AddForm(MovieForm):
    """A movie to write down, and not a terrible one."""

    def __init__(self, *args: Any, terrible_movies: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.terrible_movies = terrible_movies

    def validate_title(self, field: Field) -> None:
        super().validate_title(field)
        if title_key(field.data) in map(title_key, self.terrible_movies):
            raise ValidationError(f"Trust me, you don’t want to add {quote(field.data)} to your watchlist.")


class EditMovieForm(MovieForm):
    """All that a person may write about a movie."""

    why = TextField(validators=[NoControlCharacters("This line"), MaxLength("This line", MAX_WHY_LENGTH)])
    notes = LinesField(validators=[NoControlCharacters("Notes", lines="\n\t"), MaxLength("Notes", MAX_NOTES_LENGTH)])


class ViewingForm(SiteForm):
    """One time that a movie was seen."""

    watched_on = TextField(validators=[DateOfAnyPrecision()])
    note = TextField(validators=[NoControlCharacters("A note"), MaxLength("A note", MAX_VIEWING_NOTE_LENGTH)])

    def __init__(self, *args: Any, latest: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.latest = latest

    def validate_watched_on(self, field: Field) -> None:
        if field.data and first_day(field.data) > self.latest:
            raise ValidationError("That day is still to come.")


class SearchForm(SiteForm):
    """What to look for in a list, and how to sort it. It comes from the address, so every field has a default."""

    q = TextField(
        validators=[NoControlCharacters("What you look for"), MaxLength("What you look for", MAX_TITLE_LENGTH)]
    )
    decade = TextField()
    rated = TextField()
    min_rating = TextField()
    added_from = TextField(validators=[DateOfAnyPrecision()])
    added_to = TextField(validators=[DateOfAnyPrecision()])
    watched_from = TextField(validators=[DateOfAnyPrecision()])
    watched_to = TextField(validators=[DateOfAnyPrecision()])
    sort = TextField()

    DECADES: ClassVar[dict[str, int]] = {str(decade): decade for decade in range(LAST_DECADE, FIRST_DECADE - 1, -10)}
    RATED: ClassVar[dict[str, bool]] = {"yes": True, "no": False}
    FILTERS = ("decade", "rated", "min_rating", "added_from", "added_to", "watched_from", "watched_to")

    def validate_added_to(self, field: Field) -> None:
        self._require_span(self.added_from, field)

    def validate_watched_to(self, field: Field) -> None:
        self._require_span(self.watched_from, field)

    def _require_span(self, start: Field, end: Field) -> None:
        if start.data and end.data and start.name not in self.errors and first_day(start.data) >= day_after(end.data):
            raise ValidationError(f"Nothing is after {quote(start.data)} and before {quote(end.data)}.")

    @property
    def filters(self) -> SearchFilters:
        right = self.query
        return SearchFilters(
            text=right.get("q", ""),
            decade=self.DECADES.get(self.decade.data),
            rated=self.RATED.get(self.rated.data),
            min_rating=RatingForm.SCALE.get(self.min_rating.data),
            added_from=right.get("added_from", ""),
            added_to=right.get("added_to", ""),
            watched_from=right.get("watched_from", ""),
            watched_to=right.get("watched_to", ""),
        )

    @property
    def is_search(self) -> bool:
        return bool(self.query.keys() - {"sort"})

    @property
    def has_filters(self) -> bool:
        return any(self[name].data for name in self.FILTERS)

    @property
    def decade_choices(self) -> list[tuple[str, str]]:
        return [(decade, f"{decade}s") for decade in self.DECADES]

    @property
    def min_rating_choices(self) -> list[tuple[str, str]]:
        return [(typed, f"{typed} ★") for typed in reversed(RatingForm.SCALE) if typed]

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the address that is this search, without what does not validate."""
        return {name: typed for name, typed in self.data.items() if typed and name not in self.errors}


class RatingForm(SiteForm):
    """No rating, or half-stars from 0.5 to 5."""

    SCALE: ClassVar[dict[str, int | None]] = {
        "": None,
        **{half_stars(rating): rating for rating in range(1, BEST_RATING + 1)},
    }

    rating = TextField()

    @property
    def half_stars(self) -> int | None:
        return self.SCALE[self.rating.data]

    @property
    def outcome(self) -> str:
        return f"rated {self.rating.data} of 5 stars" if self.half_stars else "not rated any more"

    def validate_rating(self, field: Field) -> None:
        if field.data not in self.SCALE:
            raise ValidationError("A rating is a number of stars from 0.5 to 5, in halves, or no rating.")
