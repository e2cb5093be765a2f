"""What is to be watched for news of the log. A value: watches nothing."""

from typing import NamedTuple


class Watched(NamedTuple):
    """`files` by name, whichever file has it at the time; `folders` for what comes into them.

    `is_late`: that there was news shows only some time after.
    """

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    is_late: bool = False
