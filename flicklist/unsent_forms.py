"""A form with typed text that was sent while logged out, carried through the login in a hidden field.

The login wall puts the form into the page to log in, and the pages of the login send it along. The server stores
nothing. After the login the form is shown to the owner of the list only. It saves nothing until it is sent again.
"""

import json
import re
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from pyramid.request import Request

from flicklist.forms.movies import AddForm, EditMovieForm, TagsForm
from flicklist.forms.navigation import BackForm
from flicklist.sanity import FORM, is_valid_text
from flicklist.security.session import is_from_this_site

TYPED_FIELDS = ("title", "why", "notes", "note", "watched_on", "tags")  # the other fields of these forms are chosen
# None of these is a password or a code.
FIELDS = frozenset(
    (*AddForm()._fields, *EditMovieForm()._fields, *TagsForm()._fields, *BackForm()._fields, "watched_on", "note")
)
# The forms that come back filled in if they are outdated. The path alone decides whether a form is kept, so the wall
# does not reveal which lists exist.
PATH = re.compile(
    r"/watchlists/[\w-]{22}/(add|find|tag|untag|[0-9]+/edit|[0-9]+/viewings/(add|[0-9]+/edit))/?", re.ASCII
)
MAX_ENCODED_LENGTH = 60_000  # as sent by the form to log in, which can have 64 kB with the email and the password


class UnsentForm(NamedTuple):
    """A form that was sent to a path while logged out, and was not saved."""

    path: str
    fields: dict[str, list[str]]


def typed_texts(request: Request) -> dict[str, str]:
    """Return what was typed into the submitted form, by the names of its fields. Empty if the form is not kept."""
    is_kept = PATH.fullmatch(request.path_info) and request.content_type == FORM and is_from_this_site(request)
    return {name: text for name in TYPED_FIELDS if (text := request.POST.get(name))} if is_kept else {}


def pack(request: Request) -> str:
    """Return the submitted form as the value of a hidden field, or an empty text if it is not kept."""
    if not typed_texts(request):
        return ""
    fields = {name: values for name, values in request.POST.dict_of_lists().items() if name in FIELDS}
    packed = json.dumps([request.path_info, fields], ensure_ascii=False)
    return packed if _encoded_length(packed) <= MAX_ENCODED_LENGTH else ""


def unpack(packed: str | None, list_path: str) -> UnsentForm | None:
    """Return the form, or None if there is none, or if it belongs to a list other than that of the path.

    The hidden field can be forged, so values that no form can send are ignored.
    """
    try:
        path, fields = json.loads(packed or "")
        kept = {name: _texts(values) for name, values in fields.items() if name in FIELDS}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    is_own = isinstance(path, str) and PATH.fullmatch(path) and path.startswith(list_path)
    return UnsentForm(path, kept) if is_own and any(kept.get(name) for name in TYPED_FIELDS) else None


def _texts(values: Any) -> list[str]:
    """Return the valid texts of a field. An older version of the site has packed one text without a list."""
    listed = [values] if isinstance(values, str) else values
    return [value for value in listed if isinstance(value, str) and is_valid_text(value)]


def _encoded_length(text: str) -> int:
    """Return the length of a text in the body of a form. Unlike `quote_plus`, browsers encode a tilde."""
    return len(quote_plus(text).replace("~", "%7E"))
