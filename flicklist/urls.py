"""Check that a path, to which somebody is redirected, is on this site."""

import re


def local_path(text: str | None, max_length: int = 500) -> str | None:
    r"""Return the text if it is an absolute path on this site, ready for a redirect, else ``None``.

    One slash, then printable ASCII with no backslash: browsers read ``//x`` and ``/\x`` as another host.
    """
    is_local = text and len(text) <= max_length and re.fullmatch(r"/(?![/\\])[!-\[\]-~]*", text)
    return text if is_local else None
