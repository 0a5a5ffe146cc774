"""Text: compared, folded, shortened and checked."""

import sys
import unicodedata
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flicklist.text import (
    MAX_QUOTE_LENGTH,
    compare_key,
    cut_before_folding,
    first_sentence,
    fold,
    has_visible_character,
    normalize,
    plain_digits,
    quote,
)

ALL_CHARACTERS = [
    char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char) not in {"Cn", "Co", "Cs"}
]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Too long. Shorten it.", "Too long."),
        ("“3/4. 2021” could be two different dates. Choose one.", "“3/4. 2021” could be two different dates."),
        ("Did you mean “Heat”? Choose it.", "Did you mean “Heat”?"),
        ("It should look like name@example.com.", "It should look like name@example.com."),
        ("no period", "no period"),
    ],
)
def test_first_sentence_ends_outside_quotation_marks(text, first):
    assert first_sentence(text) == first


def test_folding_a_character_twice_changes_nothing():
    assert len(ALL_CHARACTERS) > 140_000
    unstable = [char for char in ALL_CHARACTERS if fold(fold(char)) != fold(char)]
    assert unstable == []


@given(st.text(max_size=40))
def test_folding_and_comparing_text_twice_changes_nothing(text):
    assert fold(fold(text)) == fold(text)
    assert compare_key(compare_key(text)) == compare_key(text)


def test_accents_are_kept_but_never_sorted_by_the_thousands():
    """Sorting them takes quadratic time, which another request would wait for."""
    typed = "n" + "\u0301\u0327" * 5000
    normalized = normalize(typed)
    assert sorted(unicodedata.normalize("NFD", normalized.replace("\u034f", ""))) == sorted(typed)
    assert max(map(len, normalized.split("\u034f"))) <= 31
    assert normalize(normalized) == normalized


def test_characters_that_become_accents_are_counted_as_accents():
    """U+0F73 becomes two accents, and U+FF9E one when variants are folded. Neither counts as one in Unicode."""
    forms = "NFC", "NFKD"
    for char in ALL_CHARACTERS:
        if any(unicodedata.combining(unicodedata.normalize(form, char)[0]) for form in forms):
            for changed in (compare_key("n" + char * 100), normalize("n" + char * 100)):
                classes = groupby(map(unicodedata.combining, unicodedata.normalize("NFKD", changed)), bool)
                runs = [len(list(run)) for is_accent, run in classes if is_accent]
                assert max(runs, default=0) <= 60, hex(ord(char))


def test_comparing_and_folding_keep_few_accents():
    typed = "n" + "\u0301\u0327" * 5000
    assert len(compare_key(typed)) <= 31
    assert compare_key(compare_key(typed)) == compare_key(typed)
    assert fold(typed) == "n"


@given(st.text(max_size=40))
def test_equal_text_has_equal_folded_text(text):
    assert fold(compare_key(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


def test_folded_text_has_no_ascii_capitals():
    """SQLite compares them without case, and PostgreSQL with case."""
    folded = "".join(map(fold, ALL_CHARACTERS))
    assert not any("A" <= char <= "Z" for char in folded)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Amélie", "amelie"),
        ("  THE   Sting ", "the sting"),
        ("Toy Story™", "toy storytm"),
        ("8½", "8 1/2"),
        ("½", "1/2"),
        ("Straße", "strasse"),
        ("Łódź", "lodz"),
        ("Ænigma", "aenigma"),
        ("Ｈｅａｔ", "heat"),
        ("١٩٩٥", "1995"),
        ("Schindler´s List", "schindler's list"),
        ("Ocean’s – “8”", 'ocean\'s - "8"'),
        ("H\u00ade\u200ba\ufefft\u200e", "heat"),
        ("İstanbul", "istanbul"),
    ],
)
def test_folded_text(text, folded):
    assert fold(text) == folded


def test_key_is_at_most_three_times_as_long():
    """The column of the key has this length."""
    assert max(len(compare_key(char)) for char in ALL_CHARACTERS) == 3


@pytest.mark.parametrize(
    "text", ["", " ", "\u3164", "\u200b\u3000", "\u115f", "\ufe0f", "\u2800", "\u00ad\u200e", "\t"]
)
def test_text_without_visible_character(text):
    assert not has_visible_character(text)


@pytest.mark.parametrize("text", ["a", "\u200bx", "🎬", "👨‍👩‍👧", "…", "ㅎ", "\U0001fae8"])
def test_text_with_visible_character(text):
    assert has_visible_character(text)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("１９９５", "1995"),
        ("١٩٩٥", "1995"),
        ("２００９－０７－１４", "2009-07-14"),
        ("2009–07", "2009-07"),
        ("½", "½"),
    ],
)
def test_digits_and_dashes_become_ascii(typed, plain):
    assert plain_digits(typed) == plain


@pytest.mark.parametrize(
    ("text", "kept"), [("a" * 9, 9), ("é" * 9, 3), ("\ufdfa" * 9, 0), ("한" * 9, 2), ("ab\ufdfa", 2), ("한ab", 3)]
)
def test_text_is_cut_before_it_is_folded(text, kept):
    """Decomposed, é has two characters, a Korean syllable three, and U+FDFA eighteen. ASCII is not cut."""
    assert cut_before_folding(text, 7) == text[:kept]


@pytest.mark.parametrize("character", ["🇫🇷", "👨‍👩‍👧", "e\u0301"])
def test_quote_does_not_cut_a_character(character):
    beginning = "x" * (MAX_QUOTE_LENGTH - 2)
    assert quote(beginning + character + "yyy") == f"“{beginning}…”"


def test_quote_of_one_very_long_character_is_short():
    assert len(quote("e" + "\u0301" * 100)) == MAX_QUOTE_LENGTH + len("“”")


def test_short_text_is_quoted_whole():
    assert quote("x" * MAX_QUOTE_LENGTH) == f"“{'x' * MAX_QUOTE_LENGTH}”"
