"""Shares of something that few can use at once: the queue of hashes, and requests that read much."""

from collections import Counter


class Places:
    """A number of places, of which each holder can take some. The caller locks them."""

    def __init__(self, number: int, number_of_holder: int) -> None:
        self._number = number
        self._number_of_holder = number_of_holder
        self._taken: Counter[str | int] = Counter()

    def has_room(self, holder: str | int) -> bool:
        return self._taken.total() < self._number and self._taken[holder] < self._number_of_holder

    def take(self, holder: str | int) -> None:
        self._taken[holder] += 1

    def leave(self, holder: str | int) -> None:
        self._taken -= Counter([holder])  # also forgets a holder with none left
