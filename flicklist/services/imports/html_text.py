"""Reviews in HTML, as plain text."""

import re

from flicklist.models.movie import MAX_NOTES_LENGTH

# Parsing 1,000 characters can take 10 ms. No more of the text is kept than fits into notes, without its elements.
MAX_HTML_LENGTH = 2 * MAX_NOTES_LENGTH
_TAG = re.compile(r"</?(?:a|b|i|u|em|strong|p|br|blockquote)(?:\s[^<>]*)?/?>", re.IGNORECASE)
# The parser needs quadratic time for elements that never end, and people write "<3".
_NO_TAG = re.compile(r"<(?!/?[a-z][^<>]*>)", re.IGNORECASE)
# The parser fails at a number of more than four thousand digits. No character has one of eight.
_LONG_NUMBER = re.compile(r"&#(?=[0-9]{8})", re.ASCII)
_CUT_TAG = re.compile(r"</?(?:[a-z][^<>]*)?\Z", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")


def has_html(text: str) -> bool:
    return _TAG.search(text) is not None


def html_to_text(html: str) -> str:
    """Return the text of a review, with its line breaks. The address of a link follows its text, in parentheses.

    An ellipsis replaces the text beyond `MAX_HTML_LENGTH`.
    """
    if "<" not in html and "&" not in html:
        return html
    if len(html) > MAX_HTML_LENGTH:
        html = f"{_CUT_TAG.sub('', html[:MAX_HTML_LENGTH])}…"
    from flicklist.services.imports.html_tree import texts  # noqa: PLC0415 - see there

    html = _LONG_NUMBER.sub("&amp;#", _NO_TAG.sub("&lt;", html))
    lines = (line.rstrip() for line in "".join(texts(html)).split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()
