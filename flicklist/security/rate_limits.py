"""Rate limits: for passwords, codes, registrations, mails, changes, uploads, and requests that read much."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import ceil
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from flicklist.forms.search import SEARCH_FILTERS
from flicklist.places import Places
from flicklist.security.audit import client_key
from flicklist.security.known_browser import known_browser_id
from flicklist.services.passwords import PasswordHasher

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

STORAGE_TIMEOUT_SECONDS = 1.0
OUTAGE_SECONDS = 60
RETRY_SECONDS = 10  # when what found no room, or no database, can be tried again
# The names of rules whose error pages have their own words.
CHANGES, LONG_CHANGES, LONG_READS = "changes", "long-changes", "long-reads"
UPLOADS_AT_ONCE, READ_SECONDS = "uploads-at-once", "read-seconds"
MAX_FREE_SECONDS = 0.1  # a read that takes less is not counted, so that most searches write to no storage
PARTS_OF_SECOND = 10  # in which the time of reads is counted


class Shares(NamedTuple):
    """How many requests of one kind can be under way at once: in all, of a person, and of a client."""

    number: int
    of_person: int
    of_client: int


# Each such request occupies one of the 16 threads in the ini files, for seconds or more.
MOST_UNDER_WAY = {
    LONG_READS: Shares(8, of_person=4, of_client=6),
    # They take as long as ten other changes, and wait for each other to write.
    LONG_CHANGES: Shares(6, of_person=2, of_client=4),
    # The largest ones hold the lock of SQLite for most of a second, for which others wait ten seconds.
    UPLOADS_AT_ONCE: Shares(8, of_person=1, of_client=2),
}


class RateLimited(Exception):
    """A limit was reached. The same can be tried again after `seconds`. `rule` is the name of the exceeded rule."""

    def __init__(self, seconds: int, rule: str = "") -> None:
        super().__init__(seconds, rule)
        self.seconds = seconds
        self.rule = rule


class Rule(NamedTuple):
    """Limits, and the key under which attempts are counted."""

    limits: tuple[RateLimitItem, ...]
    name: str
    keys: tuple[str, ...]


class RateLimiter:
    """Counts attempts in moving windows.

    If the storage does not answer, attempts are counted in the memory of this process, and the storage is tried again
    after a minute.
    """

    def __init__(self, storage_url: str) -> None:
        self.storage = storage_from_string(storage_url, wrap_exceptions=True, **_timeouts(storage_url))
        self._windows = MovingWindowRateLimiter(self.storage)
        self._windows_in_memory = MovingWindowRateLimiter(MemoryStorage())
        self._outage_ends = 0.0
        self._lock = threading.Lock()

    def check(self, rules: Sequence[Rule]) -> None:
        """Raise `RateLimited` if one more attempt would be too many. Counts nothing."""
        self._apply("test", rules)

    def count(self, rules: Sequence[Rule]) -> None:
        """Count an attempt against all rules. Raises `RateLimited` if one is exceeded, and then counts against none."""
        self._apply("test", rules)
        self._apply("hit", rules)

    def use_up(self, rule: Rule, cost: int) -> None:
        """Count a cost that is known only afterwards, up to each limit. Raises nothing if it is more than was left."""
        self._ask(lambda windows: _use_up(windows, rule, cost))

    def _apply(self, operation: str, rules: Sequence[Rule]) -> None:
        """Apply ``test`` or ``hit`` to every limit. Raises `RateLimited` if one is exceeded."""
        reset_times = self._ask(lambda windows: _reset_times(windows, operation, rules))
        if reset_times:
            reset_time, name = max(reset_times)
            raise RateLimited(max(1, ceil(reset_time - time.time())), name)

    def _ask(self, question: Callable[[MovingWindowRateLimiter], Answer]) -> Answer:
        """Ask the storage, or the memory while the storage does not answer."""
        try:
            return question(self._windows if time.monotonic() >= self._outage_ends else self._windows_in_memory)
        except StorageError as error:
            self._begin_outage(error)
            return question(self._windows_in_memory)

    def _begin_outage(self, error: StorageError) -> None:
        """Use the memory for a minute, and log that once, however many requests found out."""
        with self._lock:
            if time.monotonic() >= self._outage_ends:
                self._outage_ends = time.monotonic() + OUTAGE_SECONDS
                log.error("Rate limits are counted in memory: their storage does not answer (%s)", error)


def _reset_times(windows: MovingWindowRateLimiter, operation: str, rules: Sequence[Rule]) -> list[tuple[float, str]]:
    """Apply an operation to every limit. Return when the exceeded ones end, and the names of their rules."""
    apply: Callable[..., bool] = getattr(windows, operation)
    return [
        (windows.get_window_stats(limit, name, *keys).reset_time, name)
        for limits, name, keys in rules
        for limit in limits
        if not apply(limit, name, *keys)
    ]


def _use_up(windows: MovingWindowRateLimiter, rule: Rule, cost: int) -> None:
    for limit in rule.limits:
        left = windows.get_window_stats(limit, rule.name, *rule.keys).remaining
        # Another request may take some of what is left at the same moment. A half of it fits then, or a quarter.
        counted = min(cost, left)
        while counted > 0 and not windows.hit(limit, rule.name, *rule.keys, cost=counted):
            counted //= 2


def count_password(request: Request, passwords: PasswordHasher) -> None:
    """Count a password before it is verified or set, right or wrong, because it costs a hash.

    A person who is logged in has their own limit, whatever others at the same address do. A full queue is reported
    first: a form that was put off does not count.
    """
    passwords.check_room()
    who = ("client", client_key(request)) if request.identity is None else ("person", str(request.identity.user_id))
    request.limiter.count([Rule(request.settings.rate_limit_passwords, "passwords", who)])


def log_in_rules(request: Request, email_key: str | None, credentials: Any) -> list[Rule]:
    """Limit failed logins, strictly for each pair of account and client, loosely for each account.

    A browser that has logged in to the account before has its own limits, so strangers cannot lock its owner out.
    """
    strict, loose = request.settings.rate_limit_log_in, request.settings.rate_limit_log_in_per_account
    if browser := known_browser_id(request, credentials):
        return [Rule(strict + loose, "log-in-of-browser", (browser, str(credentials.id)))]
    if email_key is None:
        return []
    return [
        Rule(strict, "log-in", (client_key(request), email_key)),
        Rule(loose, "log-in-of-account", (email_key,)),
    ]


def reauth_rules(request: Request) -> list[Rule]:
    """Limit wrong passwords of a person who is logged in. Only this login session uses up these limits."""
    limits = request.settings.rate_limit_log_in + request.settings.rate_limit_log_in_per_account
    return [Rule(limits, "reauth", (str(request.identity.login_session_id),))]


def two_factor_rules(request: Request) -> list[Rule]:
    """Limit wrong codes of a person who is logged in, by login session."""
    who = "session", str(request.identity.login_session_id)
    return [Rule(request.settings.rate_limit_two_factor, "two-factor", who)]


def log_in_code_rules(request: Request, credentials: Any) -> list[Rule]:
    """Limit wrong codes of logins to an account. A known browser has its own limit."""
    browser, user_id = known_browser_id(request, credentials), str(credentials.id)
    who = ("browser", browser, user_id) if browser else ("account", user_id)
    return [Rule(request.settings.rate_limit_two_factor, "two-factor", who)]


def count_registration(request: Request) -> None:
    """Count a registration of the client, unless the queue of passwords is full."""
    request.passwords.check_room()
    request.limiter.count([Rule(request.settings.rate_limit_register, "register", (client_key(request),))])


def password_reset_rules(request: Request, email_key: str, credentials: Any) -> list[Rule]:
    """Limit requested mails per client, and per recipient. A known browser has its own limit instead."""
    browser = known_browser_id(request, credentials)
    who = ("browser", browser, str(credentials.id)) if browser else ("address", email_key)
    return [
        Rule(request.settings.rate_limit_mail_per_client, "password-reset-of-client", (client_key(request),)),
        Rule(request.settings.rate_limit_mail, "password-reset", who),
    ]


def confirm_current_email_rules(request: Request, email_key: str) -> list[Rule]:
    """Limit mails that confirm the address of an account, strictly for each pair of client and recipient.

    The same address can be registered again after its account was deleted. A stranger who does that does not use up the
    mails of its owner, who is another client.
    """
    client, loose = client_key(request), request.settings.rate_limit_mail_per_client
    return [
        Rule(loose, "confirm-email-of-client", (client,)),
        Rule(loose, "confirm-email-of-recipient", (email_key,)),
        Rule(request.settings.rate_limit_mail, "confirm-current-email", (client, email_key)),
    ]


def confirm_new_email_rules(request: Request) -> list[Rule]:
    """Limit mails that confirm a new address, per person and per client.

    Not per recipient: the address may be that of somebody else, whose mail nobody else may use up.
    """
    return [
        Rule(request.settings.rate_limit_mail_per_client, "confirm-email-of-client", (client_key(request),)),
        Rule(request.settings.rate_limit_mail, "confirm-new-email", (str(request.identity.user_id),)),
    ]


def _timeouts(storage_url: str) -> dict[str, float]:
    """Return timeouts for Redis. Without them, a hanging server delays each login by ten seconds."""
    if storage_url.startswith("memory:"):
        return {}
    return {"socket_timeout": STORAGE_TIMEOUT_SECONDS, "socket_connect_timeout": STORAGE_TIMEOUT_SECONDS}


def limit_changes(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    """Derive a view that limits how often a logged-in person can send a POST. The option ``unlimited`` exempts it."""
    if info.exception_only or info.options.get("unlimited"):
        return view

    def limited(context: Any, request: Request) -> Response:
        if request.may_write and request.identity is not None:
            rule = Rule(request.settings.rate_limit_changes, CHANGES, (str(request.identity.user_id),))
            request.limiter.count([rule])
        return view(context, request)

    return limited


limit_changes.options = ("unlimited",)  # type: ignore[attr-defined]


class LoadLimit(NamedTuple):
    """A limit on requests that take long. A view has it in its option ``load_limit``.

    `setting` limits how often a person sends them, and `under_way` is the rule about how many are under way at once.
    """

    setting: str | None
    applies_to: Callable[[Request], bool] = lambda request: True
    under_way: str = LONG_READS


class UnderWay:
    """The requests of one kind that are under way. Too many at once are refused, with the name of a rule."""

    def __init__(self, rule: str) -> None:
        number, of_person, of_client = MOST_UNDER_WAY[rule]
        self._rule = rule
        self._of_people = Places(number, of_person)
        self._of_clients = Places(number, of_client)
        self._lock = threading.Lock()

    @contextmanager
    def begin(self, user_id: int, client: str) -> Iterator[None]:
        """Take a place for a person. Raises `RateLimited` if there is none for them, or for their client."""
        shares = ((self._of_people, user_id), (self._of_clients, client))
        with self._lock:
            if not all(places.has_room(holder) for places, holder in shares):
                raise RateLimited(RETRY_SECONDS, self._rule)
            for places, holder in shares:
                places.take(holder)
        try:
            yield
        finally:
            with self._lock:
                for places, holder in shares:
                    places.leave(holder)


def is_search(request: Request) -> bool:
    """Return whether the query string has a filter. Without one, a page of a list reads only its own rows."""
    return any(request.GET.get(name) for name in SEARCH_FILTERS)


SEARCHES = LoadLimit("rate_limit_searches", is_search)
LONG_PAGES = LoadLimit("rate_limit_searches")
LONG_DIARIES = LoadLimit("rate_limit_searches", lambda request: "viewings" in request.GET)
COMPLETIONS = LoadLimit("rate_limit_completions")
DOWNLOADS = LoadLimit("rate_limit_downloads")
UPLOADS = LoadLimit("rate_limit_uploads", under_way=UPLOADS_AT_ONCE)
CHANGES_OF_MANY = LoadLimit(None, under_way=LONG_CHANGES)


def _read_time_rule(request: Request) -> Rule:
    """Limit the time that the reads of a person take, so that a few people cannot have all places all the time."""
    limits = tuple(
        type(limit)(limit.amount * PARTS_OF_SECOND, limit.multiples)
        for limit in request.settings.rate_limit_read_seconds
    )
    return Rule(limits, READ_SECONDS, (str(request.identity.user_id),))


def _count_read_time(limiter: RateLimiter, rule: Rule, begun_at: float) -> None:
    seconds = perf_counter() - begun_at
    if seconds > MAX_FREE_SECONDS:
        limiter.use_up(rule, ceil(seconds * PARTS_OF_SECOND))


def _take_place(request: Request, rule: str) -> None:
    """Take a place until the request, and its transaction, has ended. Raises `RateLimited` if there is none.

    The time of a long read is counted then.
    """
    place = ExitStack()
    if rule == LONG_READS:
        read_time_rule = _read_time_rule(request)
        request.limiter.check([read_time_rule])
        place.callback(_count_read_time, request.limiter, read_time_rule, perf_counter())
    under_way = request.registry.under_way[rule]
    place.enter_context(under_way.begin(request.identity.user_id, client_key(request)))
    # Before the others: if one failed, this one would not be called, and the place would stay taken.
    request.finished_callbacks.appendleft(lambda request: place.close())


def limit_load(view: Callable[..., Response], info: Any) -> Callable[..., Response]:
    """Derive a view that limits the requests of a logged-in person to which its ``load_limit`` applies.

    It limits how often they are sent, how many are under way at once, and how much time those that read take together.
    One that writes is under way until its transaction has ended. The form, which may have a file, is read only by views
    below this one.
    """
    load_limit: LoadLimit | None = info.options.get("load_limit")
    if load_limit is None:
        return view

    def limited(context: Any, request: Request) -> Response:
        if request.identity is None or not load_limit.applies_to(request):
            return view(context, request)
        if load_limit.setting is not None:
            limits = getattr(request.settings, load_limit.setting)
            request.limiter.count([Rule(limits, load_limit.setting, (str(request.identity.user_id),))])
        _take_place(request, load_limit.under_way)
        return view(context, request)

    return limited


limit_load.options = ("load_limit",)  # type: ignore[attr-defined]


def includeme(config: Configurator) -> None:
    limiter = config.registry.limiter = RateLimiter(config.registry.flicklist.rate_limit_storage)
    config.registry.under_way = {rule: UnderWay(rule) for rule in MOST_UNDER_WAY}
    config.add_request_method(lambda request: limiter, "limiter", reify=True)
    config.add_view_deriver(limit_changes, under="secured_view")
    config.add_view_deriver(limit_load, under="limit_changes", over="csrf_view")
