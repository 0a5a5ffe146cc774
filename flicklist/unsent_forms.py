"""A form with typed text that was sent while logged out, carried through the login in a hidden field.

The login wall puts the form into the page to log in, and the pages of the login send it along. The server stores
nothing. After the login the form is shown to the owner of the list only. It saves nothing until it is sent again. If
another person is logged in already, they get the text to copy.
A form about a movie that was removed meanwhile is carried in the same way, by the button to restore the movie.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NamedTuple

from pyramid.request import Request

from flicklist.forms.movies import AddForm, EditMovieForm, TagsForm
from flicklist.forms.navigation import BackForm
from flicklist.sanity import FORM, MAX_BODY_BYTES, MAX_FIELDS, is_valid_text
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
LOG_IN_PATH = re.compile(r"/login(-code)?/?")
RESTORE_PATH = re.compile(r"(?P<list>/watchlists/[\w-]{22}/)[0-9]+/restore/?", re.ASCII)
MAX_PACKED_LENGTH = MAX_BODY_BYTES - 10_000  # the form to log in also has the email, the password and a path


class UnsentForm(NamedTuple):
    """A form that was sent to a path, and was not saved."""

    path: str
    fields: dict[str, list[str]]


def typed_texts(request: Request) -> dict[str, str]:
    """Return what was typed into the submitted form, by the names of its fields. Empty if the form is not kept."""
    form = _submitted_form(request)
    return {name: form.fields[name][-1] for name in TYPED_FIELDS if any(form.fields.get(name, ()))} if form else {}


def _submitted_form(request: Request) -> UnsentForm | None:
    """Return the submitted form, or the one that a login or the button to restore a movie carries, if it is kept."""
    if request.content_type != FORM or not is_from_this_site(request):
        return None
    if restored := RESTORE_PATH.fullmatch(request.path_info):
        return unpack(request.POST.get("unsent"), restored["list"])
    if LOG_IN_PATH.fullmatch(request.path_info):
        return unpack(request.POST.get("unsent"))
    if PATH.fullmatch(request.path_info):
        fields = {name: values for name, values in request.POST.dict_of_lists().items() if name in FIELDS}
        return UnsentForm(request.path_info, fields)
    return None


def pack(request: Request) -> str:
    """Return the submitted form as the value of a hidden field, or an empty text if it is not kept.

    It is JSON in Base64. A character that a form accepts has at most four bytes in JSON, which are less than six in
    Base64. A browser would send up to twelve. So a form with the longest texts fits, whatever they are.
    """
    form = _submitted_form(request)
    if form is None or not typed_texts(request):
        return ""
    packed = urlsafe_b64encode(json.dumps([form.path, form.fields], ensure_ascii=False).encode()).decode()
    return packed if len(packed) <= MAX_PACKED_LENGTH else ""


def unpack(packed: str | None, list_path: str = "") -> UnsentForm | None:
    """Return the form, or None if there is none, or if it belongs to a list other than that of the path, if given.

    The hidden field can be forged, so values that no form can send are ignored.
    """
    try:
        path, fields = json.loads(_json(packed or ""))
        kept = {name: _texts(values) for name, values in fields.items() if name in FIELDS}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    is_own = isinstance(path, str) and PATH.fullmatch(path) and path.startswith(list_path)
    has_text = any(kept.get(name) for name in TYPED_FIELDS)
    return UnsentForm(path, kept) if is_own and has_text and sum(map(len, kept.values())) <= MAX_FIELDS else None


def _json(packed: str) -> str:
    """Return the JSON of a packed form. An older version of the site has packed it without Base64."""
    return packed if packed.startswith("[") else urlsafe_b64decode(packed).decode()


def _texts(values: Any) -> list[str]:
    """Return the valid texts of a field. An older version of the site has packed one text without a list."""
    listed = [values] if isinstance(values, str) else values
    return [value for value in listed if isinstance(value, str) and is_valid_text(value)]
