"""Tags: completed while somebody types, and in the outcome of a change."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from flicklist.labels import join_labels
from flicklist.models import Movie
from flicklist.models.change import MAX_OUTCOME_LENGTH
from flicklist.models.movie import IS_LISTED, MAX_TAG_LENGTH
from flicklist.text import compare_key, fold

MAX_COMPLETIONS = 8
MAX_COMBINATIONS = 5000  # of tags that movies have, the most used ones; a combination has up to 20 tags
MAX_COMPARED_TAGS = 2000  # the most used ones; comparing one outside ASCII takes 45 microseconds
_HASH_LENGTH = 16
_HASH = re.compile(f"(?<=…) [0-9a-f]{{{_HASH_LENGTH}}}$")
_COUNTS = (
    select(Movie.tags, func.count())
    .where(Movie.owner_id == bindparam("owner_id"), Movie.tags != "", IS_LISTED)
    .group_by(Movie.tags)
    .order_by(func.count().desc(), Movie.tags)
    .limit(MAX_COMBINATIONS)
)


def complete_tag(db: Session, owner_id: int, typed: str) -> list[str]:
    """Return at most eight of a person's tags that begin with the typed text, or have a later word that does.

    The most used come first. If a tag is spelled in several ways, its most used spelling is returned.
    """
    beginning = fold(typed) if len(typed) <= MAX_TAG_LENGTH else ""
    if not beginning:
        return []
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for tag, number in _count_tags(db, owner_id).most_common(MAX_COMPARED_TAGS):
        if f" {beginning}" in f" {fold(tag)}":
            spellings[compare_key(tag)][tag] = number
    by_use = sorted(spellings.values(), key=lambda counts: (-counts.total(), _usual_spelling(counts)))
    return [_usual_spelling(counts) for counts in by_use[:MAX_COMPLETIONS]]


def _count_tags(db: Session, owner_id: int) -> Counter[str]:
    """Return on how many listed movies each spelling of a tag is."""
    counts: Counter[str] = Counter()
    for tags, number in db.execute(_COUNTS, {"owner_id": owner_id}):
        for tag in tags.split(", "):
            counts[tag] += number
    return counts


def _usual_spelling(counts: Counter[str]) -> str:
    return min(counts, key=lambda tag: (-counts[tag], tag))


def outcome_of_tagging(verb: str, labels: Sequence[str]) -> str:
    """Return the outcome of a change of tags: ``tagged Netflix``.

    If it is too long, it is shortened and ends in a hash, so that other tags have another outcome.
    """
    outcome = f"{verb} {join_labels(labels)}"
    if len(outcome) <= MAX_OUTCOME_LENGTH:
        return outcome
    digest = hashlib.sha256(outcome.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{outcome[: MAX_OUTCOME_LENGTH - _HASH_LENGTH - 2]}… {digest}"


def tags_in_outcome(outcome: str) -> list[str]:
    """Return the tags in an outcome of `outcome_of_tagging`, without the hash. The last one may be shortened."""
    _, _, labels = _HASH.sub("", outcome).partition(" ")
    return labels.split(", ")
