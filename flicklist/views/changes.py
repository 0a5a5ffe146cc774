"""``/watchlists/pX3v…/changes/``: the changes of a list, and undoing one of them."""

from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.request import Request
from pyramid.view import view_config

from flicklist.flash import flash_info, flash_success
from flicklist.models.change import IMPORTED, REDONE, UNDONE, Change
from flicklist.permissions import Permission
from flicklist.resources import ChangeResource, ChangesResource
from flicklist.security.rate_limits import CHANGES_OF_MANY, LONG_PAGES
from flicklist.services import changes
from flicklist.services.changes import ListedChange
from flicklist.services.tags import tags_in_outcome
from flicklist.views import name_movies, name_tags, redirect_back, requested_page, undo_path

# The words for each outcome, before and after the names of the movies.
WORDS = {
    "crossed off": ("Watched", ""),
    "watched again": ("Watched", "again"),
    "moved to watchlist": ("Moved", "to your watchlist"),
    "rating removed": ("Removed the rating of", ""),
    "removed": ("Removed", ""),
    "restored": ("Restored", ""),
    "saved": ("Edited", ""),
    "viewing added": ("Added a viewing of", ""),
    "viewing saved": ("Edited a viewing of", ""),
    "viewing deleted": ("Deleted a viewing of", ""),
    IMPORTED: ("Imported", ""),
    "facts filled in": ("Added details such as the director to", ""),  # by `flicklist catalog fill`
    UNDONE: ("Undid the last change to", ""),
    REDONE: ("Redid the last change to", ""),
}
RATED = "rated "
TAGGED, UNTAGGED = "tagged ", "untagged "


@view_config(
    context=ChangesResource,
    request_method="GET",
    permission=Permission.VIEW,
    renderer="flicklist:templates/changes/changes.jinja2",
    load_limit=LONG_PAGES,
)
def changes_page(context: ChangesResource, request: Request) -> dict[str, Any]:
    page = changes.changes_page(request.db, context.watchlist.owner_id, requested_page(request))
    return {"page": page, "words": words}


def words(change: ListedChange) -> tuple[str, str]:
    """Return the words for a change before and after the names of the movies: ``Undone: rated``, ``4 ★``."""
    if change.undid in {"", UNDONE, REDONE}:
        return _words(change.outcome)
    before, after = _words(change.undid)
    return f"{'Undone' if change.is_undoing else 'Redone'}: {_lower_first(before)}", after


def _words(outcome: str) -> tuple[str, str]:
    if outcome.startswith(RATED):
        return "Rated", outcome.removeprefix(RATED)
    if outcome.startswith(TAGGED):
        return f"Added the {name_tags(tags_in_outcome(outcome))} to", ""
    if outcome.startswith(UNTAGGED):
        return f"Removed the {name_tags(tags_in_outcome(outcome))} from", ""
    return WORDS.get(outcome) or (f"{outcome[:1].upper()}{outcome[1:]}:", "")


def _done_in_words(change: Change, undoing: Change, movies: str) -> str:
    """Return what was undone or redone, as a sentence: ``Undone: rated “Heat” 4 ★.``."""
    if change.outcome in {UNDONE, REDONE}:
        return f"{WORDS[undoing.outcome][0]} {movies}."
    before, after = _words(change.outcome)
    return f"Undone: {_lower_first(before)} {movies}{f' {after}' if after else ''}."


def _lower_first(words: str) -> str:
    return words[:1].lower() + words[1:]


@view_config(
    context=ChangeResource, name="undo", request_method="POST", permission=Permission.EDIT, load_limit=CHANGES_OF_MANY
)
def undo(context: ChangeResource, request: Request) -> HTTPSeeOther:
    movies, undoing = changes.undo(request.db, context.change)
    skipped = len(context.change.before) - len(movies)
    if undoing is None:
        verb, done = ("redo", "redone") if context.change.is_undoing else ("undo", "undone")
        flash_info(request, f"Nothing to {verb}: it was already {done}, or the movie has changed since.")
    else:
        text = _done_in_words(context.change, undoing, name_movies(movies))
        button = "Undo" if context.change.is_undoing else "Redo"
        if skipped == 1:
            text += " 1 movie has changed since then, so it was left alone."
        elif skipped:
            text += f" {skipped} movies have changed since then, so they were left alone."
        flash_success(request, text, button, undo_path(request, undoing))
    return redirect_back(request, context.watchlist)
