"""Refused forms, kept in the session across the redirect back to their page (Post/Redirect/Get).

Only the text of one field is kept, such as the email address, and never a password. The session cookie holds 4 kB, so a
text that is too long is cut off, and only the first errors are kept if there are many.
"""

import json

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request

from flicklist.flash import REFUSED_FORM, flash_error
from flicklist.forms.fields import SiteForm

# Characters as JSON, in which a letter outside ASCII has 6 or 12. An address of 254 ASCII characters fits.
MAX_KEPT_LENGTH = 400
MAX_ERRORS_LENGTH = 800  # likewise
KEPT_FIELDS = ("email", "tags")


def redirect_to_form(request: Request, path: str, form: SiteForm) -> HTTPSeeOther:
    """Keep the text and the errors of the form, flash the problem, and return the redirect to its page.

    *Raise* the redirect, so that the transaction is aborted.
    """
    name = _kept_field(form)
    text = form[name].data[:MAX_KEPT_LENGTH] if name else ""
    while not _fits(text):
        text = text[:-1]
    errors = form.first_errors
    while len(errors) > 1 and len(json.dumps(errors)) > MAX_ERRORS_LENGTH:
        errors.popitem()
    request.session[REFUSED_FORM] = [type(form).__name__, text, errors]
    flash_error(request, form.problem)
    return HTTPSeeOther(path)


def keeps_whole_text(form: SiteForm) -> bool:
    """Return whether `redirect_to_form` keeps the text of the form without cutting it off."""
    name = _kept_field(form)
    return name is None or _fits(form[name].data)


def refill_form(request: Request, form: SiteForm) -> None:
    """Fill in what `redirect_to_form` kept of this form, once."""
    if request.method == "HEAD" or REFUSED_FORM not in request.session:
        return
    name, text, errors = request.session.pop(REFUSED_FORM)
    if name != type(form).__name__:
        return
    if kept := _kept_field(form):
        form[kept].data = text
    for field, problem in errors.items():
        if not field or field in form:
            form.refuse(field, problem)


def _fits(text: str) -> bool:
    return len(json.dumps(text)) <= MAX_KEPT_LENGTH


def _kept_field(form: SiteForm) -> str | None:
    return next((name for name in KEPT_FIELDS if name in form), None)
