"""Web addresses in text become links, and nothing else does."""

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from flicklist.links import MAX_URL_LENGTH, link_urls


def shown(text):
    return BeautifulSoup(f"<p>{link_urls(text)}</p>", "html.parser").p


def links(text):
    return [link["href"] for link in shown(text).find_all("a")]


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("See https://example.org/a?b=c&d=e#f.", "https://example.org/a?b=c&d=e#f"),
        ("HTTP://Example.org", "HTTP://Example.org"),
        ("(https://en.wikipedia.org/wiki/Heat_(1995_film))", "https://en.wikipedia.org/wiki/Heat_(1995_film)"),
        ("“https://example.org/”, they said", "https://example.org/"),
        ("https://example.org/é!?", "https://example.org/é"),
        ("https://example.org/a'b", "https://example.org/a'b"),
    ],
)
def test_url_is_a_link_without_the_punctuation_behind_it(text, url):
    assert links(text) == [url]


@pytest.mark.parametrize(
    "text",
    [
        *("javascript:alert(1)", "data:text/html,x", "ftp://example.org", "example.org", "ann@example.org"),
        *("https://", "https://.", "http://[", "https:///path", "//example.org", f"https://example.org/{'x' * 2000}"),
    ],
)
def test_other_text_is_no_link(text):
    assert links(text) == []
    assert shown(text).text == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("More: www.example.com.", "www.example.com"),
        ("(www.example.com/a_(b))", "www.example.com/a_(b)"),
        ("WWW.Example.com/?a=b&c", "WWW.Example.com/?a=b&c"),
        ("“www.bücher.example”", "www.bücher.example"),
    ],
)
def test_address_without_scheme_is_a_link_to_https(text, written):
    assert links(text) == [f"https://{written}"]
    assert shown(text).a.text == written
    assert shown(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "www",
            "www.",
            "www.example",
            "www.example.",
            "www..com",
            "www.-",
            "awww.example.com",
            "www.example.com@evil.org",
        ),
        *("ann@www.example.com", "ftp://www.example.com", "x.www.example.com", f"www.example.org/{'x' * 2000}"),
    ],
)
def test_other_text_with_www_is_no_link(text):
    assert links(text) == []
    assert shown(text).text == text


def test_link_is_escaped_and_tells_the_other_site_nothing():
    html = link_urls('<b> & https://example.org/"onclick="x <script>')
    assert html == (
        '&lt;b&gt; &amp; <a href="https://example.org/" rel="noopener nofollow" dir="ltr">https://example.org/</a>'
        "&#34;onclick=&#34;x &lt;script&gt;"
    )


def test_longest_url_is_a_link():
    url = "https://example.org/".ljust(MAX_URL_LENGTH, "x")
    assert links(url) == [url]


@given(st.lists(st.sampled_from(["https://", "http:", "www.", *"/.()[]{}'\"<>& \n@é?=x"]), max_size=60).map("".join))
def test_text_stays_the_same_and_links_lead_to_the_web(text):
    paragraph = shown(text)
    assert paragraph.text == text
    assert {tag.name for tag in paragraph.find_all()} <= {"a"}
    for link in paragraph.find_all("a"):
        assert link["href"].lower().startswith(("http://", "https://"))
        assert link["rel"] == ["noopener", "nofollow"]
