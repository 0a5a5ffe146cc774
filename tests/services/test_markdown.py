"""Markdown is rendered safely, as a page with one heading of the first level."""

import pytest
from bs4 import BeautifulSoup

from flicklist.services.markdown import render_page


def headings(text):
    html = BeautifulSoup(render_page(text, "Privacy").html, "html.parser")
    return [f"{heading.name} {heading.text}" for heading in html.select("h1, h2, h3, h4, h5, h6")]


def test_first_heading_is_the_title():
    page = render_page("# Your *data*\n\nIs yours.", "Privacy")
    assert page == ("Your data", "<p>Is yours.</p>\n")


@pytest.mark.parametrize("text", ["", "Is yours.", "## Data", "#\n\nIs yours."])
def test_page_without_title_has_the_default_one(text):
    assert render_page(text, "Privacy").title == "Privacy"


def test_highest_heading_in_the_text_is_of_the_second_level():
    assert headings("# Title\n# A\n## B\n# C") == ["h2 A", "h3 B", "h2 C"]
    assert headings("# Title\n### A\n#### B") == ["h2 A", "h3 B"]
    assert headings("## A\n### B") == ["h2 A", "h3 B"]
    assert headings("# Title\n# A\n###### B") == ["h2 A", "h6 B"]


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "[link](javascript:alert(1))",
        "[link](JaVaScRiPt&colon;alert(1))",
        "[link](data:text/html,x)",
        "![image](https://evil.example/x.png)",
        "# <script>alert(1)</script>",
    ],
)
def test_markup_is_shown_as_text(text):
    page = render_page(f"Before\n\n{text}", "Privacy")
    html = BeautifulSoup(page.html, "html.parser")
    assert not html.select("script, img")
    assert all(link["href"].startswith("https:") for link in html.select("a"))


def test_cells_are_aligned_without_a_style():
    page = render_page("| a | b | c |\n| :-- | :-: | --: |\n| 1 | 2 | 3 |\n", "Privacy")
    html = BeautifulSoup(page.html, "html.parser")
    assert not html.select("[style]")
    for cells in (html.select("th"), html.select("td")):
        assert [cell["class"] for cell in cells] == [["align-left"], ["align-center"], ["align-right"]]


def test_table_can_be_scrolled_by_keyboard():
    page = render_page("| a | b |\n| --- | --- |\n| 1 | 2 |\n", "Privacy")
    assert BeautifulSoup(page.html, "html.parser").table["tabindex"] == "0"


def test_text_has_links_lists_and_tables():
    text = "[site](https://example.com) <https://example.org>\n\n- one\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    html = BeautifulSoup(render_page(text, "Privacy").html, "html.parser")
    assert [link["href"] for link in html.select("a")] == ["https://example.com", "https://example.org"]
    assert [cell.text for cell in html.select("li, td")] == ["one", "1", "2"]
