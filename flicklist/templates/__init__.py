"""The templates, and the filters and globals they use. Each view module with templates has a folder of its name."""

from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple
from urllib.parse import urlencode

from jinja2 import Environment
from markupsafe import Markup
from pyramid.config import Configurator
from pyramid.request import Request

from flicklist.dates import FIRST_YEAR, LAST_YEAR, MAX_DATE_LENGTH, format_date
from flicklist.film_facts import (
    MAX_COUNTRIES_LENGTH,
    MAX_DIRECTORS_LENGTH,
    MAX_GENRES_LENGTH,
    MAX_LETTERBOXD_URI_LENGTH,
    MAX_ORIGINAL_TITLE_LENGTH,
)
from flicklist.flash import take_messages
from flicklist.forms.movies import EditMovieForm, ViewingForm, form_value
from flicklist.forms.search import NO_SEARCH
from flicklist.labels import split_labels
from flicklist.links import link_urls
from flicklist.models.change import KEPT_CHANGES
from flicklist.models.meta import utc_now
from flicklist.models.movie import (
    BEST_RATING,
    MAX_NOTES_LENGTH,
    MAX_TAG_LENGTH,
    MAX_TAGS_LENGTH,
    MAX_TITLE_LENGTH,
    MAX_VIEWING_NOTE_LENGTH,
    MAX_WHY_LENGTH,
    REMOVED_RETENTION,
)
from flicklist.models.user import MAX_EMAIL_LENGTH
from flicklist.ratings import number_of_stars, rating_text
from flicklist.services.changes import MAX_SHOWN_TITLES
from flicklist.services.passwords import MAX_PASSWORD_LENGTH
from flicklist.titles import initials, poster_color

MACROS = "flicklist:templates/macros.jinja2"
LISTS = "flicklist:templates/watchlist/lists.jinja2"
WORDMARK = "flicklist:templates/wordmark.svg"
MAX_ADDRESS_LENGTH = 200  # of a movie on another site
RATINGS = range(BEST_RATING, 0, -1)


class FactField(NamedTuple):
    """The form field of a fact about a film. `inputmode` is the kind of keyboard on a phone, as in HTML."""

    name: str
    max_length: int
    hint: str = ""
    inputmode: str = "text"
    placeholder: str = ""


FACT_FIELDS = (
    FactField("original_title", MAX_ORIGINAL_TITLE_LENGTH),
    FactField("directors", MAX_DIRECTORS_LENGTH, "separated by commas"),
    FactField("runtime", 4, "in minutes", "numeric"),
    FactField("genres", MAX_GENRES_LENGTH, "separated by commas"),
    FactField("countries", MAX_COUNTRIES_LENGTH, "separated by commas"),
    FactField("imdb_id", MAX_ADDRESS_LENGTH, "link or ID", placeholder="e.g. tt0113277"),
    FactField("tmdb_id", MAX_ADDRESS_LENGTH, "link or ID", placeholder="e.g. 949"),
    FactField("letterboxd_uri", MAX_LETTERBOXD_URI_LENGTH, "link", "url", placeholder="e.g. boxd.it/2b0k"),
)
# The labels of the fields of all forms that a person types a text into.
TYPED_LABELS = EditMovieForm.LABELS | ViewingForm.LABELS


