"""The pages that the person who runs the site writes, as Markdown: ``/privacy`` and ``/contact``."""

from pathlib import Path

from pyramid.config import Configurator

from flicklist.services.markdown import RenderedPage, render_page
from flicklist.settings import InvalidSettingError
from flicklist.text import one_line

ENCODING = "utf-8-sig"  # with or without a byte order mark, as the ini file


def includeme(config: Configurator) -> None:
    """Render the pages once. Raises `InvalidSettingError` if a file cannot be read."""
    settings = config.registry.flicklist
    files = {"privacy": settings.privacy_page, "contact": settings.contact_page}
    config.registry.site_pages = {name: _read(name, path) for name, path in files.items() if path is not None}


def _read(name: str, path: Path) -> RenderedPage:
    try:
        return render_page(path.read_text(ENCODING), name.capitalize())
    except OSError as error:
        problem = error.strerror
    except UnicodeDecodeError:
        problem = "It is not UTF-8."
    setting = f"FLICKLIST_{name.upper()}_PAGE (flicklist.{name}_page)"
    raise InvalidSettingError(f"Invalid setting: {setting} names {one_line(path)}, which cannot be read: {problem}")
