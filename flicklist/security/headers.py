"""Security headers, on every response."""

from collections.abc import Callable

from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" browsers send "Origin: null", and the CSRF check refuses every form over https.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",  # for browsers without frame-ancestors
    # No page uses these, so injected code cannot either.
    "Permissions-Policy": (
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), "
        "microphone=(), midi=(), payment=(), serial=(), usb=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# One year, including subdomains (ASVS 5.0, 3.4.1). Browsers ignore it over http.
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"


def headers_tween_factory(handler: Callable[[Request], Response], registry: Registry) -> Callable[[Request], Response]:
    def headers_tween(request: Request) -> Response:
        response = handler(request)
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        # Without this, the Back button shows the movies of a person who has logged out.
        response.headers.setdefault("Cache-Control", "no-store")
        if request.scheme == "https":
            response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
        return response

    return headers_tween
