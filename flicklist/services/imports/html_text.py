"""Reviews in HTML, as plain text."""

import re
import warnings
from collections.abc import Iterator

from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning
from bs4.element import NavigableString, PageElement, PreformattedString, Tag

_BLOCKS = {"p", "div", "blockquote", "ul", "ol", "li"}
_HIDDEN = {"script", "style"}
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
    with warnings.catch_warnings():  # a review that is only an address looks like a mistake to the library
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        soup = BeautifulSoup(_NO_TAG.sub("&lt;", html), "html.parser")
    lines = (line.rstrip() for line in "".join(_texts(soup)).split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def _texts(root: Tag) -> Iterator[str]:
    """Yield the texts in order. Without recursion, because elements can be nested as deeply as a stranger wants."""
    pending: list[PageElement | str] = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, Tag):
            before, after = _around(node)
            pending += [after, *reversed([] if node.name in _HIDDEN else node.contents), before]
        elif not isinstance(node, PreformattedString):  # a comment or a declaration
            yield str(node)


def _around(tag: Tag) -> tuple[str, str]:
    """Return the text that a tag becomes, before and after its content."""
    if tag.name == "br":
        return "\n", ""
    if tag.name in _BLOCKS:
        return "\n\n", "\n\n"
    return "", _address(tag)


def _address(tag: Tag) -> str:
    """Return the address of a link, unless its text is the same."""
    target = str(tag.get("href") or "") if tag.name == "a" else ""
    is_web_address = target.startswith(("https://", "http://"))
    only = tag.contents[0] if len(tag.contents) == 1 else None
    is_shown = isinstance(only, NavigableString) and str(only).strip() == target
    return f" ({target})" if is_web_address and not is_shown else ""
