"""Static files: below an address that changes when any of them does, so that browsers can keep what did not."""

import hashlib
from pathlib import Path

from pyramid.asset import abspath_from_asset_spec
from pyramid.config import Configurator

STATIC = "flicklist:static"
STATIC_PLACE = "static"
YEAR_SECONDS = 31_536_000


def _fingerprint(spec: str) -> str:
    """Return what changes when any file below changes, so that browsers can keep what did not."""
    folder = Path(abspath_from_asset_spec(spec))
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def includeme(config: Configurator) -> None:
    # What a stylesheet names beside itself is below the fingerprint too.
    config.add_static_view(f"{STATIC_PLACE}/{_fingerprint(STATIC)}", STATIC, cache_max_age=YEAR_SECONDS)
