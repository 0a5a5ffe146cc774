"""Ratings of 1 to 10 half-stars, as text."""


def number_of_stars(rating: int) -> str:
    """Return 1 to 10 half-stars as a number of stars: 9 is ``4½``."""
    return f"{rating // 2 or ''}{'½' * (rating % 2)}"


def rating_text(rating: int) -> str:
    """Return 1 to 10 half-stars as text: 9 is ``4½ ★``."""
    return f"{number_of_stars(rating)} ★"
