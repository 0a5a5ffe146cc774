"""Reasons why a row of a file cannot be imported."""

NO_TITLE = "There is no title, so it is unclear which movie this is."


class RowProblem(Exception):
    """Raised when a row cannot be imported. The message is the reason, and is shown to the person."""

    needs_decision = False


class RowRefused(RowProblem):
    """Raised for what FlickList does not take, such as a series."""


class RowUndecided(RowProblem):
    """Raised when the person must say what a row means, or correct the file."""

    needs_decision = True
