"""Questions about an upload, as they are stored with the import."""

from collections.abc import Sequence
from typing import Any

from flicklist.services.imports.rows import Question


def to_dicts(questions: Sequence[Question]) -> list[dict[str, Any]]:
    return [
        {
            "name": question.name,
            "text": question.text,
            "options": [[option.value, option.label] for option in question.options],
            "default": question.default,
        }
        for question in questions
    ]