def stars(rating: int) -> str:
    """Return 1 to 10 half-stars as stars: 9 is ``★★★★½``."""
    return "★" * (rating // 2) + "½" * (rating % 2)


def day(time: datetime, request: Request) -> str:
    """Return the day of a time in the site's time zone, in ISO 8601."""
    return time.astimezone(request.settings.time_zone).date().isoformat()


def days_left(removed_at: datetime) -> str:
    """Return how long a removed movie is kept: ``18 days left``, or ``last day to restore``."""
    days = ceil((removed_at + REMOVED_RETENTION - utc_now()) / timedelta(days=1))
    return f"{days} days left" if days > 1 else "last day to restore"


def restorable_until(removed_at: datetime, request: Request) -> str:
    """Return the last day on which a removed movie can be restored, in ISO 8601."""
    return day(removed_at + REMOVED_RETENTION, request)


def format_runtime(minutes: int) -> str:
    """Return a runtime as people write it, on one line: ``2 h 50 min``, ``2 h``, ``50 min``."""
    hours, rest = divmod(minutes, 60)
    runtime = " ".join([f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest))
    return runtime.replace(" ", "\N{NO-BREAK SPACE}")


def time_of_day(time: datetime, request: Request) -> str:
    """Return the hour and minute of a time in the site's time zone: ``21:04``."""
    return f"{time.astimezone(request.settings.time_zone):%H:%M}"


def tag_query(tag: str) -> str:
    """Return the query string of the search for a tag: ``tag=own+it``."""
    return urlencode({"tag": tag})


def includeme(config: Configurator) -> None:
    config.get_settings()["jinja2.undefined"] = "strict"
    config.include("pyramid_jinja2")
    config.add_jinja2_search_path("flicklist:templates")
    config.commit()
    environment = config.get_jinja2_environment()
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters |= {
        "day": day,
        "days_left": days_left,
        "restorable_until": restorable_until,
        "time_of_day": time_of_day,
        "format_date": format_date,
        "stars": stars,
        "tag_query": tag_query,
        "rating_text": rating_text,
        "number_of_stars": number_of_stars,
        "form_value": form_value,
        "poster_color": poster_color,
        "initials": initials,
        "format_runtime": format_runtime,
        "split_labels": split_labels,
        "link_urls": link_urls,
    }
    environment.globals |= {
        "take_messages": take_messages,
        "TYPED_LABELS": TYPED_LABELS,
        "FACT_FIELDS": FACT_FIELDS,
        "KEPT_CHANGES": KEPT_CHANGES,
        "MAX_DATE_LENGTH": MAX_DATE_LENGTH,
        "MAX_SHOWN_TITLES": MAX_SHOWN_TITLES,
        "MAX_EMAIL_LENGTH": MAX_EMAIL_LENGTH,
        "MAX_PASSWORD_LENGTH": MAX_PASSWORD_LENGTH,
        "MAX_NOTES_LENGTH": MAX_NOTES_LENGTH,
        "MAX_TAG_LENGTH": MAX_TAG_LENGTH,
        "MAX_TAGS_LENGTH": MAX_TAGS_LENGTH,
        "MAX_TITLE_LENGTH": MAX_TITLE_LENGTH,
        "MAX_VIEWING_NOTE_LENGTH": MAX_VIEWING_NOTE_LENGTH,
        "MAX_WHY_LENGTH": MAX_WHY_LENGTH,
        "FIRST_YEAR": FIRST_YEAR,
        "LAST_YEAR": LAST_YEAR,
        "RATINGS": RATINGS,
        "STATIC_PATH": config.registry.static_path,
    }
    _add_macros(environment)


def _add_macros(environment: Environment) -> None:
    """Make the macros, and what they render, available in all templates. An import would make them for each page."""
    macros: Any = environment.get_template(MACROS).module
    environment.globals["macros"] = macros
    # People open the same pages again, with the same movies, days and tags.
    environment.filters |= {
        "poster": lru_cache(maxsize=4096)(macros.poster),
        "date": lru_cache(maxsize=4096)(macros.date),
        "tag_links": lru_cache(maxsize=1024)(macros.tag_links),
    }
    # The same on every page, so they are rendered once per process.
    empty_filter_fields = environment.globals["empty_filter_fields"] = {}
    lists: Any = environment.get_template(LISTS).module
    environment.globals["lists"] = lists
    for of_watched in (False, True):
        empty_filter_fields[of_watched] = lists.filter_fields(NO_SEARCH, "", of_watched)
    environment.globals["WORDMARK"] = Markup(environment.get_template(WORDMARK).render())  # noqa: S704 - our own file
    # A page has up to fifty of each, but they differ only by the rating.
    environment.globals["rating_options"] = {rating: macros.rating_options(rating) for rating in (None, *RATINGS)}
    environment.globals["drawn_stars"] = {rating: macros.stars(rating) for rating in RATINGS}
