"""Messages for the next page a person sees, in the queues ``success``, ``info`` and ``error``.

They are kept in the session cookie, which holds 4 kB, so they are bounded: a queue keeps its newest messages, and a
message quotes only the beginning of typed text.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pyramid.request import Request

QUEUES = ("success", "info", "error")
MAX_QUEUED_MESSAGES = 2
# The most that all messages and the refused form may need, in characters of JSON (an emoji has 12). A cookie of 4,064
# bytes holds 2,984 such characters. The tokens of a session need up to 1,250, so about 1,700 are left.
MAX_QUEUED_LENGTH = 1700
REFUSED_FORM = "refused"  # the session key of `flicklist.post_redirect_get`, which shares this space


class NewViewing(NamedTuple):
    """A viewing of a movie that was just crossed off. Its message has fields for the rating and the date.

    `movie_path` ends with a slash. `rating` is in half-stars. `problem` says why `typed`, a date, was refused.
    `readings` are the dates that an ambiguous date can be, in ISO 8601.
    """

    id: int
    movie_path: str
    rating: int | None
    readings: Sequence[str] = ()
    problem: str = ""
    typed: str = ""
    is_today: bool = False
    is_yesterday: bool = False


@dataclass(frozen=True)
class Message:
    """A message, with an optional action: a button that sends a POST to `path`, or a link to it."""

    text: str
    label: str | None = None
    path: str | None = None
    is_link: bool = False
    viewing: NewViewing | None = None


def flash_success(request: Request, text: str, *action: str, viewing: NewViewing | None = None) -> None:
    """Say what was done. An optional button has a label, such as "Undo", and a path."""
    label, path = action or (None, None)
    _flash(request, "success", text, (label, path, False, viewing) if viewing else action)


def flash_info(request: Request, text: str, *action: str, is_link: bool = False) -> None:
    """Say something neutral. An optional button or link has a label and a path.

    This replaces a waiting message with the same text. Otherwise a visitor who opens two pages would get the message
    twice, with different links to the login page.
    """
    waiting = request.session.peek_flash("info")
    waiting[:] = [message for message in waiting if message[0] != text]
    _flash(request, "info", text, (*action, True) if is_link else action)


def flash_error(request: Request, text: str, *action: str) -> None:
    """Say why nothing was done. An optional button has a label and a path."""
    _flash(request, "error", text, action)


def _flash(request: Request, queue: str, text: str, action: tuple[Any, ...]) -> None:
    request.session.flash([text, *action], queue, allow_duplicate=False)
    waiting = {each: request.session.peek_flash(each) for each in QUEUES}
    del waiting[queue][:-MAX_QUEUED_MESSAGES]
    others = [waiting[each] for each in QUEUES if each != queue]
    refused_form = request.session.get(REFUSED_FORM)
    while len(json.dumps([waiting, refused_form])) > MAX_QUEUED_LENGTH:
        next(each for each in (*others, waiting[queue]) if each).pop(0)


def take_messages(request: Request, queue: str) -> list[Message]:
    """Remove and return the messages of a queue. A HEAD request shows no page, so it leaves them."""
    # Peek first: popping an empty queue would change the session and send its cookie again.
    if request.method == "HEAD" or not request.session.peek_flash(queue):
        return []
    return [_message(*fields) for fields in request.session.pop_flash(queue)]


def _message(*fields: Any) -> Message:
    message = Message(*fields)
    return replace(message, viewing=NewViewing(*message.viewing)) if message.viewing else message
