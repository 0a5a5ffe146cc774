"""Reviews in HTML, as plain text."""

import re

_TAG = re.compile(r"</?(?:a|b|i|u|em|strong|p|br|blockquote)(?:\s[^<>]*)?/?>", re.IGNORECASE)
# The parser needs quadratic time for elements that never end, and people write "<3".
_NO_TAG = re.compile(r"<(?!/?[a-z][^<>]*>)", re.IGNORECASE)
_BLANK_LINES = re.compile(r"\n{3,}")


def has_html(text: str) -> bool:
    return _TAG.search(text) is not None


def html_to_text(html: str) -> str:
    """Return the text of a review, with its line breaks. The address of a link follows its text, in parentheses."""
    if "<" not in html and "&" not in html:
        return html
    from flicklist.services.imports.html_tree import texts  # noqa: PLC0415 - see there

    lines = (line.rstrip() for line in "".join(texts(_NO_TAG.sub("&lt;", html))).split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()
