"""The hidden fields of many forms: the page to return to, and the date in the browser."""

from wtforms import HiddenField

from flicklist.forms.fields import SiteForm


class BackForm(SiteForm):
    """The page to return to, and the date in the browser. The form validates neither, so the views do."""

    back = HiddenField()
    today = HiddenField()
