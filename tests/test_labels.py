"""Labels, which are separated by commas."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flicklist.labels import join_labels, label_keys, split_labels
from flicklist.text import compare_key


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("own it, with Mum", ["own it", "with Mum"]),
        (" own   it ,, Netflix,", ["own it", "Netflix"]),
        ("Netflix, netflix, NETFLIX", ["Netflix"]),
        ("Zoé, Zoe", ["Zoé", "Zoe"]),
        ("家、友達，Kino، سينما", ["家", "友達", "Kino", "سينما"]),
        ("a\nb", ["a b"]),
        ("\u200b, \u2800", []),
        ("", []),
    ],
)
def test_labels_are_split_at_commas_and_each_is_kept_once(text, labels):
    assert split_labels(text) == labels


def test_label_keys_are_between_commas():
    assert label_keys("Own it, DVD") == ",own it,dvd,"
    assert label_keys(" , ") == ""


def test_key_of_a_label_has_no_comma():
    for char in map(chr, range(sys.maxunicode + 1)):
        if char not in ",،、，":
            assert "," not in compare_key(char)


@given(st.lists(st.text()))
def test_joined_labels_split_into_the_same_labels(texts):
    labels = split_labels(",".join(texts))
    assert split_labels(join_labels(labels)) == labels
    assert label_keys(join_labels(labels)).strip(",").split(",") == (list(map(compare_key, labels)) or [""])
