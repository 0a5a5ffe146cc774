"""Static files, under a URL that changes whenever a file changes, so that browsers can cache them."""

import hashlib
from pathlib import Path

from pyramid.asset import abspath_from_asset_spec
from pyramid.config import Configurator

STATIC = "flicklist:static"
STATIC_SEGMENT = "static"
YEAR_SECONDS = 31_536_000


def _fingerprint(spec: str) -> str:
    """Return a hash of all files below a folder."""
    folder = Path(abspath_from_asset_spec(spec))
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def includeme(config: Configurator) -> None:
    # Relative URLs in stylesheets are under the fingerprint too.
    name = f"{STATIC_SEGMENT}/{_fingerprint(STATIC)}"
    config.add_static_view(name, STATIC, cache_max_age=YEAR_SECONDS)
    config.registry.static_path = f"/{name}/"
