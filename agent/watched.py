"""What is to be watched for news of the log. A value: watches nothing."""

from typing import NamedTuple


class Watched(NamedTuple):
    """`files` by name, whichever file has it at the time; `folders` for what comes into them.

    `pipe`: a descriptor that is readable when there is news; -1: none. Then it alone is waited for.
    """

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    pipe: int = -1
