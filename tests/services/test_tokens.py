"""Tokens are valid for one purpose only."""

import inspect
import itertools

import pytest

from flicklist.services import tokens
from tests.conftest import SECRET

PURPOSES = {
    name: make
    for name, make in inspect.getmembers(tokens, inspect.isfunction)
    if inspect.signature(make).return_annotation is tokens.Tokens
}
VALUES = ("alice@example.com", "the hash of a password")


def test_every_purpose_is_tested():
    assert PURPOSES.keys() >= {"password_reset_tokens", "email_tokens", "pending_login_tokens"}


@pytest.mark.parametrize("name", PURPOSES)
def test_token_is_valid_for_its_purpose(name):
    token = PURPOSES[name](SECRET).make(7, "subject", *VALUES)
    assert PURPOSES[name](SECRET).read(token) == (7, "subject")
    assert PURPOSES[name](SECRET).matches(token, *VALUES)


@pytest.mark.parametrize(("made_for", "used_for"), list(itertools.permutations(PURPOSES, 2)))
def test_token_for_one_purpose_is_refused_for_every_other(made_for, used_for):
    token = PURPOSES[made_for](SECRET).make(7, "subject", *VALUES)
    assert PURPOSES[used_for](SECRET).read(token) is None
    assert not PURPOSES[used_for](SECRET).matches(token, *VALUES)
