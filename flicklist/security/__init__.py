"""What protects every request: policy, session cookie, CSRF, headers, re-authentication, rate limits, audit log."""

from pyramid.config import Configurator
from pyramid.request import Request

from flicklist.permissions import Permission
from flicklist.security.audit import client_key
from flicklist.security.policy import SecurityPolicy
from flicklist.security.session import CSRFStoragePolicy, session_factory
from flicklist.services.passwords import PasswordHasher, Sender


def includeme(config: Configurator) -> None:
    settings = config.registry.flicklist
    config.set_security_policy(SecurityPolicy())
    config.set_default_permission(Permission.NOBODY)
    config.set_session_factory(session_factory(settings))
    config.set_csrf_storage_policy(CSRFStoragePolicy())
    config.set_default_csrf_options(require_csrf=True)
    config.add_tween("flicklist.security.headers.headers_tween_factory")
    hasher = PasswordHasher(settings.bcrypt_cost, settings.max_concurrent_hashes, settings.min_password_length)

    def passwords(request: Request) -> PasswordHasher:
        return hasher.for_sender(Sender(client_key(request), request.authenticated_userid))

    config.add_request_method(passwords, reify=True)
