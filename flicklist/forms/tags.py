"""The field for tags."""

from typing import Any

from wtforms import Form, ValidationError

from flicklist.forms.fields import NoControlCharacters, TextField
from flicklist.labels import split_labels
from flicklist.models.movie import MAX_TAG_LENGTH, MAX_TAGS


class TagLimits:
    """Refuse too many tags, and tags that are too long."""

    def __call__(self, form: Form, field: "TagsField") -> None:
        if any(len(label) > MAX_TAG_LENGTH for label in field.labels):
            raise ValidationError(f"A tag can have at most {MAX_TAG_LENGTH} characters.")
        if len(field.labels) > MAX_TAGS:
            raise ValidationError(f"A movie can have at most {MAX_TAGS} tags.")


class TagsField(TextField):
    """Tags, separated by commas. The text stays as typed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(validators=[NoControlCharacters("tags"), TagLimits()], **options)

    @property
    def labels(self) -> list[str]:
        """The tags, each once."""
        return split_labels(self.data)
