"""A goal was missed."""


class Violation(Exception):
    """The text says which, and by whom."""
