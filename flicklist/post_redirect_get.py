"""Refused forms, kept in the session across the redirect back to their page (Post/Redirect/Get).

Only the email address is kept, never a password. The session cookie holds 4 kB, so an address that is too long for an
account is cut off.
"""

import json

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request

from flicklist.flash import REFUSED_FORM, flash_error
from flicklist.forms.fields import SiteForm

# Characters as JSON, in which a letter outside ASCII has 6 or 12. An address of 254 ASCII characters fits.
MAX_KEPT_EMAIL_LENGTH = 400


def redirect_to_form(request: Request, path: str, form: SiteForm) -> HTTPSeeOther:
    """Keep the form's email and error, flash the error, and return the redirect to its page.

    *Raise* the redirect, so that the transaction is aborted.
    """
    email = form["email"].data[:MAX_KEPT_EMAIL_LENGTH] if "email" in form else ""
    while len(json.dumps(email)) > MAX_KEPT_EMAIL_LENGTH:
        email = email[:-1]
    field, problem = form.first_error
    request.session[REFUSED_FORM] = [type(form).__name__, email, field, problem]
    flash_error(request, problem)
    return HTTPSeeOther(path)


def refill_form(request: Request, form: SiteForm) -> None:
    """Fill in what `redirect_to_form` kept of this form, once."""
    if request.method == "HEAD" or REFUSED_FORM not in request.session:
        return
    name, email, field, problem = request.session.pop(REFUSED_FORM)
    if name != type(form).__name__:
        return
    if "email" in form:
        form["email"].data = email
    form.refuse(field, problem)
