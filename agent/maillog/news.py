"""What one look at the log found. A value."""

from enum import IntEnum


class News(IntEnum):
    """False when there was nothing new. SOME: that was all there is; MORE: look again at once."""

    NOTHING = 0
    SOME = 1
    MORE = 2
