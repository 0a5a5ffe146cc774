"""The texts in HTML, found by a library. Imported only when needed, because that takes 50 ms."""

import warnings
from collections.abc import Iterator

from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning
from bs4.element import NavigableString, PageElement, PreformattedString, Tag

_BLOCKS = {"p", "div", "blockquote", "ul", "ol", "li"}
_HIDDEN = {"script", "style"}


def texts(html: str) -> Iterator[str]:
    """Yield the texts in order, with line breaks around blocks."""
    with warnings.catch_warnings():  # a review that is only an address looks like a mistake to the library
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        soup = BeautifulSoup(html, "html.parser")
    return _texts(soup)


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
