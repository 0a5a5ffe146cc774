"""Text with the web addresses in it as links."""

import re
from urllib.parse import urlsplit

from markupsafe import Markup

# The longest URL that all browsers and servers accept. A longer one stays text.
MAX_URL_LENGTH = 2000
# ``www.`` starts a URL without its scheme, but not inside a word or another address.
_START = r"https?://|(?<![\w@./:-])www\.(?=[\w-]+\.[^\W_])"
_URL = re.compile(rf"(?:{_START})[^\s<>\"“”«»]+", re.IGNORECASE)
_AFTER_URL = ".,;:!?'’*_"
_BRACKETS = {")": "(", "]": "[", "}": "{"}
_LINK = Markup('<a href="{}" rel="noopener nofollow" dir="ltr">{}</a>')


def link_urls(text: str) -> Markup:
    """Return the text as HTML, with its http and https URLs as links, and those that begin with ``www.``."""
    parts, end = [], 0
    for match in _URL.finditer(text):
        written = _without_punctuation(match[0]) if len(match[0]) <= MAX_URL_LENGTH else ""
        has_scheme = written[:4].lower() == "http"
        url = written if has_scheme else f"https://{written}"
        if written and _has_host(url) and (has_scheme or "@" not in written):
            parts += [Markup.escape(text[end : match.start()]), _LINK.format(url, written)]
            end = match.start() + len(written)
    return Markup("").join([*parts, Markup.escape(text[end:])])


def _without_punctuation(url: str) -> str:
    """Return the URL without the end of the sentence, or the closing bracket, behind it."""
    while url[-1] in _AFTER_URL or (url[-1] in _BRACKETS and url.count(url[-1]) > url.count(_BRACKETS[url[-1]])):
        url = url[:-1]
    return url


def _has_host(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:  # such as a malformed IPv6 address
        return False
