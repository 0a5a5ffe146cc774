"""What the site tells a person on the next page they see: two queues, ``success`` and ``error``.

They wait in the session cookie, which holds 4 kB, so what waits is bounded: a queue keeps its newest messages, and a
message quotes no more than the beginning of what somebody typed.
"""

import json
from dataclasses import dataclass

from pyramid.config import Configurator
from pyramid.request import Request

QUEUES = ("success", "error")
MOST_WAITING = 2
# As JSON, in which an emoji has 12 characters. It leaves room for the tokens of the session within 4,064 bytes.
MOST_WAITING_LENGTH = 1900
QUOTE_MOST_LENGTH = 40


@dataclass(frozen=True)
class Message:
    """One thing to tell, and perhaps what the person may do about it: a button, and the path it sends a POST to."""

    text: str
    button: str | None = None
    path: str | None = None


def quote(typed: str) -> str:
    """Put what a person typed in quotation marks, shortened to what a message may carry."""
    shown = typed if len(typed) <= QUOTE_MOST_LENGTH else typed[: QUOTE_MOST_LENGTH - 1] + "…"
    return f"“{shown}”"


def flash_success(request: Request, text: str, *offer: str) -> None:
    """Tell what was done, and offer a button (its label, and its path), such as "Undo"."""
    _flash(request, "success", text, offer)


def flash_error(request: Request, text: str, *offer: str) -> None:
    """Tell why nothing was done, and offer a button (its label, and its path)."""
    _flash(request, "error", text, offer)


def _flash(request: Request, queue: str, text: str, offer: tuple[str, ...]) -> None:
    request.session.flash([text, *offer], queue, allow_duplicate=False)
    waiting = {each: request.session.peek_flash(each) for each in QUEUES}
    del waiting[queue][:-MOST_WAITING]
    (other,) = (each for each in QUEUES if each != queue)
    while len(json.dumps(waiting)) > MOST_WAITING_LENGTH:
        (waiting[other] or waiting[queue]).pop(0)


def take_messages(request: Request, queue: str) -> list[Message]:
    """Return what waits in a queue, once. A HEAD request shows nobody anything, so it takes nothing."""
    # Looking first keeps the session unchanged, and its cookie unsent, where nothing waits.
    if request.method == "HEAD" or not request.session.peek_flash(queue):
        return []
    return [Message(*message) for message in request.session.pop_flash(queue)]


def includeme(config: Configurator) -> None:
    config.add_request_method(take_messages)
