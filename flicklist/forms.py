"""What may be typed, and what is said when it may not."""

import re
import unicodedata
from typing import Any, ClassVar

from wtforms import Field, Form, PasswordField, StringField, ValidationError
from wtforms.validators import StopValidation

from flicklist import passwords
from flicklist.flash import quote
from flicklist.models.movie import BEST_RATING, FIRST_YEAR, LAST_YEAR, TITLE_MOST_LENGTH, title_key
from flicklist.models.user import email_key

FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}  # control characters, lone surrogates, line and paragraph ends
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
INVISIBLE_CATEGORIES = ("C", "Z")


def tidy(text: str | None) -> str:
    """Bring text to NFC, without blanks around it."""
    return unicodedata.normalize("NFC", text or "").strip()


def half_stars(rating: int) -> str:
    """Write a rating of 1 to 10 half-stars as a number of stars: ``0.5`` to ``5``."""
    return f"{rating / 2:g}"


class Clean:
    """One line of visible text: no control characters, and none that change the direction of what follows."""

    def __init__(self, noun: str) -> None:
        self.noun = noun

    def __call__(self, form: Form, field: Field) -> None:
        if any(unicodedata.category(char) in FORBIDDEN_CATEGORIES or char in BIDI_CONTROLS for char in field.data):
            raise StopValidation(f"{self.noun} cannot contain control characters.")


class TextField(StringField):
    """One line of text, tidied; what is missing is empty."""

    data: str

    def __init__(self, **options: Any) -> None:
        super().__init__(filters=[tidy], **options)


class SiteForm(Form):
    """A form that can say in one sentence why it refuses."""

    @property
    def problem(self) -> str:
        return next(error for errors in self.errors.values() for error in errors)


class RegisterForm(SiteForm):
    """The way to a new account."""

    email = TextField()
    password = PasswordField()
    verify = PasswordField()

    def __init__(self, *args: Any, least_length: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.least_length = least_length

    def validate_email(self, field: Field) -> None:
        try:
            email_key(field.data)
        except ValueError:
            if not field.data:
                raise ValidationError("Please type your email address.") from None
            raise ValidationError(f"{quote(field.data)} does not seem like an email address.") from None

    def validate_password(self, field: Field) -> None:
        email = self.email.data
        if problem := passwords.weakness(field.data or "", self.least_length, [email, email.partition("@")[0]]):
            raise ValidationError(problem)

    def validate_verify(self, field: Field) -> None:
        if field.data != self.password.data:
            raise ValidationError("The two passwords are not the same.")


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


class MovieForm(SiteForm):
    """A movie to write down. The limits are those of the table ``movies``."""

    title = TextField(validators=[Clean("A title")])
    year = TextField()

    def __init__(self, *args: Any, terrible_movies: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.terrible_movies = terrible_movies

    @property
    def year_number(self) -> int | None:
        return int(self.year.data) if self.year.data else None

    def validate_title(self, field: Field) -> None:
        if all(unicodedata.category(char).startswith(INVISIBLE_CATEGORIES) for char in field.data):
            raise ValidationError("Please type the title of the movie.")
        if len(field.data) > TITLE_MOST_LENGTH:
            raise ValidationError(f"A title can have at most {TITLE_MOST_LENGTH} characters.")
        if title_key(field.data) in map(title_key, self.terrible_movies):
            raise ValidationError(f"Trust me, you don’t want to add {quote(field.data)} to your watchlist.")

    def validate_year(self, field: Field) -> None:
        typed = field.data
        is_number = re.fullmatch(r"[0-9]{4}", typed, re.ASCII)
        if typed and not (is_number and FIRST_YEAR <= int(typed) <= LAST_YEAR):
            raise ValidationError(f"A year is a number from {FIRST_YEAR} to {LAST_YEAR}.")


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

    def validate_rating(self, field: Field) -> None:
        if field.data not in self.SCALE:
            raise ValidationError("A rating is a number of stars from 0.5 to 5, in halves, or no rating.")
