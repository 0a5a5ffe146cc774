"""The forms for imports: a file, the answers to questions about it, and the filter of its report."""

from collections.abc import Sequence
from typing import Any

from wtforms import Field, FileField, ValidationError

from flicklist.forms.fields import SiteForm, TextField
from flicklist.models.movie_import import Outcome

PROBLEMS = "problems"


class UploadForm(SiteForm):
    """A file to import."""

    file = FileField()

    def validate_file(self, field: Field) -> None:
        if not getattr(field.data, "name", ""):
            raise ValidationError("Choose a file first.")


class AnswersForm(SiteForm):
    """The answers to the questions about an upload. `questions` are those of `Import.questions`."""

    questions: Sequence[dict[str, Any]]

    @classmethod
    def to(cls, questions: Sequence[dict[str, Any]], data: Any) -> "AnswersForm":
        """Return the form with a field for each question."""
        fields = {question["name"]: TextField() for question in questions}
        form = type("AnswersForm", (cls,), fields)(data)
        form.questions = questions
        return form

    def validate(self, extra_validators: Any = None) -> bool:
        for question in self.questions:
            if self[question["name"]].data not in {value for value, _ in question["options"]}:
                self.refuse(question["name"], "Choose an answer.")
                return False
        return True

    @property
    def answers(self) -> dict[str, str]:
        return {question["name"]: self[question["name"]].data for question in self.questions}


class ReportForm(SiteForm):
    """Which rows of a report are shown: all, those with one outcome, or those that were not imported."""

    outcome = TextField()

    def outcomes(self, default: str) -> tuple[str, Sequence[Outcome]]:
        """Return the name of the filter and the outcomes that it shows. An unknown name means the default."""
        filters = {"all": tuple(Outcome), PROBLEMS: (Outcome.UNDECIDED, Outcome.REFUSED)}
        filters |= {outcome.value: (outcome,) for outcome in Outcome}
        name = self.outcome.data if self.outcome.data in filters else default
        return name, filters[name]
