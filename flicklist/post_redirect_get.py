"""Refused forms, kept in the session across the redirect back to their page (Post/Redirect/Get).

Only the text of one field is kept, such as the email address, and never a password. The session cookie holds 4 kB, so a
text that is too long is cut off.
"""

import json

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request

from flicklist.flash import REFUSED_FORM, flash_error
from flicklist.forms.fields import SiteForm

# Characters as JSON, in which a letter outside ASCII has 6 or 12. An address of 254 ASCII characters fits.
MAX_KEPT_LENGTH = 400
KEPT_FIELDS = ("email", "tags")


def redirect_to_form(request: Request, path: str, form: SiteForm) -> HTTPSeeOther:
    """Keep the text and the error of the form, flash the error, and return the redirect to its page.

    *Raise* the redirect, so that the transaction is aborted.
    """
    name = _kept_field(form)
    text = form[name].data[:MAX_KEPT_LENGTH] if name else ""
    while len(json.dumps(text)) > MAX_KEPT_LENGTH:
        text = text[:-1]
    field, problem = form.first_error
    request.session[REFUSED_FORM] = [type(form).__name__, text, field, problem]
    flash_error(request, problem)
    return HTTPSeeOther(path)


def refill_form(request: Request, form: SiteForm) -> None:
    """Fill in what `redirect_to_form` kept of this form, once."""
    if request.method == "HEAD" or REFUSED_FORM not in request.session:
        return
    name, text, field, problem = request.session.pop(REFUSED_FORM)
    if name != type(form).__name__ or (field and field not in form):
        return
    if kept := _kept_field(form):
        form[kept].data = text
    form.refuse(field, problem)


def _kept_field(form: SiteForm) -> str | None:
    return next((name for name in KEPT_FIELDS if name in form), None)
