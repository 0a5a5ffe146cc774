"""The base of all forms: fields that normalize text, validators, and a form that reports its errors."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from wtforms import Field, Form, StringField, TextAreaField, ValidationError
from wtforms.form import BaseForm
from wtforms.validators import StopValidation

from flicklist.dates import AmbiguousDate, first_day, format_date, parse_date
from flicklist.labels import join_labels, split_labels
from flicklist.models.user import email_key
from flicklist.text import first_sentence, normalize, parse_row_id, plain_digits
from flicklist.urls import local_path

FORBIDDEN_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}  # control characters, lone surrogates, line and paragraph separators
IN_FUTURE = "That date is in the future."
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


class NoControlCharacters:
    """Refuse control characters, and characters that change the text direction."""

    def __init__(self, noun: str, *, allowed: str = "") -> None:
        self.noun = noun
        self.allowed = allowed

    def __call__(self, form: Form, field: Field) -> None:
        for char in field.data:
            is_control = unicodedata.category(char) in FORBIDDEN_CATEGORIES or char in BIDI_CONTROLS
            if is_control and char not in self.allowed:
                raise StopValidation(
                    f"There are invisible characters in the {self.noun}. Try typing instead of pasting."
                )


class MaxLength:
    """Refuse longer text. The limit is that of the column."""

    def __init__(self, noun: str, length: int) -> None:
        self.noun = noun
        self.length = length

    def __call__(self, form: Form, field: Field) -> None:
        if len(field.data) > self.length:
            raise StopValidation(f"The {self.noun} can have at most {self.length:,} characters.")


class TextField(StringField):
    """One line of text, normalized. A missing field is empty."""

    data: str

    def __init__(self, filters: Sequence[Callable[[str], str]] = (), **options: Any) -> None:
        super().__init__(filters=[normalize, *filters], **options)


class LabelsField(TextField):
    """Labels, separated by commas. Each is kept once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(filters=[lambda text: join_labels(split_labels(text))], **options)


class DigitsField(TextField):
    """A number, a date or a code. Digits and dashes of other scripts, such as full-width ones, become ASCII."""

    def __init__(self, **options: Any) -> None:
        super().__init__(filters=[plain_digits], **options)


class DateField(DigitsField):
    """A day, a month or a year, as people write dates, or nothing. `data` stays as typed.

    The form has a `today`, and the `latest` date that it accepts. If the date is ambiguous, `readings` are the dates
    that it can be, in ISO 8601, without those after `latest`.
    """

    readings: tuple[str, ...] = ()
    _parsed = ""

    @property
    def iso(self) -> str:
        """The date in ISO 8601, or an empty text if there is none, or one that was refused."""
        return "" if self.errors else self._parsed

    def pre_validate(self, form: Any) -> None:
        if not self.data:
            return
        try:
            self._parsed = parse_date(self.data, form.today)
        except AmbiguousDate as ambiguous:
            self.readings = tuple(iso for iso in ambiguous.readings if first_day(iso) <= form.latest)
            raise StopValidation(self._problem(ambiguous.readings)) from None
        except ValueError:
            raise StopValidation("Enter a date like 14 Jul 2009, July 2009 or 2009.") from None

    def _problem(self, all_readings: tuple[str, ...]) -> str:
        """Return the message about an ambiguous date. Buttons for `readings` follow it."""
        if not self.readings:
            return IN_FUTURE
        if len(self.readings) == 1:
            (future,) = set(all_readings) - set(self.readings)
            return f"{format_date(future)} is in the future. Did you mean {format_date(self.readings[0])}?"
        return f"“{self.data}” could be two different dates. Choose one."


class LinesField(TextAreaField):
    """Several lines of text, normalized, with line feeds only."""

    data: str

    def __init__(self, **options: Any) -> None:
        super().__init__(filters=[normalize, _with_line_feeds], **options)


class RowIdsField(Field):
    """The row ids in a repeated field. Values beyond `max_values` and values that are not row ids are ignored."""

    data: list[int]

    def __init__(self, *, max_values: int, **options: Any) -> None:
        super().__init__(**options)
        self.max_values = max_values

    def process_formdata(self, valuelist: list[str]) -> None:
        parsed = map(parse_row_id, valuelist[: self.max_values])
        self.data = [row_id for row_id in parsed if row_id is not None]


class SiteForm(Form):
    """A form that reports its errors."""

    LABELS: ClassVar[Mapping[str, str]] = {}
    """The names of the fields on the page. Forms with a single field need none."""

    @property
    def first_errors(self) -> dict[str, str]:
        """The first message of each field with an error. The empty name is the form as a whole."""
        return {name or "": next(iter(errors)) for name, errors in self.errors.items()}

    @property
    def first_error(self) -> tuple[str, str]:
        """The name of the first field with an error, and its message."""
        return next(iter(self.first_errors.items()))

    @property
    def problem(self) -> str:
        """A message above the form: the error of the only refused field in a sentence, or which fields to correct."""
        number = len(self.errors)
        labels = [self.LABELS[name] for name in self.errors if name in self.LABELS]
        if number == 1:
            error = self.first_error[1]
            return _with_label(first_sentence(error), *labels) if labels else error
        if not labels:
            return f"Please correct the {number} marked fields."
        *others, last = [f"“{label}”" for label in labels]
        return f"Please correct {number} fields: {', '.join(others)} and {last}."

    def refuse(self, field: str, problem: str) -> None:
        """Add an error to a field, or with an empty name to the form as a whole."""
        if field:
            self[field].errors = [*self[field].errors, problem]
        else:
            self.form_errors.append(problem)


def _with_label(error: str, label: str) -> str:
    """Return an error after the name of its field, unless it says the name itself."""
    return error if label.casefold() in error.casefold() else f"{label}: {error}"


class FormRefused(Exception):
    """A form was refused. `form` has the errors."""

    def __init__(self, form: SiteForm) -> None:
        super().__init__(form.problem)
        self.form = form


class OutdatedForm(Exception):
    """A form of this site has a CSRF token from before the last login or log-out. `reason` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LocalPathField(StringField):
    """A path on this site to redirect to. Anything else is ignored."""

    @property
    def path(self) -> str | None:
        return local_path(self.data)


class EmailField(TextField):
    """An email address."""

    def pre_validate(self, form: BaseForm) -> None:
        try:
            email_key(self.data)
        except ValueError:
            if not self.data:
                raise ValidationError("Enter your email address.") from None
            raise ValidationError("That is not a valid email address. It should look like name@example.com.") from None
