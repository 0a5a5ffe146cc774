"""Rate limits: for failed logins, codes, registrations, mails and changes."""

import logging
import time
from collections.abc import Callable, Sequence
from math import ceil
from typing import Any, NamedTuple

from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from flicklist.security.audit import client_network

log = logging.getLogger(__name__)

# A household usually has one IPv4 address, or one IPv6 network of this size.
IPV4_PREFIX, IPV6_PREFIX = 32, 64
STORAGE_TIMEOUT_SECONDS = 1.0


class RateLimited(Exception):
    """A limit was reached. The same can be tried again after `seconds`."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Rule(NamedTuple):
    """Limits, and the key under which attempts are counted."""

    limits: tuple[RateLimitItem, ...]
    name: str
    keys: tuple[str, ...]


class RateLimiter:
    """Counts attempts in moving windows. If the storage does not answer, nothing is limited and an error is logged."""

    def __init__(self, storage_url: str) -> None:
        self.storage = storage_from_string(storage_url, wrap_exceptions=True, **_timeouts(storage_url))
        self._windows = MovingWindowRateLimiter(self.storage)

    def check(self, rules: Sequence[Rule]) -> None:
        """Raise `RateLimited` if one more attempt would be too many. Counts nothing."""
        self._apply(self._windows.test, rules)

    def count(self, rules: Sequence[Rule]) -> None:
        """Count an attempt against all rules. Raises `RateLimited` if one is exceeded, and then counts against none."""
        if self._apply(self._windows.test, rules):
            self._apply(self._windows.hit, rules)

    def _apply(self, operation: Callable[..., bool], rules: Sequence[Rule]) -> bool:
        """Apply ``test`` or ``hit`` to every limit. Raises `RateLimited` if one is exceeded.

        Return ``False`` if the storage does not answer.
        """
        try:
            reset_times = [
                self._windows.get_window_stats(limit, name, *keys).reset_time
                for limits, name, keys in rules
                for limit in limits
                if not operation(limit, name, *keys)
            ]
        except StorageError:
            log.exception("The storage of the rate limits did not answer")
            return False
        if reset_times:
            raise RateLimited(max(1, ceil(max(reset_times) - time.time())))
        return True


def log_in_rules(request: Request, account: str | None) -> list[Rule]:
    """Limit failures strictly for each pair of account and client, loosely for each client and for each account.

    So one client cannot quickly block an account. A persistent one can block it for up to an hour, and again. If
    `account` is ``None``, only the client is limited.
    """
    settings, client = request.settings, client_network(request, IPV4_PREFIX, IPV6_PREFIX)
    of_client = Rule(settings.rate_limit_log_in_per_client, "log-in-of-client", (client,))
    if account is None:
        return [of_client]
    return [
        Rule(settings.rate_limit_log_in, "log-in", (client, account)),
        of_client,
        Rule(settings.rate_limit_log_in_per_account, "log-in-of-account", (account,)),
    ]


def two_factor_rules(request: Request, user_id: int) -> list[Rule]:
    return [Rule(request.settings.rate_limit_two_factor, "two-factor", (str(user_id),))]


def register_rules(request: Request) -> list[Rule]:
    client = client_network(request, IPV4_PREFIX, IPV6_PREFIX)
    return [Rule(request.settings.rate_limit_register, "register", (client,))]


def mail_rules(request: Request, address: str) -> list[Rule]:
    """Limit requested mails per client and per recipient."""
    client, limits = client_network(request, IPV4_PREFIX, IPV6_PREFIX), request.settings.rate_limit_mail
    return [Rule(limits, "mail-of-client", (client,)), Rule(limits, "mail-to-address", (address,))]


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
            rule = Rule(request.settings.rate_limit_changes, "changes", (str(request.identity.user_id),))
            request.limiter.count([rule])
        return view(context, request)

    return limited


limit_changes.options = ("unlimited",)  # type: ignore[attr-defined]


def includeme(config: Configurator) -> None:
    limiter = config.registry.limiter = RateLimiter(config.registry.flicklist.rate_limit_storage)
    config.add_request_method(lambda request: limiter, "limiter", reify=True)
    config.add_view_deriver(limit_changes, under="secured_view")
