"""Render Markdown as HTML."""

from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

FIRST_HEADING, LAST_HEADING = 2, 6
ALIGNED = "text-align:"  # in the style of a cell


class RenderedPage(NamedTuple):
    """A page. The HTML has no heading of the first level, because the title is that."""

    title: str
    html: str


def render_page(text: str, default_title: str) -> RenderedPage:
    """Render a page. If it begins with a heading of the first level, that is its title.

    HTML in the text is shown as text, and links have only harmless schemes. There are no images, because the Content
    Security Policy blocks those of other hosts.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    tokens = parser.parse(text)
    title = default_title
    if tokens and (tokens[0].type, tokens[0].tag) == ("heading_open", "h1"):
        title = _plain_text(tokens[1]) or default_title
        tokens = tokens[3:]
    _shift_headings(tokens)
    _replace_styles(tokens)
    _make_tables_focusable(tokens)
    return RenderedPage(title, parser.renderer.render(tokens, parser.options, {}))


def _plain_text(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def _shift_headings(tokens: list[Token]) -> None:
    """Change the levels of headings, so that the highest one comes right after that of the page."""
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    highest = min((_level(token) for token in headings), default=FIRST_HEADING)
    for token in headings:
        token.tag = f"h{min(_level(token) + FIRST_HEADING - highest, LAST_HEADING)}"


def _replace_styles(tokens: list[Token]) -> None:
    """Align the cells of tables by classes such as ``align-right``. The Content Security Policy blocks styles."""
    for token in tokens:
        style = str(token.attrs.pop("style", ""))
        if style.startswith(ALIGNED):
            token.attrs["class"] = f"align-{style.removeprefix(ALIGNED)}"


def _make_tables_focusable(tokens: list[Token]) -> None:
    """Let a table that is too wide for the window be scrolled by keyboard in every browser."""
    for token in tokens:
        if token.type == "table_open":
            token.attrs["tabindex"] = "0"


def _level(heading: Token) -> int:
    return int(heading.tag[1:])
