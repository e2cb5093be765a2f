"""How rarely Python looks for cycles in the agent. Changes nothing but that."""

import gc

OBJECTS = 50_000


def calm() -> None:
    """A chunk of log makes thousands of values and no cycle: looking among them again and again
    takes a quarter of the time that reading does.
    """
    gc.freeze()
    gc.set_threshold(OBJECTS)
