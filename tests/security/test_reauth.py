"""The view option `require_reauth`."""

from types import SimpleNamespace

import pytest
from pyramid.exceptions import ConfigurationError

from flicklist.security.reauth import require_reauth


def view(context, request):
    return "the page"


def derive(**options):
    return require_reauth(view, SimpleNamespace(options=options, exception_only=False))


@pytest.mark.parametrize("options", [{}, {"require_reauth": False}, {"require_reauth": None}])
def test_view_without_the_option_is_left_alone(options):
    assert derive(**options) is view


@pytest.mark.parametrize(
    "options", [{"require_reauth": ""}, {"require_reauth": "Password"}, {"prepare": view}, {"require_reauth": 2}]
)
def test_mistaken_options_stop_the_start(options):
    with pytest.raises(ConfigurationError):
        derive(**options)
