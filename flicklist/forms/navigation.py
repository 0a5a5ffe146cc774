"""The hidden fields that say where a form was and what day it was there."""

from wtforms import HiddenField

from flicklist.forms.fields import SiteForm


class BackForm(SiteForm):
    """The page to return to, and the date in the browser. Neither is trusted: the views validate both."""

    back = HiddenField()
    today = HiddenField()
